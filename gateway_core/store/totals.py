"""Sums over the request log and the ledger. Money always comes from the ledger, so that sums match the budget."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from gateway_core.model import CacheStats, Series, TierStats
from gateway_core.store.days import day_of, end_of, start_of

_HIT = "cache IN ('exact', 'semantic')"
_SERVED = f"status != 'running' AND ({_HIT} OR tier IS NOT NULL)"
"""Requests that came as far as the caches or a tier: what was refused before has looked nowhere."""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """One UTC day. ``cache.entries`` and the tiers' ``target`` are 0 and empty: they are of now, not of the day."""

    day: str
    requests: int
    saved_microusd: int
    cache: CacheStats
    tiers: tuple[TierStats, ...]
    spend_by_hour: Series
    """Dollars for each of the 24 hours, by the hour in which they were reserved."""


@dataclass(frozen=True, slots=True)
class MinuteCount:
    """Answer-cache look-ups of one minute; ``at`` is its Unix time."""

    at: float
    hits: int
    looked: int


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One line of ``llmgw report``. ``tier``, ``provider`` and ``model`` are empty for requests that reached none."""

    day: str
    tier: str
    provider: str
    model: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    saved_microusd: int = 0
    cache_hits: int = 0


def of_day(connection: sqlite3.Connection, day: str) -> DayTotals:
    """The sums of a UTC day."""
    span = (start_of(day), end_of(day))
    requests, saved = connection.execute(
        "SELECT count(*), coalesce(sum(saved_microusd), 0) FROM requests"
        " WHERE at >= ? AND at < ? AND status != 'running'",
        span,
    ).fetchone()
    return DayTotals(day, requests, saved, _cache(connection, span), _tiers(connection, day), _hours(connection, day))


def cache_minutes(connection: sqlite3.Connection, since: float) -> tuple[MinuteCount, ...]:
    """Hits and look-ups by minute, oldest first."""
    found = connection.execute(
        f"SELECT CAST(at / 60 AS INTEGER) * 60.0, sum({_HIT}), count(*) FROM requests"
        f" WHERE at >= ? AND {_SERVED} AND cache != 'bypass' GROUP BY 1 ORDER BY 1",
        (since,),
    )
    return tuple(MinuteCount(*values) for values in found)


def report(connection: sqlite3.Connection, first_day: str) -> tuple[ReportRow, ...]:
    """One row for each day, tier, provider and model from ``first_day`` on, newest day first."""
    keys = "coalesce(tier, ''), coalesce(provider, ''), coalesce(model, '')"
    rows: dict[tuple[str, str, str, str], ReportRow] = {}
    for day, tier, provider, model, requests, taken, given, saved, hits in connection.execute(
        f"SELECT date(at, 'unixepoch'), {keys}, count(*), sum(input_tokens), sum(output_tokens), sum(saved_microusd),"
        f" sum({_HIT}) FROM requests WHERE at >= ? AND status != 'running' GROUP BY 1, 2, 3, 4",
        (start_of(first_day),),
    ):
        row = ReportRow(day, tier, provider, model, requests, taken, given, 0, saved, hits)
        rows[day, tier, provider, model] = row
    for day, tier, provider, model, cost in connection.execute(
        "SELECT day, tier, provider, model, sum(cost_microusd) FROM reservations WHERE day >= ?"
        " AND state IN ('settled', 'orphaned') GROUP BY 1, 2, 3, 4",
        (first_day,),
    ):
        row = rows.get((day, tier, provider, model), ReportRow(day, tier, provider, model))
        rows[day, tier, provider, model] = replace(row, cost_microusd=cost)
    by_tier = sorted(rows.values(), key=lambda row: (row.tier, row.provider, row.model))
    return tuple(sorted(by_tier, key=lambda row: row.day, reverse=True))


def _cache(connection: sqlite3.Connection, span: tuple[float, float]) -> CacheStats:
    exact, semantic, misses, bypassed, saved, read, written = connection.execute(
        "SELECT coalesce(sum(cache = 'exact'), 0), coalesce(sum(cache = 'semantic'), 0),"
        " coalesce(sum(cache = 'miss'), 0), coalesce(sum(cache = 'bypass'), 0),"
        f" coalesce(sum(saved_microusd) FILTER (WHERE {_HIT}), 0),"
        f" coalesce(sum(cache_read_tokens) FILTER (WHERE NOT {_HIT}), 0),"
        f" coalesce(sum(cache_write_tokens) FILTER (WHERE NOT {_HIT}), 0)"
        f" FROM requests WHERE at >= ? AND at < ? AND {_SERVED}",
        span,
    ).fetchone()
    return CacheStats(
        exact_hits=exact,
        semantic_hits=semantic,
        misses=misses,
        bypassed=bypassed,
        saved_microusd=saved,
        prompt_cache_read_tokens=read,
        prompt_cache_write_tokens=written,
    )


def _tiers(connection: sqlite3.Connection, day: str) -> tuple[TierStats, ...]:
    costs = dict(
        connection.execute("SELECT tier, sum(cost_microusd) FROM reservations WHERE day = ? GROUP BY tier", (day,))
    )
    served = {
        name: (requests, taken, given)
        for name, requests, taken, given in connection.execute(
            f"SELECT CASE WHEN {_HIT} THEN 'cache' ELSE tier END, count(*), sum(input_tokens), sum(output_tokens)"
            f" FROM requests WHERE at >= ? AND at < ? AND {_SERVED} GROUP BY 1",
            (start_of(day), end_of(day)),
        )
    }
    return tuple(
        TierStats(name, *served.get(name, (0, 0, 0)), costs.get(name, 0))
        for name in ("local", "cheap", "premium", "cache")
    )


def _hours(connection: sqlite3.Connection, day: str) -> Series:
    dollars = [0.0] * 24
    begin = start_of(day)
    for created_at, cost in connection.execute(
        "SELECT created_at, cost_microusd FROM reservations WHERE day = ? AND cost_microusd > 0", (day,)
    ):
        if day_of(created_at) == day:  # one made while the clock ran behind pays for this day in its first hour
            dollars[int((created_at - begin) // 3600)] += cost / 1e6
        else:
            dollars[0] += cost / 1e6
    return Series(begin, 3600, tuple(dollars))
