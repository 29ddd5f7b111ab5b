"""The limits of a counted share, against known values and the closed form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.cache.review.interval import limits


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (0, 20, 0.0, 0.168433),
        (1, 20, 0.001265, 0.248733),
        (10, 20, 0.271957, 0.728043),
        (20, 20, 0.831567, 1.0),
        (3, 300, 0.002066, 0.028944),
    ],
)
def test_the_limits_are_those_of_the_exact_method(hits: int, trials: int, low: float, high: float) -> None:
    assert limits(hits, trials) == pytest.approx((low, high), abs=2e-6)


@given(st.integers(1, 5_000), st.sampled_from([0.05, 0.025]))
def test_without_a_hit_the_upper_limit_is_the_closed_form(trials: int, error: float) -> None:
    low, high = limits(0, trials, error)
    assert low == 0.0
    assert high == pytest.approx(1 - (error / 2) ** (1 / trials), abs=1e-9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_limits_enclose_the_share_and_mirror(hits: int, more: int) -> None:
    trials = hits + more
    low, high = limits(hits, trials)
    assert 0 <= low <= (hits / trials if trials else 0) <= high <= 1
    assert limits(more, trials) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_nothing_is_known_without_trials() -> None:
    assert limits(0, 0) == (0.0, 1.0)


def test_more_hits_than_trials_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        limits(2, 1)
