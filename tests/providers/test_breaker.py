"""The circuit breaker: when it opens, how long for, and who may look whether it can close."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from gateway_core.providers.breaker import (
    FAILURES_TO_OPEN,
    FIRST_COOL_OFF_S,
    JITTER,
    LONGEST_COOL_OFF_S,
    PROBE_S,
    Breaker,
    CircuitState,
)


def fail(breaker: Breaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        ticket = breaker.admit(now)
        assert ticket is not None
        breaker.failed(ticket, now)


def test_five_failures_in_a_row_open_it() -> None:
    breaker = Breaker(lambda: 0.0)
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert breaker.admit(0.0) is not None
    fail(breaker, 1)
    assert breaker.admit(0.0) is None
    assert breaker.wait_s(4.0) == FIRST_COOL_OFF_S - 4.0


def test_a_success_between_them_starts_the_count_again() -> None:
    breaker = Breaker(lambda: 0.0)
    fail(breaker, FAILURES_TO_OPEN - 1)
    ticket = breaker.admit(0.0)
    assert ticket is not None
    breaker.succeeded(ticket, 0.0)
    fail(breaker, FAILURES_TO_OPEN - 1)
    assert breaker.state(0.0) is CircuitState.CLOSED


def test_after_the_cool_off_one_request_probes_and_the_others_wait() -> None:
    breaker = Breaker(lambda: 0.0)
    fail(breaker, FAILURES_TO_OPEN)
    probe = breaker.admit(FIRST_COOL_OFF_S)
    assert probe is not None
    assert breaker.admit(FIRST_COOL_OFF_S) is None
    assert breaker.succeeded(probe, FIRST_COOL_OFF_S + 1)
    assert breaker.state(FIRST_COOL_OFF_S + 1) is CircuitState.CLOSED


def test_a_failed_probe_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    breaker, now, waits = Breaker(lambda: 1.0), 0.0, []
    fail(breaker, FAILURES_TO_OPEN)
    for _ in range(12):
        waits.append(breaker.wait_s(now))
        now += waits[-1]
        fail(breaker, 1, now)
    longest = LONGEST_COOL_OFF_S * (1 + JITTER)
    expected = [min(FIRST_COOL_OFF_S * 2**n, LONGEST_COOL_OFF_S) * (1 + JITTER) for n in range(12)]
    assert [round(wait, 6) for wait in waits] == [round(wait, 6) for wait in expected]
    assert waits[-1] == longest


def test_a_probe_that_is_given_up_lets_the_next_one_try_at_once() -> None:
    breaker = Breaker(lambda: 0.0)
    fail(breaker, FAILURES_TO_OPEN)
    probe = breaker.admit(FIRST_COOL_OFF_S)
    assert probe is not None
    breaker.forgone(probe, FIRST_COOL_OFF_S)
    assert breaker.admit(FIRST_COOL_OFF_S) is not None


def test_a_probe_without_an_end_does_not_keep_the_others_out_for_ever() -> None:
    breaker = Breaker(lambda: 0.0)
    fail(breaker, FAILURES_TO_OPEN)
    assert breaker.admit(FIRST_COOL_OFF_S) is not None
    assert breaker.admit(FIRST_COOL_OFF_S + PROBE_S - 1) is None
    assert breaker.admit(FIRST_COOL_OFF_S + PROBE_S) is not None


def test_calls_that_began_before_it_opened_change_nothing_when_they_end() -> None:
    breaker = Breaker(lambda: 0.0)
    old = breaker.admit(0.0)
    assert old is not None
    fail(breaker, FAILURES_TO_OPEN)
    assert not breaker.succeeded(old, 1.0)
    assert not breaker.failed(old, FIRST_COOL_OFF_S)
    assert breaker.state(FIRST_COOL_OFF_S) is CircuitState.HALF_OPEN


class Circuits(RuleBasedStateMachine):
    """Calls begin and end in any order while time passes; the machine keeps its own count."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(lambda: 0.5)
        self.opened_at: float | None = None
        self.wait = 0.0
        self.probes: list[float] = []

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 11.0, 60.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=calls)
    def begin(self) -> object:
        state = self.breaker.state(self.now)
        ticket = self.breaker.admit(self.now)
        if state is CircuitState.OPEN:
            assert ticket is None
        if state is CircuitState.CLOSED:
            assert ticket is not None
        if state is CircuitState.HALF_OPEN and ticket is not None:
            self.probes.append(self.now)
        return multiple() if ticket is None else multiple(ticket)

    @rule(ticket=consumes(calls), how=st.sampled_from(["well", "badly", "unknown"]))
    def end(self, ticket: int, how: str) -> None:
        before = self.breaker.state(self.now)
        if how == "unknown":
            self.breaker.forgone(ticket, self.now)
            assert self.breaker.state(self.now) is before
        elif how == "well":
            closed = self.breaker.succeeded(ticket, self.now)
            assert closed == (before is CircuitState.HALF_OPEN and self.breaker.state(self.now) is CircuitState.CLOSED)
            assert before is not CircuitState.OPEN or self.breaker.state(self.now) is CircuitState.OPEN
        elif self.breaker.failed(ticket, self.now):
            assert before is not CircuitState.OPEN
            assert self.breaker.state(self.now) is CircuitState.OPEN
            assert FIRST_COOL_OFF_S <= self.breaker.wait_s(self.now) <= LONGEST_COOL_OFF_S * (1 + JITTER)

    @invariant()
    def an_open_circuit_always_ends(self) -> None:
        wait = self.breaker.wait_s(self.now)
        assert 0 <= wait <= LONGEST_COOL_OFF_S * (1 + JITTER)
        assert self.breaker.wait_s(self.now + wait) == 0 or self.breaker.state(self.now) is CircuitState.OPEN

    @invariant()
    def it_stays_closed_below_the_threshold(self) -> None:
        if self.breaker.failures < FAILURES_TO_OPEN:
            assert self.breaker.state(self.now) is CircuitState.CLOSED


TestCircuits = Circuits.TestCase
