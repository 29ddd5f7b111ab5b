"""Quantiles and medians of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import TypeVar

PLACES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FEWEST_QUIET = 3
MOST_STRANGERS = 0.25
"""Of a core: a round in which others took more of it is only used where there are too few better ones."""

T = TypeVar("T")


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """p50, p95, p99 and the maximum; nothing of no values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {**{name: ordered[round(last * place)] for name, place in PLACES.items()}, "max": ordered[-1]}


def quietest(rounds: Sequence[tuple[float, T]]) -> list[T]:
    """The rounds that count, of those given with what strangers took of a core in each: the quiet ones, and where they
    are fewer than three, the three quietest or half of all."""
    quiet = [one for strangers, one in rounds if strangers <= MOST_STRANGERS]
    if len(quiet) >= min(FEWEST_QUIET, len(rounds)):
        return quiet
    enough = max(FEWEST_QUIET, len(rounds) // 2)
    return [one for _, one in sorted(rounds, key=lambda pair: pair[0])[:enough]]


def middle(values: Iterable[float | None]) -> float | None:
    """The median of those that there are."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
