"""Changing the daily limits."""

from __future__ import annotations

import pytest

from gateway_core.gates.daily_limits import background_within, changed, in_words
from gateway_core.store.operator import Limits

NOW = Limits(5, 15, 50)


@pytest.mark.parametrize(
    ("asked", "after"),
    [
        ((None, None, None), (5, 15, 50)),
        ((1, 2, 3), (1, 2, 3)),
        ((None, None, 10), (5, 10, 10)),
        ((None, None, 2), (2, 2, 2)),
        ((None, 3, None), (3, 3, 50)),
        ((0, None, None), (0, 15, 50)),
        ((None, 0, 2), (2, 0, 2)),
        ((60, 0, 0), (60, 0, 0)),
        ((7, 7, 7), (7, 7, 7)),
    ],
)
def test_what_is_not_named_stays_or_goes_down_with_a_higher_one(
    asked: tuple[int | None, int | None, int | None], after: tuple[int, int, int]
) -> None:
    assert changed(NOW, *asked) == Limits(*after)


@pytest.mark.parametrize("asked", [(20, None, None), (None, 60, None), (60, 0, None), (5, 4, 50), (9, 9, 8)])
def test_a_named_limit_above_a_higher_one_is_refused_with_what_to_do(
    asked: tuple[int | None, int | None, int | None],
) -> None:
    with pytest.raises(ValueError, match=r"would be above the .* soft <= medium <= hard, 0 for off"):
        changed(NOW, *asked)


def test_limits_in_words() -> None:
    assert in_words(Limits(5_000_000, 0, 50_500_000), 0) == "soft 5.00 USD, medium off, hard 50.50 USD, background off"


def test_the_background_stays_inside_the_hard_limit() -> None:
    assert background_within(50, NOW) == 50 and background_within(0, NOW) == 0
    assert background_within(500, Limits(5, 15, 0)) == 500, "without a hard limit there is nothing to be inside of"
    with pytest.raises(ValueError, match="would be above the hard one .* 0 for off"):
        background_within(51, NOW)
