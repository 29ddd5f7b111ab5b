"""The words of refusals, where clients depend on them."""

from __future__ import annotations

import re

import pytest

from gateway_core.model import Refusal
from gateway_core.wire import errors

ALL = [
    (errors.invalid_api_key(), 401, "invalid_api_key"),
    (errors.policy_violation("it asks to delete a disk"), 403, "policy_violation"),
    (errors.rate_limited("the limit of 60 requests a minute", 7), 429, "rate_limit_exceeded"),
    (errors.budget_exceeded(5_010_000, 5_000_000), 429, "budget_exceeded"),
    (errors.kill_switch(), 503, "kill_switch"),
    (errors.stopped_by_hand(), 409, "stopped_by_hand"),
    (errors.invalid_request("n: must be 1", "n"), 400, "invalid_request"),
    (errors.context_length_exceeded(9000, 8192), 400, "context_length_exceeded"),
    (errors.body_too_large(10), 413, "invalid_request"),
    (errors.model_not_found("x", "Use gateway-auto."), 404, "model_not_found"),
    (errors.upstream_error("anthropic", "answered 500"), 502, "upstream_error"),
    (errors.upstream_timeout("groq"), 504, "upstream_timeout"),
    (errors.no_provider(), 503, "no_provider"),
    (errors.idempotency_conflict(), 409, "idempotency_conflict"),
]


@pytest.mark.parametrize(("refusal", "status", "code"), ALL)
def test_every_code_has_its_status_and_envelope(refusal: Refusal, status: int, code: str) -> None:
    error = errors.openai_error(refusal)["error"]
    assert (refusal.http_status, error["code"]) == (status, code)
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"]


@pytest.mark.parametrize("limit", [5_000_000, 50_000, 10_000])
def test_openclaw_shows_a_full_budget_verbatim_and_asks_once(limit: int) -> None:
    message = errors.budget_exceeded(limit + 10_000, limit).message
    assert re.search(r"(daily|weekly|monthly) (usage )?limit", message)
    assert "Resets at 00:00 UTC" in message
    assert len(message) <= 300
    assert not re.search("quota|out of budget|spending limit", message)


def test_the_budget_is_told_in_dollars() -> None:
    message = errors.budget_exceeded(5_010_000, 5_000_000).message
    assert message == "llmgw: daily limit reached, 5.01 of 5.00 USD spent. Resets at 00:00 UTC."
    assert "0.0098 of 0.0100 USD" in errors.budget_exceeded(9_800, 10_000).message


def test_a_wait_is_told_in_whole_seconds() -> None:
    assert errors.rate_limited("the limit", 0).retry_after_s == 1


def test_the_provider_is_named_once() -> None:
    assert errors.upstream_error("groq", "groq answered 500.").message == "groq answered 500."
    assert errors.upstream_error("groq", "it broke").message == "groq: it broke"


@pytest.mark.parametrize(("refusal", "status", "code"), ALL)
def test_every_code_has_anthropics_envelope_too(refusal: Refusal, status: int, code: str) -> None:
    body = errors.anthropic_error(refusal, "req_1")
    assert (body["type"], body["request_id"], body["error"]["code"]) == ("error", "req_1", code)
    expected = {401: "authentication_error", 429: "rate_limit_error", 502: "api_error", 503: "overloaded_error"}
    assert body["error"]["type"] == expected.get(status, body["error"]["type"])
    assert body["error"]["type"].endswith("_error") or body["error"]["type"] == "request_too_large"


def test_a_full_context_is_told_in_the_words_that_claude_code_acts_on() -> None:
    ours = errors.anthropic_error(errors.context_length_exceeded(9000, 8000), None)["error"]["message"]
    assert ours.startswith("prompt is too long: The request needs about 9000 tokens")
    theirs = "prompt is too long: 210000 tokens > 200000 maximum"
    refusal = Refusal("context_length_exceeded", theirs, 400)
    assert errors.anthropic_error(refusal, None)["error"]["message"] == theirs
