"""The request log: one row for each request, and for a while its messages and its answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from pydantic import TypeAdapter

from gateway_core.clock import Clock
from gateway_core.model import (
    CacheHit,
    CacheStatus,
    Cost,
    Decision,
    Reason,
    RequestDetail,
    RequestRow,
    Reuse,
    Saved,
    Savings,
    Usage,
)
from gateway_core.store.answers import exact_id
from gateway_core.store.codec import clean_text, from_json, pack, to_json, unpack
from gateway_core.store.database import Database
from gateway_core.store.days import DAY_S, days_before, end_of, start_of
from gateway_core.store.report import MADE_MICROUSD, PAID_DAY

KEEP_ROWS_DAYS = 400
KEEP_BODIES_BYTES = 512 * 1024 * 1024
INTERRUPTED = "interrupted"
_INTERRUPTED_TEXT = "llmgw stopped while this request was running."

_COLUMNS = tuple(field.name for field in fields(RequestRow))
_SELECTED = ", ".join(f"requests.{name}" for name in _COLUMNS)
_ROW = TypeAdapter(RequestRow)
_IS_HIT = "cache IN ('exact', 'semantic')"
_HITS_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class _Rest:
    """What the column ``detail`` holds: all of a :class:`RequestDetail` but the row and the bodies."""

    usage: Usage = Usage()
    decision: Decision | None = None
    error_message: str | None = None
    tools: tuple[str, ...] = ()
    attempts: int = 0
    remarks: tuple[Reason, ...] = ()
    cost: Cost = Cost()
    reuse: Reuse | None = None


class RequestLog:
    """Requests by id, newest first. With ``keep_bodies`` off no message and no answer is ever written."""

    def __init__(self, database: Database, clock: Clock, *, keep_bodies: bool = True) -> None:
        self._database = database
        self._clock = clock
        self.keep_bodies = keep_bodies

    async def add(self, row: RequestRow, detail: RequestDetail | None = None) -> None:
        """Writes the request as it stands, over what was there. One that has ended does not run again."""

        def write(connection: sqlite3.Connection) -> None:
            written = _write_row(connection, row, detail)
            if written and detail is not None and self.keep_bodies:
                _write_bodies(connection, detail, row.at)

        await self._database.run(write)

    async def recent(self, limit: int, query: str | None = None) -> tuple[RequestRow, ...]:
        """The newest rows first.

        ``query`` keeps those that have it in the preview, model, provider, route, session or id, whatever its case.
        """
        wanted = _folded([query or ""])

        def read(connection: sqlite3.Connection) -> tuple[RequestRow, ...]:
            found = connection.execute(
                f"SELECT {_SELECTED} FROM requests WHERE instr(search, ?) ORDER BY at DESC, id DESC LIMIT ?",
                (wanted, max(0, limit)),
            )
            return tuple(_row_of(values) for values in found)

        return await self._database.run(read)

    async def of_day(self, day: str) -> tuple[tuple[RequestRow, Usage], ...]:
        """All requests that a UTC day paid for, or that came on it for nothing, with what they used, oldest first."""

        def read(connection: sqlite3.Connection) -> tuple[tuple[RequestRow, Usage], ...]:
            found = connection.execute(
                f"SELECT detail, {_SELECTED} FROM requests WHERE at >= ? AND at < ? AND {PAID_DAY} = ? ORDER BY at, id",
                (start_of(days_before(day, 1)), end_of(day), day),
            )
            return tuple((_row_of(values), _rest_of(detail).usage) for detail, *values in found)

        return await self._database.run(read)

    async def detail(self, request_id: str) -> RequestDetail | None:
        """Everything kept of a request. Messages and answer are empty once their time is over."""

        def read(connection: sqlite3.Connection) -> RequestDetail | None:
            found = connection.execute(
                f"SELECT messages, answer, detail, {_SELECTED} FROM requests"
                " LEFT JOIN bodies ON bodies.request_id = requests.id WHERE id = ?",
                (request_id,),
            ).fetchone()
            if found is None:
                return None
            messages, answer, detail, *values = found
            rest = _rest_of(detail)
            return RequestDetail(
                row=_row_of(values),
                decision=rest.decision,
                usage=rest.usage,
                error_message=rest.error_message,
                messages=tuple(_body_of(messages) or ()),
                answer=_body_of(answer),
                tools=rest.tools,
                attempts=rest.attempts,
                remarks=rest.remarks,
                cost=rest.cost,
                reuse=rest.reuse,
            )

        return await self._database.run(read)

    async def hits(self, limit: int) -> tuple[CacheHit, ...]:
        """The newest requests that a cache answered."""

        def read(connection: sqlite3.Connection) -> tuple[CacheHit, ...]:
            found = connection.execute(
                f"SELECT detail, {_SELECTED} FROM requests WHERE {_IS_HIT} ORDER BY at DESC, id DESC LIMIT ?", (limit,)
            )
            return tuple(_hit(_row_of(values), _rest_of(detail).reuse) for detail, *values in found)

        return await self._database.run(read)

    async def wordings(self, entry_id: str, limit: int) -> tuple[str, ...]:
        """What was asked lately and answered by an entry of the semantic cache, the newest first, each once."""

        def read(connection: sqlite3.Connection) -> tuple[str, ...]:
            found = connection.execute(
                "SELECT preview, max(at) FROM (SELECT preview, at, detail FROM requests"
                f" WHERE {_IS_HIT} ORDER BY at DESC LIMIT {_HITS_LOOKED_AT})"
                " WHERE json_valid(detail) AND json_extract(detail, '$.reuse.entry_id') = ?"
                " GROUP BY preview ORDER BY 2 DESC LIMIT ?",
                (entry_id, limit),
            )
            return tuple(preview for preview, _ in found)

        return await self._database.run(read)

    async def saved_by_caches(self) -> Savings:
        """What the answer caches have saved in all that is logged."""
        saved = f"{MADE_MICROUSD} - cost_microusd"

        def read(connection: sqlite3.Connection) -> Savings:
            found = connection.execute(
                f"SELECT cache, count(*), sum({saved}), sum(saved_ms) FROM requests"
                f" WHERE {_IS_HIT} AND status = 'ok' GROUP BY cache"
            )
            return Savings(**{cache: Saved(*sums) for cache, *sums in found})

        return await self._database.run(read)

    async def fail_interrupted(self) -> int:
        """Marks what was running when llmgw died as failed; returns how many.

        Run after the orphans are charged: a request costs what the ledger charged for its calls.
        """

        def write(connection: sqlite3.Connection) -> int:
            running = connection.execute("SELECT id, detail FROM requests WHERE status = 'running'").fetchall()
            for request_id, detail in running:
                rest = _rest_of(detail)
                text = to_json(replace(rest, error_message=_INTERRUPTED_TEXT))
                connection.execute(
                    "UPDATE requests SET status = 'failed', error_code = ?, detail = ?, cost_microusd ="
                    " (SELECT coalesce(sum(cost_microusd), 0) FROM reservations WHERE request_id = requests.id)"
                    " WHERE id = ?",
                    (INTERRUPTED, text, request_id),
                )
            return len(running)

        return await self._database.run(write)

    async def prune(self, now: float, keep_bodies_days: int) -> int:
        """Drops bodies that are too old or, oldest first, too many; rows after 400 days. Returns how many bodies."""

        def write(connection: sqlite3.Connection) -> int:
            old = (now - keep_bodies_days * DAY_S,) if keep_bodies_days else (float("inf"),)
            dropped = connection.execute("DELETE FROM bodies WHERE at < ?", old).rowcount
            dropped += connection.execute(
                "DELETE FROM bodies WHERE request_id IN (SELECT request_id FROM (SELECT request_id,"
                " sum(size_bytes) OVER (ORDER BY at DESC, request_id) AS newer FROM bodies) WHERE newer > ?)",
                (KEEP_BODIES_BYTES,),
            ).rowcount
            connection.execute("DELETE FROM requests WHERE at < ?", (now - KEEP_ROWS_DAYS * DAY_S,))
            return dropped

        return await self._database.run(write)


def _write_row(connection: sqlite3.Connection, row: RequestRow, detail: RequestDetail | None) -> bool:
    """Whether the row was written: a late word of a start does not undo an end."""
    values: dict[str, object] = {name: getattr(row, name) for name in _COLUMNS}
    values["search"] = _folded(
        [row.preview, row.asked_model, row.model, row.provider, row.route, row.session, row.id],
    )
    if detail is not None:
        usage = detail.usage
        values["cache_read_tokens"] = usage.cache_read_tokens
        values["cache_write_tokens"] = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        rest = _Rest(
            usage=usage,
            decision=detail.decision,
            error_message=detail.error_message,
            tools=detail.tools,
            attempts=detail.attempts,
            remarks=detail.remarks,
            cost=detail.cost,
            reuse=detail.reuse,
        )
        values["detail"] = to_json(rest)
    updates = ", ".join(f"{name} = excluded.{name}" for name in values if name != "id")
    done = connection.execute(
        f"INSERT INTO requests ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
        f" ON CONFLICT (id) DO UPDATE SET {updates}"
        " WHERE requests.status = 'running' OR excluded.status != 'running'",
        tuple(_plain(value) for value in values.values()),
    )
    return done.rowcount == 1


def _write_bodies(connection: sqlite3.Connection, detail: RequestDetail, at: float) -> None:
    """Messages do not change while a request runs: they are compressed once, the answer is added at the end."""
    request_id = detail.row.id
    kept = connection.execute("SELECT messages FROM bodies WHERE request_id = ?", (request_id,)).fetchone()
    messages = kept[0] if kept and kept[0] else pack(detail.messages) if detail.messages else None
    answer = pack(detail.answer) if detail.answer is not None else None
    size_bytes = len(messages or b"") + len(answer or b"")
    connection.execute(
        "INSERT INTO bodies (request_id, at, size_bytes, messages, answer) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (request_id) DO UPDATE SET size_bytes = excluded.size_bytes, messages = excluded.messages,"
        " answer = excluded.answer",
        (request_id, at, size_bytes, messages, answer),
    )


def _plain(value: object) -> object:
    return clean_text(str(value)) if isinstance(value, str) else value


def _folded(texts: Iterable[str | None]) -> str:
    """Texts as they are searched: without case, one a line."""
    return clean_text("\n".join(text for text in texts if text)).casefold()


def _row_of(values: Sequence[Any]) -> RequestRow:
    return _ROW.validate_python(dict(zip(_COLUMNS, values, strict=True)))


def _hit(row: RequestRow, reuse: Reuse | None) -> CacheHit:
    """``reuse`` is missing for requests that were logged before it was kept."""
    asked = reuse.asked if reuse and reuse.asked else row.preview
    entry_id = f"s-{reuse.entry_id}" if reuse and reuse.entry_id else ""
    if reuse and reuse.exact_key:
        entry_id = exact_id(reuse.exact_key)
    return CacheHit(
        request_id=row.id,
        at=row.at,
        kind=row.cache.value,
        asked=asked,
        answered=(reuse.question if reuse else "") or (asked if row.cache is CacheStatus.EXACT else ""),
        verdict=reuse.verdict if reuse else "",
        cosine=reuse.cosine if reuse else None,
        age_s=reuse.age_s if reuse else 0.0,
        entry=entry_id,
        model=row.model or "",
        saved_microusd=row.otherwise.saved(row.cost_microusd)[0],
        saved_ms=row.saved_ms,
    )


def _rest_of(detail: str | None) -> _Rest:
    with suppress(ValueError):
        return from_json(_Rest, detail) if detail else _Rest()
    return _Rest()


def _body_of(blob: bytes | None) -> Any:
    with suppress(ValueError):
        return unpack(blob) if blob else None
    return None
