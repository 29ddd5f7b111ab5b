"""Writes requests into the log: a row for each, and beside it, as JSON, what is only asked for one at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from gateway_core.frozen import frozen
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import (
    Compacted,
    Cost,
    Decision,
    DecisionRecord,
    Reason,
    RequestDetail,
    RequestRow,
    Reuse,
    Status,
    TierCost,
    Timeline,
    Usage,
)
from gateway_core.request_words import row_text
from gateway_core.store.codec import clean_text, from_json, to_bytes
from gateway_core.store.days import day_of
from gateway_core.store.request_rows import COLUMNS, values_of


@frozen
class Rest:
    """What the column ``detail`` holds: all of a :class:`RequestDetail` but the row and the bodies."""

    usage: Usage = Usage()
    decision: Decision | None = None
    error_message: str | None = None
    tools: tuple[str, ...] = ()
    attempts: int = 0
    remarks: tuple[Reason, ...] = ()
    cost: Cost = Cost()
    reuse: Reuse | None = None
    timeline: Timeline = Timeline()
    elsewhere: tuple[TierCost, ...] = ()
    weighed: DecisionRecord | None = None
    compacted: Compacted | None = None


_OF_ROW = (*COLUMNS, "paid_day", "search")
_OF_ALL = (*_OF_ROW, "cache_read_tokens", "cache_write_tokens", "detail", "difficulty")


def _insert(names: Sequence[str]) -> str:
    places = ", ".join("?" * len(names))
    return f"INSERT INTO requests ({', '.join(names)}) VALUES ({places}) ON CONFLICT (id) DO NOTHING"


def _update(names: Sequence[str]) -> str:
    """Of the request that is the first value. A late word of a start does not undo an end."""
    places = {name: f"?{place}" for place, name in enumerate(names, start=1)}
    changes = ", ".join(f"{name} = {place}" for name, place in places.items() if name != "id")
    may_change = f"(status = 'running' OR {places['status']} != 'running')"
    return f"UPDATE requests SET {changes} WHERE id = {places['id']} AND {may_change}"


_INSERT_ROW, _UPDATE_ROW = _insert(_OF_ROW), _update(_OF_ROW)
_INSERT_ALL, _UPDATE_ALL = _insert(_OF_ALL), _update(_OF_ALL)


def write_row(
    connection: sqlite3.Connection,
    row: RequestRow,
    detail: RequestDetail | None,
    paid_on: str | None,
    secrets: KnownSecrets,
) -> tuple[int | None, bool]:
    """Writes the request as it stands. Its number in the log, None where it was not written, for a late word of a start
    does not undo an end; and whether the log did not have it."""
    values = [
        *values_of(row),
        paid_on if paid_on and paid_on != day_of(row.at) else None,
        row_text(row) if row.status is Status.RUNNING else "",
    ]
    insert, update = _INSERT_ROW, _UPDATE_ROW
    if detail is not None:
        values += _values_beside(detail, secrets)
        insert, update = _INSERT_ALL, _UPDATE_ALL
    written = _executed(connection, insert, values)
    if written.rowcount:
        return written.lastrowid, True
    if _executed(connection, update, values).rowcount:
        return int(connection.execute("SELECT rowid FROM requests WHERE id = ?", (row.id,)).fetchone()[0]), False
    return None, False


def _values_beside(detail: RequestDetail, secrets: KnownSecrets) -> tuple[object, ...]:
    """What is written with the detail, without its bodies."""
    usage = detail.usage
    rest = Rest(
        usage=usage,
        decision=detail.decision,
        error_message=detail.error_message,
        tools=detail.tools,
        attempts=detail.attempts,
        remarks=detail.remarks,
        cost=detail.cost,
        reuse=detail.reuse,
        timeline=detail.timeline,
        elsewhere=detail.elsewhere,
        weighed=detail.weighed,
        compacted=detail.compacted,
    )
    return (
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        secrets.without_in(to_bytes(rest)).decode(),
        detail.decision.difficulty if detail.decision else None,
    )


def _executed(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
    try:
        return connection.execute(statement, values)
    except UnicodeEncodeError:  # lone surrogates
        return connection.execute(
            statement, [clean_text(value) if isinstance(value, str) else value for value in values]
        )


def rest_of(detail: str | None) -> Rest:
    """What the column holds; nothing where it is damaged."""
    with suppress(ValueError):
        return from_json(Rest, detail) if detail else Rest()
    return Rest()
