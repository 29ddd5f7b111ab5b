"""Retries stay a share of the requests."""

from __future__ import annotations

from gateway_core.providers.retry_budget import RESERVE, RESERVE_A_SECOND, RETRIES_A_REQUEST, RetryBudget


def test_retries_of_a_failing_upstream_are_a_fifth_of_its_requests_and_the_reserve() -> None:
    budget, retries = RetryBudget(0.0), 0
    for _ in range(1000):
        budget.requested(0.0)
        while budget.take(0.0):
            retries += 1
    assert RESERVE <= retries <= RESERVE + 1000 * RETRIES_A_REQUEST


def test_the_reserve_comes_back_with_time_and_is_never_more() -> None:
    budget = RetryBudget(0.0)
    while budget.take(0.0):
        pass
    assert not budget.take(0.5 / RESERVE_A_SECOND)
    assert budget.take(1.5 / RESERVE_A_SECOND)
    taken = 0
    while budget.take(1e9):
        taken += 1
    assert taken == RESERVE


def test_a_clock_that_runs_backwards_gives_nothing() -> None:
    budget = RetryBudget(100.0)
    while budget.take(100.0):
        pass
    assert not budget.take(50.0)
