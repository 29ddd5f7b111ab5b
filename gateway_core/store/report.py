"""Sums over the request log and the ledger. Money always comes from the ledger, so that sums match the budget."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway_core.model import Usage
from gateway_core.store.codec import from_json
from gateway_core.store.days import days_before, start_of

KEYS = ("day", "tier", "provider", "model")
"""What the report goes by when nothing else is said."""
BY = {"day": ("day",), "tier": ("tier",), "model": ("provider", "model"), "session": ("session",)}
"""What it can go by instead."""

_CHARGED = "state IN ('settled', 'orphaned')"
PAID_DAY = f"""coalesce((SELECT min(day) FROM reservations WHERE request_id = requests.id AND {_CHARGED}),
 date(at, 'unixepoch'))"""
"""The day of a request is the one that paid for it: one that came just before midnight may be the next day's."""
_COLUMNS = ("tier", "provider", "model", "session")
MADE_MICROUSD = "coalesce(no_answer_cache_microusd, cost_microusd)"
_PLAIN = f"coalesce(no_prompt_cache_microusd, {MADE_MICROUSD})"
_DEAREST = f"coalesce(premium_microusd, {_PLAIN})"
"""The steps of :class:`~gateway_core.model.Counterfactuals`."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One line of ``llmgw report``. ``tier``, ``provider`` and ``model`` are empty for requests that reached none.

    What was saved is the sum of what each thing saved and of ``saved_unsplit_microusd``, which is that of requests
    logged before it was known by what. Each can be less than nothing.
    """

    day: str = ""
    tier: str = ""
    provider: str = ""
    model: str = ""
    session: str = ""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    saved_microusd: int = 0
    saved_by_answer_cache_microusd: int = 0
    saved_by_prompt_cache_microusd: int = 0
    saved_by_routing_microusd: int = 0
    saved_unsplit_microusd: int = 0
    cache_hits: int = 0
    cache_saved_ms: int = 0
    """What the answers of the hits took when they were made, less what serving took."""


@dataclass(frozen=True, slots=True)
class ProviderCalls:
    """What the ledger holds of one model's calls on one UTC day.

    Orphans were cut off by a crash and are charged at their reservation; estimated ones ended without a count.
    """

    day: str
    model: str
    calls: int = 0
    cost_microusd: int = 0
    usage: Usage = Usage()
    orphans: int = 0
    orphans_microusd: int = 0
    estimated: int = 0
    estimated_microusd: int = 0


def sums_since(connection: sqlite3.Connection, first_day: str, by: tuple[str, ...] = KEYS) -> tuple[ReportRow, ...]:
    """One row for each combination of what is named in ``by``, from ``first_day`` on, newest day first."""
    rows: dict[tuple[str, ...], ReportRow] = {}
    keys = ", ".join(f"{PAID_DAY}" if name == "day" else f"coalesce({name}, '')" for name in by)
    places = ", ".join(str(number) for number in range(1, len(by) + 1))
    sums = (
        "count(*), sum(input_tokens), sum(output_tokens), sum(saved_microusd),"
        f" sum({MADE_MICROUSD} - cost_microusd), sum({_PLAIN} - {MADE_MICROUSD}), sum({_DEAREST} - {_PLAIN}),"
        f" sum(saved_microusd - ({_DEAREST} - cost_microusd)), sum(cache IN ('exact', 'semantic')),"
        " cast(sum(saved_ms) AS INTEGER)"
    )
    for values in connection.execute(
        f"SELECT {keys}, {sums} FROM requests WHERE at >= ? AND status != 'running' AND {PAID_DAY} >= ?"
        f" GROUP BY {places}",
        (start_of(days_before(first_day, 1)), first_day),
    ):
        key, (count, taken, given, *saved, hits, saved_ms) = values[: len(by)], values[len(by) :]
        rows[key] = ReportRow(
            **dict(zip(by, key, strict=True)), requests=count, input_tokens=taken, output_tokens=given
        )
        rows[key] = replace(
            rows[key], **dict(zip(_SAVED, saved, strict=True)), cache_hits=hits, cache_saved_ms=saved_ms
        )
    keys = ", ".join(f"coalesce({'requests' if name == 'session' else 'reservations'}.{name}, '')" for name in by)
    for *values, cost in connection.execute(
        f"SELECT {keys}, sum(reservations.cost_microusd) FROM reservations"
        f" LEFT JOIN requests ON requests.id = request_id WHERE day >= ? AND {_CHARGED} GROUP BY {places}",
        (first_day,),
    ):
        key = tuple(values)
        row = rows.get(key, ReportRow(**dict(zip(by, key, strict=True))))
        rows[key] = replace(row, cost_microusd=cost)
    by_name = sorted(rows.values(), key=lambda row: (row.tier, row.provider, row.model, row.session))
    return tuple(sorted(by_name, key=lambda row: row.day, reverse=True))


_SAVED = (
    "saved_microusd",
    "saved_by_answer_cache_microusd",
    "saved_by_prompt_cache_microusd",
    "saved_by_routing_microusd",
    "saved_unsplit_microusd",
)


def provider_calls(connection: sqlite3.Connection, provider: str, first: str, last: str) -> tuple[ProviderCalls, ...]:
    """What the calls of a provider used and cost, by UTC day and model, both days included."""
    found: dict[tuple[str, str], ProviderCalls] = {}
    for day, model, state, cost, text in connection.execute(
        f"SELECT day, model, state, cost_microusd, usage FROM reservations WHERE provider = ? AND day >= ? AND day <= ?"
        f" AND {_CHARGED} ORDER BY day, model",
        (provider, first, last),
    ):
        calls, usage = found.get((day, model), ProviderCalls(day, model)), Usage()
        with suppress(ValueError):
            usage = from_json(Usage, text) if text else usage
        orphan, estimated = state == "orphaned", state != "orphaned" and usage.estimated
        found[day, model] = replace(
            calls,
            calls=calls.calls + 1,
            cost_microusd=calls.cost_microusd + cost,
            usage=_sum(calls.usage, usage),
            orphans=calls.orphans + orphan,
            orphans_microusd=calls.orphans_microusd + cost * orphan,
            estimated=calls.estimated + estimated,
            estimated_microusd=calls.estimated_microusd + cost * estimated,
        )
    return tuple(found.values())


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cache_read_tokens + other.cache_read_tokens,
        one.cache_write_5m_tokens + other.cache_write_5m_tokens,
        one.cache_write_1h_tokens + other.cache_write_1h_tokens,
        web_searches=one.web_searches + other.web_searches,
    )
