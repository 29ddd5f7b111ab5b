"""Sums over the request log and the ledger. Money always comes from the ledger, so that sums match the budget."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from gateway_core.store.days import start_of


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


def sums_since(connection: sqlite3.Connection, first_day: str) -> tuple[ReportRow, ...]:
    """One row for each day, tier, provider and model from ``first_day`` on, newest day first."""
    keys = "coalesce(tier, ''), coalesce(provider, ''), coalesce(model, '')"
    rows: dict[tuple[str, str, str, str], ReportRow] = {}
    for day, tier, provider, model, requests, taken, given, saved, hits in connection.execute(
        f"SELECT date(at, 'unixepoch'), {keys}, count(*), sum(input_tokens), sum(output_tokens), sum(saved_microusd),"
        " sum(cache IN ('exact', 'semantic')) FROM requests WHERE at >= ? AND status != 'running' GROUP BY 1, 2, 3, 4",
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
