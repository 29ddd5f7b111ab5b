from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.gates import rate_limit
from gateway_core.gates.rate_limit import RateLimit
from tests.store.support import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def passes(limit: RateLimit, caller: str = "ada", tokens: int = 0) -> bool:
    return limit.check(caller, tokens) is None


def test_a_minute_has_so_many_requests(clock: FakeClock) -> None:
    limit = RateLimit(60, 0, clock)
    assert [passes(limit) for _ in range(61)] == [True] * 60 + [False]
    clock.advance(1)
    assert [passes(limit) for _ in range(2)] == [True, False]


def test_a_refusal_says_when_to_come_back_and_then_it_works(clock: FakeClock) -> None:
    limit = RateLimit(6, 0, clock)
    for _ in range(6):
        assert passes(limit)
    refusal = limit.check("ada", 0)
    assert refusal is not None
    assert (refusal.code, refusal.http_status, refusal.retry_after_s) == ("rate_limit_exceeded", 429, 10)
    assert "6 requests a minute" in refusal.message
    clock.advance(9)
    assert not passes(limit)
    clock.advance(1)
    assert passes(limit)


def test_a_minute_has_so_many_tokens(clock: FakeClock) -> None:
    limit = RateLimit(0, 6000, clock)
    assert passes(limit, tokens=6000)
    refusal = limit.check("ada", 500)
    assert refusal is not None and refusal.retry_after_s == 5 and "6000 tokens a minute" in refusal.message
    clock.advance(5)
    assert passes(limit, tokens=500)
    assert not passes(limit, tokens=1)


def test_when_both_are_short_the_longer_wait_is_named(clock: FakeClock) -> None:
    limit = RateLimit(2, 937, clock)
    assert passes(limit, tokens=500) and passes(limit, tokens=437)
    refusal = limit.check("ada", 937)
    assert refusal is not None and refusal.retry_after_s == 60 and "tokens" in refusal.message
    clock.advance(60)
    assert passes(limit, tokens=937)


def test_what_was_refused_uses_nothing(clock: FakeClock) -> None:
    limit = RateLimit(2, 100, clock)
    assert passes(limit, tokens=90)
    for _ in range(10):
        assert not passes(limit, tokens=90)
    assert passes(limit, tokens=10)


def test_a_request_that_can_never_fit_is_told_so(clock: FakeClock) -> None:
    limit = RateLimit(60, 1000, clock)
    refusal = limit.check("ada", 1001)
    assert refusal is not None
    assert (refusal.http_status, refusal.code, refusal.retry_after_s) == (429, "rate_limit_exceeded", None)
    assert "1001" in refusal.message and "1000" in refusal.message and "RATE_LIMIT_TPM" in refusal.message
    assert passes(limit, tokens=1000)


def test_callers_do_not_share(clock: FakeClock) -> None:
    limit = RateLimit(1, 0, clock)
    assert passes(limit, "ada") and passes(limit, "bob")
    assert not passes(limit, "ada")


def test_zero_is_off(clock: FakeClock) -> None:
    limit = RateLimit(0, 0, clock)
    assert all(passes(limit, tokens=10**9) for _ in range(1000))
    limit.adjust("ada", 10**9)
    assert passes(limit, tokens=10**9)


def test_the_true_usage_is_taken_or_given_back(clock: FakeClock) -> None:
    limit = RateLimit(0, 1000, clock)
    assert passes(limit, tokens=800)
    limit.adjust("ada", -600)
    assert passes(limit, tokens=800)
    limit.adjust("ada", 500)
    refusal = limit.check("ada", 100)
    assert refusal is not None and refusal.retry_after_s == 36
    clock.advance(36)
    assert passes(limit, tokens=100)


def test_no_more_is_given_back_than_a_minute_holds(clock: FakeClock) -> None:
    limit = RateLimit(0, 1000, clock)
    limit.adjust("ada", -(10**9))
    assert passes(limit, tokens=1000)
    assert not passes(limit, tokens=1)


def test_a_wrong_count_shuts_nobody_out_for_long(clock: FakeClock) -> None:
    limit = RateLimit(0, 1000, clock)
    limit.adjust("ada", 10**12)
    clock.advance(120)
    assert passes(limit, tokens=1000)


def test_memory_is_bounded_and_the_busiest_stay(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_CALLERS", 10)
    limit = RateLimit(1, 0, clock)
    assert passes(limit, "ada")
    for number in range(1000):
        passes(limit, f"caller {number}")
        assert not passes(limit, "ada")
    assert len(limit._buckets) == 10


@given(
    st.integers(1, 100),
    st.integers(1, 1000),
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 1000)), max_size=80),
)
def test_no_window_of_a_minute_passes_more_than_twice_the_limit(
    rpm: int, tpm: int, arrivals: list[tuple[float, int]]
) -> None:
    clock = FakeClock()
    limit = RateLimit(rpm, tpm, clock)
    passed: list[tuple[float, int]] = []
    for pause, tokens in arrivals:
        clock.advance(pause)
        refusal = limit.check("ada", tokens)
        if refusal is None:
            passed.append((clock.ticks, tokens))
        elif refusal.retry_after_s is not None:
            clock.advance(refusal.retry_after_s)
            assert limit.check("ada", tokens) is None, "after Retry-After there is room for one"
            passed.append((clock.ticks, tokens))
    for begin, _ in passed:
        window = [tokens for at, tokens in passed if begin <= at < begin + 60]
        assert len(window) <= 2 * rpm
        assert sum(window) <= 2 * tpm + 1
