"""Who may be called, as failures tell."""

from __future__ import annotations

import pytest

from gateway_core.model import ProviderStatus, Target, Tier
from gateway_core.providers.base import UpstreamError
from gateway_core.providers.breaker import FAILURES_TO_OPEN, CircuitState
from gateway_core.providers.health import (
    LONGEST_LOCAL_COOL_OFF_S,
    LONGEST_PAUSE_S,
    MAX_CIRCUITS,
    MISCONFIGURED_S,
    Blocked,
    Health,
    Permit,
)
from tests.store.support import FakeClock

ONE = Target(Tier.CHEAP, "groq", "one", free=False)
OTHER = Target(Tier.CHEAP, "groq", "other", free=False)
LOCAL = Target(Tier.LOCAL, "local", "qwen3", free=True)
DOWN = UpstreamError("groq failed (500).", kind="status", status=500, retryable=True)


class Watched:
    """Health on a clock that is set, and what it told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[tuple[str, str]] = []
        self.health = Health(self.clock, lambda level, text: self.told.append((level, text)), jitter=lambda: 0.0)

    def permit(self, target: Target = ONE) -> Permit:
        admitted = self.health.admit(target)
        assert isinstance(admitted, Permit)
        return admitted

    def fail(self, error: UpstreamError = DOWN, times: int = 1, target: Target = ONE, named: bool = False) -> None:
        for _ in range(times):
            with self.permit(target) as permit:
                permit.failed(error, named=named)

    def succeed(self, target: Target = ONE) -> None:
        with self.permit(target) as permit:
            permit.succeeded()

    def blocked(self, target: Target = ONE) -> Blocked | None:
        admitted = self.health.admit(target)
        if isinstance(admitted, Blocked):
            return admitted
        with admitted:
            return None


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_failures_open_the_circuit_of_the_model_alone(watched: Watched) -> None:
    watched.fail(times=FAILURES_TO_OPEN)
    assert watched.blocked(ONE) == Blocked("is not called now: circuit open after 5 failures", 10.0, 503)
    assert watched.blocked(OTHER) is None


def test_opening_and_closing_are_told_once_each(watched: Watched) -> None:
    watched.fail(times=FAILURES_TO_OPEN)
    watched.clock.advance(10)
    watched.succeed()
    watched.succeed()
    levels = [level for level, _ in watched.told]
    assert levels == ["warning", "info"]
    assert "groq/one" in watched.told[0][1] and "10 s" in watched.told[0][1]


@pytest.mark.parametrize("code", ["context_length_exceeded", "invalid_request"])
def test_what_the_caller_did_wrong_does_not_count(watched: Watched, code: str) -> None:
    watched.fail(UpstreamError("no", kind="status", status=400, code=code), times=3 * FAILURES_TO_OPEN)
    assert watched.blocked() is None


@pytest.mark.parametrize("retry_after_s", [None, 60.0])
def test_a_request_too_large_for_the_plan_says_nothing_of_the_next_one(
    watched: Watched, retry_after_s: float | None
) -> None:
    large = UpstreamError("too large", kind="limit", status=413, retry_after_s=retry_after_s)
    watched.fail(large, times=3 * FAILURES_TO_OPEN)
    assert watched.blocked() is None


def test_a_provider_that_is_another_now_is_called_at_once_and_the_rest_stays_known(watched: Watched) -> None:
    elsewhere = Target(Tier.CHEAP, "openai", "one", free=False)
    refused = UpstreamError("groq did not accept the gateway's key.", kind="status", status=401)
    late = watched.permit()
    watched.fail(refused)
    watched.fail(times=FAILURES_TO_OPEN, target=elsewhere)
    told = len(watched.told)
    watched.health.forget(["groq"])
    assert watched.blocked(ONE) is None and watched.blocked(elsewhere)
    with late:
        late.failed(refused)
    assert watched.blocked(ONE) is None, "that was the old key"
    assert len(watched.told) == told


def test_a_model_that_the_caller_named_and_that_is_not_there_is_the_callers_mistake(watched: Watched) -> None:
    gone = UpstreamError("gone", kind="status", status=404, code="model_not_found")
    watched.fail(gone, named=True)
    assert watched.blocked() is None
    watched.fail(gone)
    blocked = watched.blocked()
    assert blocked and blocked.wait_s == MISCONFIGURED_S
    assert watched.blocked(OTHER) is None


@pytest.mark.parametrize("kind", ["timeout", "protocol", "connect"])
def test_time_outs_and_streams_that_die_count(watched: Watched, kind: str) -> None:
    watched.fail(UpstreamError("dead", kind=kind), times=FAILURES_TO_OPEN)
    assert watched.blocked()


@pytest.mark.parametrize("status", [401, 402])
def test_a_key_or_account_that_is_not_taken_stops_the_whole_provider_for_long(watched: Watched, status: int) -> None:
    watched.fail(UpstreamError("groq did not accept the gateway's key.", kind="status", status=status))
    for target in (ONE, OTHER):
        blocked = watched.blocked(target)
        assert blocked and blocked.wait_s == MISCONFIGURED_S
    watched.clock.advance(MISCONFIGURED_S)
    probe = watched.permit(OTHER)
    assert watched.blocked(ONE)
    with probe:
        probe.succeeded()
    assert watched.blocked(ONE) is None


def test_a_probe_of_the_provider_that_fails_otherwise_lets_the_next_one_try(watched: Watched) -> None:
    watched.fail(UpstreamError("groq did not accept the gateway's key.", kind="status", status=401))
    watched.clock.advance(MISCONFIGURED_S)
    watched.fail(DOWN)
    assert watched.blocked() is None


def test_several_calls_that_learn_the_same_tell_it_once(watched: Watched) -> None:
    refused = UpstreamError("groq did not accept the gateway's key.", kind="status", status=401)
    permits = [watched.permit() for _ in range(3)]
    for permit in permits:
        with permit:
            permit.failed(refused)
    assert len(watched.told) == 1


def test_a_long_retry_after_is_quiet_for_everybody_until_then(watched: Watched) -> None:
    watched.fail(UpstreamError("slow down", kind="status", status=429, retry_after_s=90.0))
    assert watched.blocked() == Blocked("asked the gateway to wait", 90.0, 429)
    watched.clock.advance(89)
    assert watched.blocked()
    watched.clock.advance(1)
    permits = [watched.permit(), watched.permit()]
    assert len(permits) == 2, "it is no failure, and needs no probe"


def test_nobody_is_left_alone_for_days(watched: Watched) -> None:
    watched.fail(UpstreamError("slow down", kind="status", status=429, retry_after_s=1e9))
    blocked = watched.blocked()
    assert blocked and blocked.wait_s == LONGEST_PAUSE_S


def test_a_local_server_is_looked_for_again_soon(watched: Watched) -> None:
    for _ in range(9):
        watched.clock.advance(1000)
        watched.fail(target=LOCAL, times=1 if watched.health.circuits() else FAILURES_TO_OPEN)
    blocked = watched.blocked(LOCAL)
    assert blocked and blocked.wait_s <= LONGEST_LOCAL_COOL_OFF_S


def test_a_probe_that_was_cancelled_says_nothing(watched: Watched) -> None:
    watched.fail(times=FAILURES_TO_OPEN)
    watched.clock.advance(10)
    with pytest.raises(KeyboardInterrupt), watched.permit():
        raise KeyboardInterrupt
    assert watched.blocked() is None


def test_the_status_of_a_provider_counts_down(watched: Watched) -> None:
    checked = (ProviderStatus("groq", "openai", "https://api.groq.com", "ok"),)
    assert watched.health.statuses(checked) == checked
    watched.fail(times=FAILURES_TO_OPEN)
    watched.clock.advance(3)
    (status,) = watched.health.statuses(checked)
    assert (status.state, status.detail) == ("down", "one: circuit open after 5 failures, next try in 7 s")
    watched.clock.advance(7)
    assert watched.health.statuses(checked)[0].detail == "one: circuit open after 5 failures, the next request tries it"
    watched.succeed()
    assert watched.health.statuses(checked) == checked


def test_a_provider_that_nobody_checks_shows_while_it_is_down(watched: Watched) -> None:
    watched.fail(target=LOCAL, times=FAILURES_TO_OPEN)
    (status,) = watched.health.statuses(())
    assert (status.name, status.state) == ("local", "down")


def test_the_circuit_of_a_model_is_open_with_its_providers(watched: Watched) -> None:
    watched.succeed(OTHER)
    watched.fail(UpstreamError("no key", kind="status", status=401))
    assert {(circuit.model, circuit.state) for circuit in watched.health.circuits()} == {
        ("one", CircuitState.OPEN),
        ("other", CircuitState.OPEN),
    }


def test_naming_many_models_does_not_fill_the_memory(watched: Watched) -> None:
    for number in range(2 * MAX_CIRCUITS):
        watched.succeed(Target(Tier.CHEAP, "groq", f"model-{number}", free=False))
    assert len(watched.health.circuits()) <= MAX_CIRCUITS
