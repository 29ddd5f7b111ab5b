"""The UTC day: what budgets, the ledger and totals count by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

DAY_S = 86_400
_REMEMBERED = 256
"""Days that are asked for again and again: today, and those of a list."""


def day_of(at: float) -> str:
    """The UTC date of a moment, ``YYYY-MM-DD``; dates compare as text.

    Python alone rounds to microseconds, and the last half of one to the next day.
    """
    return _date(int(at // DAY_S))


@lru_cache(_REMEMBERED)
def _date(days: int) -> str:
    """Of the day that begins so many days after 1970 did."""
    return datetime.fromtimestamp(days * DAY_S, UTC).date().isoformat()


@lru_cache(_REMEMBERED)
def start_of(day: str) -> float:
    """The Unix time at which the day begins."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def end_of(day: str) -> float:
    """The Unix time at which the next day begins."""
    return start_of(day) + DAY_S


def days_before(day: str, count: int) -> str:
    """The date ``count`` days earlier."""
    return (datetime.fromisoformat(day) - timedelta(days=count)).date().isoformat()
