"""What a start takes up from the request log: sums of today and the last hour, and how long each model took lately.

SQLite adds up, from an index alone: with 100,000 requests of today that takes a fraction of a second, where reading
their rows took half a minute.
"""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from operator import itemgetter

from gateway_core.cache_entries import Saved, Savings
from gateway_core.kinds import CacheStatus
from gateway_core.model import CacheStats
from gateway_core.store.days import end_of, start_of
from gateway_core.store.report import MADE_MICROUSD, PAID_BETWEEN, PLAIN_MICROUSD, paid_between
from gateway_core.tallies import Day, Minute, ModelUse, Tallies

MINUTES = 60
LONGEST_REQUEST_S = 7200
"""Longer ones that ended in the last hour are not counted in it after a restart."""
NEWEST_ANSWERS = 5_000
"""How many answers are looked at for how long models take; few of them are of a model that is rarely asked."""
IS_HIT = "cache IN ('exact', 'semantic')"
FOREVER = 1e15
"""Unix seconds after all that is logged."""
_KEPT = tuple((name, field) for name in ("exact", "semantic") for field in fields(Saved))
_SERVED_BY = f"CASE WHEN {IS_HIT} THEN 'cache' ELSE coalesce(tier, '') END"
_SAVED = f"{MADE_MICROUSD} - cost_microusd"
_ENDED_IN = "cast((at + latency_ms / 1000) / 60 AS INTEGER)"
"""As :func:`gateway_core.tallies.minute_of`."""


def read_tallies(connection: sqlite3.Connection, day: str, now: float) -> Tallies:
    """Of the UTC day ``day``, of the hour up to ``now``, and of all that is logged."""
    return Tallies(_read_day(connection, day), _read_minutes(connection, now), read_savings(connection))


def _read_day(connection: sqlite3.Connection, date: str) -> Day:
    """The sums of a day's requests: those that it paid for, and those that came on it for nothing."""
    day = Day(date)
    for served_by, cache, ok, count, *sums, by_prompt, hits_saved, saved_ms, read, written in connection.execute(
        f"SELECT {_SERVED_BY}, cache, status = 'ok', count(*), sum(status = 'ok'), sum(input_tokens),"
        f" sum(output_tokens), sum(cost_microusd), sum(saved_microusd), sum({PLAIN_MICROUSD} - {MADE_MICROUSD}),"
        f" sum({_SAVED}), sum(saved_ms), sum(cache_read_tokens), sum(cache_write_tokens) FROM requests"
        f" WHERE {PAID_BETWEEN} AND status != 'running' GROUP BY 1, 2, 3",
        paid_between(date, date),
    ):
        day.requests += count
        day.saved_microusd += sums.pop()
        by_prompt += day.cache.prompt_cache_saved_microusd
        day.cache = replace(day.cache, prompt_cache_saved_microusd=by_prompt)
        if not served_by:
            continue
        tier = day.tiers.setdefault(served_by, [0, 0, 0, 0])
        day.tiers[served_by] = [before + more for before, more in zip(tier, sums, strict=True)]
        day.cache = _with(day.cache, CacheStatus(cache), count)
        if served_by != "cache":
            day.cache = replace(
                day.cache,
                prompt_cache_read_tokens=day.cache.prompt_cache_read_tokens + read,
                prompt_cache_write_tokens=day.cache.prompt_cache_write_tokens + written,
            )
            continue
        day.cache = replace(day.cache, saved_microusd=day.cache.saved_microusd + hits_saved)
        if ok:
            today = replace(day.cache.today, **{cache: Saved(count, hits_saved, saved_ms)})
            day.cache = replace(day.cache, today=today)
    return day


def _with(stats: CacheStats, cache: CacheStatus, count: int) -> CacheStats:
    name = {
        CacheStatus.EXACT: "exact_hits",
        CacheStatus.SEMANTIC: "semantic_hits",
        CacheStatus.MISS: "misses",
        CacheStatus.BYPASS: "bypassed",
    }[cache]
    return replace(stats, **{name: getattr(stats, name) + count})


def _read_minutes(connection: sqlite3.Connection, now: float) -> dict[int, Minute]:
    first = int(now // 60) - MINUTES + 1
    found = connection.execute(
        f"SELECT {_ENDED_IN}, count(*), sum(cache != 'bypass' AND {_SERVED_BY} != ''), sum({IS_HIT}) FROM requests"
        f" WHERE at >= ? AND status != 'running' AND {_ENDED_IN} >= ? GROUP BY 1",
        (first * 60 - LONGEST_REQUEST_S, first),
    )
    return {number: Minute(*counts) for number, *counts in found}


def read_savings(connection: sqlite3.Connection) -> Savings:
    """What the answer caches have ever saved: what was added up before, and what came since."""
    until, before = _kept_savings(connection)
    return _both(before, _saved_between(connection, until, FOREVER))


def keep_savings(connection: sqlite3.Connection, now: float) -> None:
    """Adds up what was saved by requests that have all ended, so that no start has to read them again: of a million
    requests the hits take a quarter of a second of CPU."""
    since, before = _kept_savings(connection)
    running = connection.execute("SELECT min(at) FROM requests WHERE status = 'running'").fetchone()[0]
    until = min(now - LONGEST_REQUEST_S, FOREVER if running is None else running)
    if until <= since:
        return
    kept = _both(before, _saved_between(connection, since, until))
    values = {f"saved_{name}_{field.name}": getattr(getattr(kept, name), field.name) for name, field in _KEPT}
    connection.executemany(
        "INSERT OR REPLACE INTO request_index (name, value) VALUES (?, ?)", [*values.items(), ("saved_until", until)]
    )


def _kept_savings(connection: sqlite3.Connection) -> tuple[float, Savings]:
    """Up to when savings are added up, and what they are."""
    noted = dict(connection.execute("SELECT name, value FROM request_index WHERE name >= 'saved_' AND name < 'saved`'"))
    if "saved_until" not in noted:
        return -FOREVER, Savings()
    exact, semantic = (
        Saved(int(noted[f"saved_{name}_hits"]), int(noted[f"saved_{name}_microusd"]), noted[f"saved_{name}_ms"])
        for name in ("exact", "semantic")
    )
    return noted["saved_until"], Savings(exact, semantic)


def _saved_between(connection: sqlite3.Connection, since: float, until: float) -> Savings:
    found = connection.execute(
        f"SELECT cache, count(*), sum({_SAVED}), sum(saved_ms) FROM requests"
        f" WHERE {IS_HIT} AND status = 'ok' AND at >= ? AND at < ? GROUP BY cache",
        (since, until),
    )
    return Savings(**{cache: Saved(*sums) for cache, *sums in found})


def _both(one: Savings, other: Savings) -> Savings:
    return Savings(*(_added(getattr(one, name), getattr(other, name)) for name in ("exact", "semantic")))


def _added(one: Saved, other: Saved) -> Saved:
    return Saved(one.hits + other.hits, one.microusd + other.microusd, one.ms + other.ms)


def read_models(connection: sqlite3.Connection, day: str, samples: int) -> tuple[ModelUse, ...]:
    """The models that were used today or lately, the last used last, with up to ``samples`` of their newest answers."""
    used = f"NOT {IS_HIT} AND status != 'running' AND provider IS NOT NULL AND model IS NOT NULL"
    answers: dict[tuple[str, str], list[tuple[float, tuple[float, float | None]]]] = {}
    for provider, model, ended, all_ms, first_ms in connection.execute(
        "SELECT provider, model, at + latency_ms / 1000, latency_ms, first_token_ms FROM requests"
        f" WHERE {used} AND status = 'ok' ORDER BY at DESC LIMIT {NEWEST_ANSWERS}"
    ):
        newest = answers.setdefault((provider, model), [])
        if len(newest) < samples:
            newest.append((ended, (all_ms, first_ms)))
    today = connection.execute(
        f"SELECT provider, model, sum(status = 'ok') FROM requests WHERE at >= ? AND at < ? AND {used} GROUP BY 1, 2"
        " ORDER BY max(at) DESC",
        (start_of(day), end_of(day)),
    )
    requests = {(provider, model): count for provider, model, count in today}
    return tuple(
        ModelUse(
            *key,
            requests.get(key, 0),
            tuple(took for _, took in sorted(reversed(answers.get(key, [])), key=itemgetter(0))),
        )
        for key in reversed(dict.fromkeys((*requests, *answers)))
    )
