"""A period's sums out of the store, for whoever asks: the control centre, HTTP, ``llmgw report``."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from gateway_core.frozen import frozen
from gateway_core.spend_values import BY, PERIODS, TEXTS, SpendBuckets, SpendReport, SpendRow
from gateway_core.store.advance import OURS
from gateway_core.store.days import DAY_S, days_before, start_of
from gateway_core.store.report import cost_by_day, cost_by_hour, sums_between

MOST_DAYS = 400
"""How long the request log is kept."""
MOST_ROWS = 500
"""How many groups are told of unless all are asked for."""
_DAYS = re.compile(r"([1-9][0-9]{0,2})d")
_SUMS = tuple(field.name for field in fields(SpendRow) if field.name not in (*TEXTS, "share", "price_known"))

IsKnown = Callable[[str, str], bool]
"""Whether the price of a provider's model is known."""


@frozen
class Span:
    """UTC days, both included."""

    first: str
    last: str

    @property
    def days(self) -> tuple[str, ...]:
        days = [self.last]
        while days[-1] > self.first:
            days.append(days_before(days[-1], 1))
        return tuple(reversed(days))


def span_of(period: str, today: str) -> Span:
    """The days of a period that ends today. Raises ``ValueError``, which says what is one."""
    if period == "today":
        return Span(today, today)
    if period == "month":
        return Span(f"{today[:8]}01", today)
    if (found := _DAYS.fullmatch(period)) and int(found[1]) <= MOST_DAYS:
        return Span(days_before(today, int(found[1]) - 1), today)
    raise ValueError(f"period is {', '.join(PERIODS)} or a number of days up to {MOST_DAYS}d")


def keys_of(by: str) -> tuple[str, ...]:
    """The columns a report goes by. Raises ``ValueError``, which says what is one."""
    if by not in BY:
        raise ValueError(f"by is one of {', '.join(BY)}")
    return BY[by]


def read_rows(connection: sqlite3.Connection, span: Span, keys: Sequence[str], is_known: IsKnown) -> list[SpendRow]:
    """All sums by ``keys`` with their shares: days with the newest first, hours in their order, else the dearest."""
    rows = sums_between(connection, span.first, span.last, keys)
    cost = sum(row.cost_microusd for row in rows)
    with_share = (
        replace(
            row,
            share=row.cost_microusd / cost if cost else 0.0,
            price_known=not row.model or row.provider == OURS or is_known(row.provider, row.model),
        )
        for row in rows
    )
    order = sorted(with_share, key=lambda row: (row.hour, -row.cost_microusd, -row.requests, *_texts(row)))
    return sorted(order, key=lambda row: row.day, reverse=True)


def read_report(
    connection: sqlite3.Connection, period: str, by: str, today: str, is_known: IsKnown, limit: int | None = MOST_ROWS
) -> SpendReport:
    """The report; ``limit`` None has all its rows. Raises ``ValueError`` for a period or a ``by`` that is none."""
    span = span_of(period, today)
    rows = read_rows(connection, span, keys_of(by), is_known)
    return SpendReport(
        period=period,
        by=by,
        first_day=span.first,
        last_day=span.last,
        rows=tuple(rows[:limit]),
        total=total_of(rows),
        buckets=_buckets(connection, span),
        left_out=max(0, len(rows) - limit) if limit is not None else 0,
    )


def total_of(rows: Sequence[SpendRow]) -> SpendRow:
    """The sums of all rows."""
    sums = {name: sum(getattr(row, name) for row in rows) for name in _SUMS}
    return replace(SpendRow(), share=1.0 if sums["cost_microusd"] else 0.0, **sums)


def _buckets(connection: sqlite3.Connection, span: Span) -> SpendBuckets:
    start = start_of(span.first)
    if span.first == span.last:
        hours = cost_by_hour(connection, span.first, span.last).get(span.first, (0,) * 24)
        return SpendBuckets(start, 3600, hours)
    found = cost_by_day(connection, span.first, span.last)
    return SpendBuckets(start, DAY_S, tuple(found.get(day, 0) for day in span.days))


def _texts(row: SpendRow) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in TEXTS)
