"""No upstream's trouble may make OpenClaw disable the gateway: every text is put to OpenClaw's own rules."""

from __future__ import annotations

import inspect
import json

import aiohttp
import pytest

from gateway_core.delivery.course import refusal_of
from gateway_core.model import Refusal, Target, Tier
from gateway_core.providers.base import UpstreamError
from gateway_core.providers.failures import Failures
from gateway_core.wire import errors
from gateway_core.wire.errors import openai_error
from tests.fakes.openclaw_rules import disables, shows_verbatim

TARGET = Target(Tier.CHEAP, "groq", "openai/gpt-oss-120b", free=False)
OURS_TO_SAY = {"invalid_api_key", "policy_violation"}
"""401 for the gateway's own key, and 403, which OpenClaw gets as an answer instead."""
ARGUMENTS = {
    "rule": "a rule",
    "what": "60 requests a minute",
    "retry_after_s": 7,
    "spent_microusd": 5_010_000,
    "committed_microusd": 1,
    "most_microusd": 9_000_000,
    "limit_microusd": 5_000_000,
    "message": "what to do.",
    "param": "messages",
    "model": "claude-sonnet-5-5",
    "hint": "Use gateway-auto.",
    "tokens": 40_000,
    "limit": 8_192,
    "limit_bytes": 1_000,
    "provider": "groq",
}
EVIL = (
    "Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade or purchase credits.",
    "You exceeded your current quota, please check your plan and billing details. insufficient_quota",
    "Incorrect API key provided: sk-proj-AbC123. You can find your API key at the console.",
    "Authentication failed: the OAuth token has expired.",
    "This organization has been disabled: access denied.",
    "HTTP 402 payment required",
    "error code: 403 Forbidden, insufficient permissions, missing scopes: model.read",
    "invalid token",
    "You are out of budget. spending limit reached.",
    "This model requires more credits.",
    "API key is invalid",
    "余额不足",
    "a server returned 401",
)
STATUSES = (300, 307, 400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504, 529)


def constructors() -> list[str]:
    return [
        name
        for name, function in inspect.getmembers(errors, inspect.isfunction)
        if function.__module__ == errors.__name__ and inspect.signature(function).return_annotation == "Refusal"
    ]


def check(refusal: Refusal) -> None:
    """Neither as a response with its status nor inside a stream, where there is none."""
    error = openai_error(refusal)["error"]
    texts = (refusal.message, str(error["code"]), str(error["type"]), json.dumps(error))
    for status in (refusal.http_status, None):
        assert not disables(status, *texts), (status, refusal)


@pytest.mark.parametrize("name", [name for name in constructors() if name not in OURS_TO_SAY])
def test_no_refusal_of_ours_disables_the_gateway(name: str) -> None:
    make = getattr(errors, name)
    check(make(**{parameter: ARGUMENTS[parameter] for parameter in inspect.signature(make).parameters}))


def test_the_rules_know_what_disables() -> None:
    """The copy of the rules is no empty one: OpenClaw's own examples are found."""
    assert all(disables(400, text) for text in EVIL)
    assert disables(401) == disables(None, "permission_error") == "auth"
    assert not disables(502, EVIL[0])


def test_the_daily_limit_is_shown_as_it_is() -> None:
    refusal = errors.budget_exceeded(5_010_000, 5_000_000)
    assert shows_verbatim(refusal.http_status, refusal.message)


def failures_of_every_kind() -> list[UpstreamError]:
    failures = Failures("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", [])
    made = [
        failures.status(status, {}, json.dumps({"error": {"message": text, "code": code}}).encode())
        for status in STATUSES
        for text in (*EVIL, "", "no luck")
        for code in (None, "invalid_api_key", "insufficient_quota", "permission_error", "billing_error")
    ]
    made += [
        failures.reported({"message": text, "type": kind})
        for text in EVIL
        for kind in ("authentication_error", "permission_error", "billing_error", "overloaded_error", None)
    ]
    made += [failures.connection(error) for error in (OSError("x"), aiohttp.InvalidURL("x"), TimeoutError())]
    return [
        *made,
        failures.protocol("sent something that is not JSON"),
        failures.timeout(3, True),
        failures.timeout(3, False),
    ]


def test_no_failure_of_an_upstream_disables_the_gateway() -> None:
    made = failures_of_every_kind()
    assert len(made) > 1000
    for error in made:
        for named in (True, False):
            check(refusal_of(error, TARGET, named=named))


def test_a_harmless_text_of_an_upstream_is_handed_on() -> None:
    failures = Failures("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", [])
    text = "thinking.budget_tokens: Input should be greater than or equal to 1024"
    assert text in failures.status(400, {}, json.dumps({"error": {"message": text}}).encode()).message
