"""The requests of some days as a replay under another policy needs them: the index alone is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from gateway_core.store.days import DAY_S, start_of
from gateway_core.store.report import PAID_BETWEEN, paid_between

AT_ONCE = 4_096
"""Rows that are taken from SQLite in one go; between them other threads have their turn."""


class Replayed(NamedTuple):
    """The columns of answered requests, the oldest first; ``day`` counts from the first day."""

    day: tuple[int, ...]
    tier: tuple[str | None, ...]
    target: tuple[str, ...]
    """``provider/model``."""
    cache: tuple[str, ...]
    route: tuple[str, ...]
    lane: tuple[str, ...]
    purpose: tuple[str, ...]
    session: tuple[str | None, ...]
    difficulty: tuple[float | None, ...]
    tools: tuple[int, ...]
    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    cache_read_tokens: tuple[int, ...]
    cache_write_tokens: tuple[int, ...]
    input_counted: tuple[str, ...]
    output_counted: tuple[str, ...]
    cost_microusd: tuple[int, ...]
    no_prompt_cache_microusd: tuple[int | None, ...]
    no_answer_cache_microusd: tuple[int | None, ...]


_DAY = (
    "CAST((CASE WHEN paid_day IS NULL THEN CAST(at AS INTEGER) ELSE CAST(strftime('%s', paid_day) AS INTEGER) END - ?)"
    f" / {DAY_S} AS INTEGER)"
)
_COLUMNS = ", ".join(
    (_DAY, *("provider || '/' || model" if name == "target" else name for name in Replayed._fields[1:]))
)


def answered_between(connection: sqlite3.Connection, first: str, last: str) -> Iterator[Replayed]:
    """Some answered requests after others, of the days that paid for them, both included."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM requests INDEXED BY requests_overview"
        f" WHERE {PAID_BETWEEN} AND status = 'ok' AND tier IS NOT NULL AND model IS NOT NULL ORDER BY at, id",
        (int(start_of(first)), *paid_between(first, last)),
    )
    while rows := found.fetchmany(AT_ONCE):
        yield Replayed(*zip(*rows, strict=True))


def not_answered_between(connection: sqlite3.Connection, first: str, last: str) -> tuple[int, int]:
    """How many others ended on these days, and what they cost."""
    many, cost = connection.execute(
        "SELECT count(*), coalesce(sum(cost_microusd), 0) FROM requests INDEXED BY requests_overview"
        f" WHERE {PAID_BETWEEN} AND status != 'running'"
        " AND NOT (status = 'ok' AND tier IS NOT NULL AND model IS NOT NULL)",
        paid_between(first, last),
    ).fetchone()
    return int(many), int(cost)
