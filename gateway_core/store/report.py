"""Sums over the request log and the ledger. Money always comes from the ledger, so that sums match the budget."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from gateway_core.frozen import frozen
from gateway_core.model import Usage
from gateway_core.spend_values import SpendRow
from gateway_core.store.codec import from_json
from gateway_core.store.days import days_before, end_of, start_of

KEYS = ("day", "tier", "provider", "model")
"""What the report goes by when nothing else is said."""

_CHARGED = "state IN ('settled', 'orphaned')"


def date_of(at: str) -> str:
    """The UTC date of a moment. SQLite alone rounds to milliseconds, and the last half of one to the next day."""
    return f"date(cast({at} AS INTEGER), 'unixepoch')"


MADE_MICROUSD = "coalesce(no_answer_cache_microusd, cost_microusd)"
PLAIN_MICROUSD = f"coalesce(no_prompt_cache_microusd, {MADE_MICROUSD})"
_DEAREST = f"coalesce(premium_microusd, {PLAIN_MICROUSD})"
"""The steps of :class:`~gateway_core.model.Counterfactuals`."""
_SUMS = (
    "count(*), sum(status = 'ok'), sum(input_tokens), sum(output_tokens), sum(saved_microusd),"
    f" sum({MADE_MICROUSD} - cost_microusd), sum({PLAIN_MICROUSD} - {MADE_MICROUSD}),"
    f" sum({_DEAREST} - {PLAIN_MICROUSD}),"
    f" sum(saved_microusd - ({_DEAREST} - cost_microusd)), sum(cache IN ('exact', 'semantic')),"
    " cast(sum(saved_ms) AS INTEGER)"
)
_SUM_NAMES = (
    *("requests", "answered", "input_tokens", "output_tokens", "saved_microusd", "saved_by_answer_cache_microusd"),
    *("saved_by_prompt_cache_microusd", "saved_by_routing_microusd", "saved_unsplit_microusd", "cache_hits"),
    "cache_saved_ms",
)
FIRST_PAID_DAY = f"(SELECT min(day) FROM reservations WHERE request_id = requests.id AND {_CHARGED})"
DAY = f"coalesce(paid_day, {date_of('at')})"
"""The day of a request is the one that paid for it: one that came just before midnight may be the next day's."""
PAID_BETWEEN = "at >= ? AND at < ? AND CASE WHEN paid_day IS NULL THEN at >= ? ELSE paid_day BETWEEN ? AND ? END"
"""The requests of the days that :func:`paid_between` gives the values of."""


def paid_between(first: str, last: str) -> tuple[object, ...]:
    """Both days included. What came a day earlier is looked at: the first day may have paid for it."""
    return start_of(days_before(first, 1)), end_of(last), start_of(first), first, last


def _hour(day: str, at: str) -> str:
    """The hour of a moment on the day that pays for it: its first or last one when the moment is outside."""
    date, hour = date_of(at), f"strftime('%H', cast({at} AS INTEGER), 'unixepoch')"
    return f"CASE WHEN {date} < {day} THEN '00' WHEN {date} > {day} THEN '23' ELSE {hour} END"


_OF_REQUEST = {"day": DAY, "hour": _hour(DAY, "at")}
"""How a request's column is found where it is not simply there."""
_OF_CALL = {
    "hour": _hour("day", "created_at"),
    **{name: f"coalesce(requests.{name}, '')" for name in ("lane", "session", "client", "purpose")},
}
"""The same of a paid call."""


@frozen
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


def sums_between(connection: sqlite3.Connection, first: str, last: str, by: Sequence[str]) -> tuple[SpendRow, ...]:
    """One row for each combination of what is named in ``by``, both days included, in no order.

    A request counts on the day that paid for it, a paid call in the hour of its reservation.
    """
    rows: dict[tuple[str, ...], SpendRow] = {}
    places = ", ".join(str(number) for number in range(1, len(by) + 1))
    keys = ", ".join(_OF_REQUEST.get(name, f"coalesce({name}, '')") for name in by)
    for values in connection.execute(
        f"SELECT {keys}, {_SUMS} FROM requests WHERE {PAID_BETWEEN} AND status != 'running' GROUP BY {places}",
        paid_between(first, last),
    ):
        key, sums = values[: len(by)], values[len(by) :]
        rows[key] = replace(_empty(by, key), **dict(zip(_SUM_NAMES, sums, strict=True)))
    keys = ", ".join(_OF_CALL.get(name, f"reservations.{name}") for name in by)
    joined = " LEFT JOIN requests ON requests.id = request_id" if "requests." in keys else ""
    for *values, cost in connection.execute(
        f"SELECT {keys}, sum(reservations.cost_microusd) FROM reservations{joined}"
        f" WHERE day BETWEEN ? AND ? AND {_CHARGED} GROUP BY {places}",
        (first, last),
    ):
        key = tuple(values)
        rows[key] = replace(rows.get(key) or _empty(by, key), cost_microusd=cost)
    return tuple(rows.values())


def _empty(by: Sequence[str], key: Sequence[str]) -> SpendRow:
    return SpendRow(**dict(zip(by, key, strict=True)))  # type: ignore[arg-type]


def cost_by_hour(connection: sqlite3.Connection, first: str, last: str) -> dict[str, tuple[int, ...]]:
    """Micro-dollars of each of the 24 UTC hours of the days that cost something, both days included."""
    found: dict[str, list[int]] = {}
    for day, hour, cost in connection.execute(
        f"SELECT day, {_hour('day', 'created_at')}, sum(cost_microusd) FROM reservations"
        f" WHERE day BETWEEN ? AND ? AND {_CHARGED} GROUP BY 1, 2",
        (first, last),
    ):
        found.setdefault(day, [0] * 24)[int(hour)] = cost
    return {day: tuple(hours) for day, hours in found.items()}


def cost_by_day(connection: sqlite3.Connection, first: str, last: str) -> dict[str, int]:
    """Micro-dollars of the days that cost something, both days included."""
    return dict(
        connection.execute(
            f"SELECT day, sum(cost_microusd) FROM reservations WHERE day BETWEEN ? AND ? AND {_CHARGED} GROUP BY 1",
            (first, last),
        )
    )


def first_day(connection: sqlite3.Connection) -> str | None:
    """The first UTC day in the ledger."""
    day: str | None = connection.execute("SELECT min(day) FROM reservations WHERE day != ''").fetchone()[0]
    return day


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
