"""The UTC day: what budgets, the ledger and totals count by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import floor

DAY_S = 86_400


def day_of(at: float) -> str:
    """The UTC date of a moment, ``YYYY-MM-DD``; dates compare as text.

    Python alone rounds to microseconds, and the last half of one to the next day.
    """
    return datetime.fromtimestamp(floor(at), UTC).date().isoformat()


def start_of(day: str) -> float:
    """The Unix time at which the day begins."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def end_of(day: str) -> float:
    """The Unix time at which the next day begins."""
    return start_of(day) + DAY_S


def days_before(day: str, count: int) -> str:
    """The date ``count`` days earlier."""
    return (datetime.fromisoformat(day) - timedelta(days=count)).date().isoformat()
