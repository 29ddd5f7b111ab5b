"""What was said in each request, kept for a while: its messages, its answer, and what went over the wire."""

from __future__ import annotations

import sqlite3

import orjson

from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import RequestDetail, RequestRow
from gateway_core.store import request_index
from gateway_core.store.codec import pack_text, to_bytes
from gateway_core.store.parts import Division, Recorded
from gateway_core.store.said import said_words

DROPPED_AT_ONCE = 100
_WRITE = """
    INSERT INTO bodies (request_id, at, size_bytes, messages, answer, parts) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (request_id) DO UPDATE SET messages = coalesce(excluded.messages, messages),
     answer = coalesce(excluded.answer, answer), parts = coalesce(excluded.parts, parts),
     size_bytes = coalesce(length(coalesce(excluded.messages, messages)), 0)
     + coalesce(length(coalesce(excluded.answer, answer)), 0) + coalesce(length(coalesce(excluded.parts, parts)), 0)
"""


def write_bodies(
    connection: sqlite3.Connection, row: RequestRow, detail: RequestDetail, wire: Recorded | None, secrets: KnownSecrets
) -> str | None:
    """Writes what is known by now, without secrets, and leaves what is there of the rest. Returns its words for the
    index; None where there are no messages."""
    division = Division(connection, row.at, secrets, wire)
    messages = pack_text(division.messages(detail.messages)) if detail.messages else None
    answer, answered = None, detail.answer
    if answered is not None:
        written = to_bytes(answered)
        clean = secrets.without_in(written)
        answer, answered = pack_text(clean), answered if clean is written else orjson.loads(clean)
    parts = pack_text(division.parts(wire)) if wire is not None else None
    size_bytes = len(messages or b"") + len(answer or b"") + len(parts or b"")
    connection.execute(_WRITE, (row.id, row.at, size_bytes, messages, answer, parts))
    return said_words(division.clean(detail.messages), answered) if detail.messages else None


def drop_older(connection: sqlite3.Connection, before: float) -> int:
    """Drops some of the bodies of requests that came before; how many."""
    return _drop(connection, "SELECT request_id FROM bodies WHERE at < ? ORDER BY at LIMIT ?", before)


def drop_too_many(connection: sqlite3.Connection, most_bytes: int) -> int:
    """Drops some of the oldest bodies where all of them are more than ``most_bytes`` with their pieces; how many."""
    size_bytes: int = connection.execute(
        "SELECT coalesce((SELECT sum(size_bytes) FROM bodies), 0) + coalesce((SELECT sum(size_bytes) FROM pieces), 0)"
    ).fetchone()[0]
    if size_bytes <= most_bytes:
        return 0
    oldest = (
        "SELECT request_id FROM (SELECT request_id, at, sum(size_bytes) OVER (ORDER BY at, request_id) - size_bytes"
        " AS older FROM bodies ORDER BY at, request_id) WHERE older < ? LIMIT ?"
    )
    return _drop(connection, oldest, size_bytes - most_bytes)


def _drop(connection: sqlite3.Connection, query: str, limit: float) -> int:
    found = connection.execute(query, (limit, DROPPED_AT_ONCE)).fetchall()
    request_index.forget_said(connection, [request_id for (request_id,) in found])
    connection.executemany("DELETE FROM bodies WHERE request_id = ?", found)
    return len(found)
