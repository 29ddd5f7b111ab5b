"""Words and waits of upstream failures."""

from __future__ import annotations

import pytest

from gateway_core.providers.failures import Failures, retry_after

NOW = 1_795_000_000.0


@pytest.fixture
def failures() -> Failures:
    return Failures("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", ["hunter2hunter2"])


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "90"}, 90.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 18 Nov 2026 10:28:20 GMT"}, 0.0),
        ({"retry-after": "Wed, 18 Nov 2026 23:59:59 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW * 2) == seconds


def test_a_date_counts_from_now() -> None:
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, now=70.0) == 30.0


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("bad key hunter2hunter2 here", "bad key [key] here"),
        ("Incorrect API key provided: sk-proj-AbC123xyz***9Q.", "Incorrect API key provided: [key]"),
        ("sent Authorization: Bearer abc.def", "sent Authorization: [key]"),
        ("<!DOCTYPE html><html><body>nginx</body></html>", ""),
        ("a\x1b[31m\x00 \u202eb\nc", "a [31m b c"),
        ("  ", ""),
        ("x" * 1000, "x" * 400),
    ],
)
def test_texts_are_cleaned(failures: Failures, text: str, clean: str) -> None:
    assert failures.clean(text) == clean


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "no luck"}}',
        b'{"error": "no luck"}',
        b'{"message": "no luck"}',
        b'{"detail": "no luck"}',
    ],
)
def test_the_text_is_found_in_every_envelope(failures: Failures, body: bytes) -> None:
    assert failures.status(500, {}, body).message == "groq failed (500): no luck"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"error": null}', b'{"error": {"message": null}}', b"\xff"])
def test_a_body_without_a_text_still_makes_a_message(failures: Failures, body: bytes) -> None:
    assert failures.status(502, {}, body).message == "groq failed (502)."


@pytest.mark.parametrize("status", [401, 402, 403])
def test_what_the_gateway_must_mend_is_told_in_our_words(failures: Failures, status: int) -> None:
    error = failures.status(status, {}, b'{"error": {"message": "Your credit balance is too low, see billing"}}')
    assert error.status == status
    assert str(status) not in error.message
    assert "credit" not in error.message
    assert "billing" not in error.message
    assert not error.retryable


@pytest.mark.parametrize(
    "text",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "This model's maximum context length is 8192 tokens.",
        "the request exceeds the available context size, try increasing it",
        "Please reduce the length of the messages or completion.",
    ],
)
def test_a_prompt_that_is_too_long_is_recognised(failures: Failures, text: str) -> None:
    body = b'{"error": {"message": "%s"}}' % text.encode()
    assert failures.status(400, {}, body).code == "context_length_exceeded"


@pytest.mark.parametrize("status", [413, 429])
def test_a_request_above_the_accounts_minute_is_the_targets_limit(failures: Failures, status: int) -> None:
    text = (
        "Request too large for model `openai/gpt-oss-120b` in organization `org_1` service tier `on_demand` on tokens "
        "per minute (TPM): Limit 8000, Requested 12328, please reduce your message size and try again. Need more "
        "tokens? Upgrade today at https://console.groq.com/settings/billing"
    )
    body = b'{"error": {"message": "%s", "type": "tokens", "code": "rate_limit_exceeded"}}' % text.encode()
    error = failures.status(status, {}, body)
    assert (error.kind, error.status, error.code, error.retryable, error.sent) == ("limit", 413, None, False, False)
    assert "8000 tokens a minute are allowed, and it needs 12328" in error.message and "billing" not in error.message


def test_a_full_minute_that_empties_is_waited_for(failures: Failures) -> None:
    text = b"Rate limit reached for model `x` on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443."
    body = b'{"error": {"message": "%s", "type": "tokens", "code": "rate_limit_exceeded"}}' % text
    error = failures.status(429, {"retry-after": "5"}, body)
    assert (error.kind, error.status, error.retryable, error.retry_after_s) == ("status", 429, True, 5.0)


@pytest.mark.parametrize("code", ["tool_use_failed", "json_validate_failed"])
def test_what_groqs_model_got_wrong_is_not_the_callers_fault(failures: Failures, code: str) -> None:
    body = b'{"error": {"message": "Failed to call a function.", "type": "invalid_request_error", "code": "%s"}}'
    error = failures.status(400, {}, body % code.encode())
    assert (error.kind, error.code, error.retryable, error.sent) == ("protocol", None, True, True)


def test_a_setup_token_that_anthropic_does_not_take_here_is_ours_to_mend() -> None:
    failures = Failures("anthropic", "https://api.anthropic.com", "ANTHROPIC_SETUP_TOKEN")
    text = b"This credential is only authorized for use with Claude Code and cannot be used for other API requests."
    body = b'{"type": "error", "error": {"type": "invalid_request_error", "message": "%s"}}' % text
    error = failures.status(400, {}, body)
    assert (error.code, error.retryable) == (None, False)
    assert "ANTHROPIC_SETUP_TOKEN" in error.message


def test_an_error_inside_an_answer_may_have_been_charged(failures: Failures) -> None:
    error = failures.reported({"type": "overloaded_error", "message": "Overloaded"})
    assert (error.kind, error.status, error.sent, error.retryable) == ("protocol", 529, True, True)
