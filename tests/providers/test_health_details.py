"""How a model is seen to do, and what having it called again changes."""

from __future__ import annotations

import pytest

from gateway_core.model import ProviderStatus
from gateway_core.providers.base import UpstreamError
from gateway_core.providers.breaker import FAILURES_TO_OPEN, CircuitState
from tests.providers.test_health import DOWN, ONE, OTHER, Watched

WAIT = UpstreamError("groq asks to wait.", kind="status", status=429, retryable=True, retry_after_s=90.0)
NO_KEY = UpstreamError("groq does not take the key.", kind="status", status=401)
CALLERS = UpstreamError("too long", kind="status", status=400, code="context_length_exceeded")


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_tries_and_errors_of_the_last_hour_are_counted(watched: Watched) -> None:
    watched.fail(times=2)
    watched.clock.advance(3_000)
    watched.succeed()
    watched.fail()
    watched.fail(CALLERS)
    watched.succeed(OTHER)
    found = watched.health.of("groq", "one")
    assert (found.tries_last_hour, found.errors_last_hour) == (4, 3), "what the caller did wrong does not count"
    assert (found.last_error, found.last_error_at) == ("groq failed (500).", watched.clock.now())
    watched.clock.advance(3_000)
    assert watched.health.of("groq", "one").tries_last_hour == 2
    assert watched.health.of("groq", "never called").tries_last_hour == 0


def test_a_model_is_as_ill_as_its_whole_provider(watched: Watched) -> None:
    watched.succeed(OTHER)
    watched.fail(NO_KEY)
    for model in ("one", "other"):
        found = watched.health.of("groq", model)
        assert found.circuit is CircuitState.OPEN and found.wait_s == 600
        assert "does not take the key" in found.why
    assert watched.health.of("groq", "one").last_error == NO_KEY.message


def test_a_pause_is_told_and_makes_the_provider_down(watched: Watched) -> None:
    watched.fail(WAIT)
    found = watched.health.of("groq", "one")
    assert found.paused and found.wait_s == 90 and found.circuit is CircuitState.CLOSED
    assert found.why == "one: asked the gateway to wait 90 s"
    (status,) = watched.health.statuses([ProviderStatus("groq", "openai", "http://g", "ok")])
    assert (status.state, status.detail) == ("down", "one: asked the gateway to wait 90 s")
    watched.clock.advance(91)
    (status,) = watched.health.statuses([ProviderStatus("groq", "openai", "http://g", "ok")])
    assert status.state == "ok" and watched.health.of("groq", "one").why == ""


@pytest.mark.parametrize("error", [DOWN, WAIT, NO_KEY])
def test_called_again_it_starts_afresh(watched: Watched, error: UpstreamError) -> None:
    watched.fail(error, times=FAILURES_TO_OPEN if error is DOWN else 1)
    assert watched.blocked() is not None
    assert watched.health.retry("groq") is True
    assert watched.blocked() is None and watched.health.of("groq", "one").circuit is CircuitState.CLOSED
    assert watched.health.retry("groq") is False and watched.health.retry("nobody") is False
    watched.fail(times=FAILURES_TO_OPEN - 1)
    assert watched.blocked() is None, "failures of before do not count"


def test_a_call_from_before_does_not_open_what_was_closed_by_hand(watched: Watched) -> None:
    watched.fail(times=FAILURES_TO_OPEN - 1)
    late = watched.permit(ONE)
    watched.fail()
    watched.health.retry("groq")
    for _ in range(FAILURES_TO_OPEN):
        with late:
            late.failed(DOWN)
    assert watched.blocked() is None
