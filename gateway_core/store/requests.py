"""The request log: one row for each request, and for a while its messages and its answer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from gateway_core.clock import Clock
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import (
    CacheHit,
    CacheStatus,
    Decision,
    RequestDetail,
    RequestParts,
    RequestRow,
    Reuse,
    Status,
    Usage,
)
from gateway_core.store import request_index
from gateway_core.store.answers import exact_id
from gateway_core.store.bodies import drop_older, drop_too_many, write_bodies
from gateway_core.store.codec import from_json, to_json
from gateway_core.store.database import Database
from gateway_core.store.days import DAY_S, day_of
from gateway_core.store.parts import Recorded, read_answer, read_messages, read_parts
from gateway_core.store.pieces import drop_unused
from gateway_core.store.report import FIRST_PAID_DAY, date_of
from gateway_core.store.request_rows import SELECTED, row_of
from gateway_core.store.request_writes import rest_of, write_row
from gateway_core.store.tallies import IS_HIT, keep_savings, read_models, read_tallies
from gateway_core.tallies import ModelUse, Tallies

KEEP_ROWS_DAYS = 400
KEEP_BODIES_BYTES = 512 * 1024 * 1024
ROWS_PRUNED_AT_ONCE = 100
INTERRUPTED = "interrupted"
_INTERRUPTED_TEXT = "llmgw stopped while this request was running."

_HITS_LOOKED_AT = 10_000
Logged = tuple[RequestRow, RequestDetail | None, Recorded | None, str | None]
"""A request as it stands, what is kept beside its row, what went over the wire, and the UTC day that paid for it, None
where none has."""


class RequestLog:
    """Requests by id, newest first. With ``keep_bodies`` off no message and no answer is ever written or indexed.

    ``secrets`` are taken out of whatever is written; ``wire`` sees to them itself.
    """

    def __init__(
        self, database: Database, clock: Clock, *, keep_bodies: bool = True, secrets: KnownSecrets | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets or KnownSecrets()
        self.keep_bodies = keep_bodies
        self._announced: set[str] = set()
        """Requests that were announced and are not in the log yet. Where they could not be written, the next start
        forgets that they were announced."""

    async def add(
        self,
        row: RequestRow,
        detail: RequestDetail | None = None,
        wire: Recorded | None = None,
        paid_on: str | None = None,
    ) -> None:
        """Writes the request, at once; see :meth:`begin`."""
        writing = self.begin([(row, detail, wire, paid_on)])
        self.hurry()
        await writing

    def announcement(self, row: RequestRow) -> str:
        """What is written into ``begun`` of this request, where it is not logged yet, before what is written later.
        That is for the next start alone; the log has it from :meth:`begin` on."""
        self._announced.add(row.id)
        return to_json(row)

    def begin(self, requests: Sequence[Logged]) -> asyncio.Future[None]:
        """Begins to write requests as they stand, all or none, over what was there. One that has ended does not run
        again.

        Where one still runs they are written before what is written later; where all have ended when there is time, so
        that no paid call waits for them. The wire is asked in the store's thread.
        """
        announced = [(row.id,) for row, *_ in requests if row.id in self._announced]
        self._announced.difference_update([request_id for (request_id,) in announced])

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM begun WHERE id = ?", announced)
            request_index.count_added(connection, sum([self._write(connection, *one) for one in requests]))

        return self._database.begin(write, patiently=all(row.status is not Status.RUNNING for row, *_ in requests))

    def _write(
        self,
        connection: sqlite3.Connection,
        row: RequestRow,
        detail: RequestDetail | None,
        wire: Recorded | None,
        paid_on: str | None,
    ) -> bool:
        """Whether the log has a request more now."""
        number, is_new = write_row(connection, row, detail, paid_on, self._secrets)
        if number is None:
            return False
        said = None
        if detail is not None and self.keep_bodies:
            said = write_bodies(connection, row, detail, wire, self._secrets)
        if row.status is not Status.RUNNING:
            request_index.index_row(connection, number, row, said)
        return is_new

    def hurry(self) -> None:
        """Has what waits for time written now."""
        self._database.hurry()

    async def recent(self, limit: int) -> tuple[RequestRow, ...]:
        """The newest rows first."""

        def read(connection: sqlite3.Connection) -> tuple[RequestRow, ...]:
            found = connection.execute(
                f"SELECT {SELECTED} FROM requests ORDER BY at DESC, id DESC LIMIT ?", (max(0, limit),)
            )
            return tuple(row_of(values) for values in found)

        return await self._database.run(read)

    async def tallies(self, now: float) -> Tallies:
        """The sums of the UTC day that ``now`` is in, of the hour before it, and of all that is logged."""
        return await self._database.run(lambda connection: read_tallies(connection, day_of(now), now))

    async def keep_savings(self, now: float) -> None:
        """Adds up what the answer caches have saved so far, for the next start."""
        await self._database.run(lambda connection: keep_savings(connection, now))

    async def models(self, now: float, samples: int) -> tuple[ModelUse, ...]:
        """The models that were used today or lately, the last used last, with their newest answers."""
        return await self._database.run(lambda connection: read_models(connection, day_of(now), samples))

    async def detail(self, request_id: str) -> RequestDetail | None:
        """Everything kept of a request. Messages and answer are empty once their time is over."""

        def read(connection: sqlite3.Connection) -> RequestDetail | None:
            found = connection.execute(
                f"SELECT messages, answer, detail, {SELECTED} FROM requests"
                " LEFT JOIN bodies ON bodies.request_id = requests.id WHERE id = ?",
                (request_id,),
            ).fetchone()
            if found is None:
                return None
            messages, answer, detail, *values = found
            rest = rest_of(detail)
            return RequestDetail(
                row=row_of(values),
                decision=rest.decision,
                usage=rest.usage,
                error_message=rest.error_message,
                messages=read_messages(connection, messages),
                answer=read_answer(answer),
                tools=rest.tools,
                attempts=rest.attempts,
                remarks=rest.remarks,
                cost=rest.cost,
                reuse=rest.reuse,
                timeline=rest.timeline,
                elsewhere=rest.elsewhere,
                weighed=rest.weighed,
                compacted=rest.compacted,
            )

        return await self._database.run(read)

    async def routed(self, since: float, limit: int) -> tuple[tuple[RequestRow, Decision | None, Usage], ...]:
        """The newest requests that were answered, with their decisions and what they used, the oldest first."""

        def read(connection: sqlite3.Connection) -> tuple[tuple[RequestRow, Decision | None, Usage], ...]:
            found = connection.execute(
                f"SELECT detail, {SELECTED} FROM requests WHERE at >= ? AND status = 'ok' AND replay_of = ''"
                " ORDER BY at DESC, id DESC LIMIT ?",
                (since, limit),
            ).fetchall()
            rests = [(row_of(values), rest_of(detail)) for detail, *values in reversed(found)]
            return tuple((row, rest.decision, rest.usage) for row, rest in rests)

        return await self._database.run(read)

    async def parts(self, request_id: str) -> RequestParts | None:
        """What went over the wire; None where it is not kept."""

        def read(connection: sqlite3.Connection) -> RequestParts | None:
            with suppress(ValueError, LookupError, TypeError):
                return read_parts(connection, request_id)
            return None

        return await self._database.run(read)

    async def hits(self, limit: int) -> tuple[CacheHit, ...]:
        """The newest requests that a cache answered."""

        def read(connection: sqlite3.Connection) -> tuple[CacheHit, ...]:
            found = connection.execute(
                f"SELECT detail, {SELECTED} FROM requests WHERE {IS_HIT} ORDER BY at DESC, id DESC LIMIT ?", (limit,)
            )
            return tuple(_hit(row_of(values), rest_of(detail).reuse) for detail, *values in found)

        return await self._database.run(read)

    async def wordings(self, entry_id: str, limit: int) -> tuple[str, ...]:
        """What was asked lately and answered by an entry of the semantic cache, the newest first, each once."""

        def read(connection: sqlite3.Connection) -> tuple[str, ...]:
            found = connection.execute(
                "SELECT preview, max(at) FROM (SELECT preview, at, detail FROM requests"
                f" WHERE {IS_HIT} ORDER BY at DESC LIMIT {_HITS_LOOKED_AT})"
                " WHERE json_valid(detail) AND json_extract(detail, '$.reuse.entry_id') = ?"
                " GROUP BY preview ORDER BY 2 DESC LIMIT ?",
                (entry_id, limit),
            )
            return tuple(preview for preview, _ in found)

        return await self._database.run(read)

    async def fail_interrupted(self) -> int:
        """Marks what was running when llmgw died as failed; returns how many.

        Run after the orphans are charged: a request costs what the ledger charged for its calls.
        """

        def write(connection: sqlite3.Connection) -> int:
            for request_id, value in connection.execute("SELECT id, value FROM begun").fetchall():
                with suppress(ValueError):
                    _, is_new = write_row(connection, from_json(RequestRow, value), None, None, self._secrets)
                    request_index.count_added(connection, is_new)
                connection.execute("DELETE FROM begun WHERE id = ?", (request_id,))
            running = connection.execute("SELECT id, detail FROM requests WHERE status = 'running'").fetchall()
            for request_id, detail in running:
                rest = rest_of(detail)
                text = to_json(replace(rest, error_message=_INTERRUPTED_TEXT))
                connection.execute(
                    "UPDATE requests SET status = 'failed', error_code = ?, detail = ?, cost_microusd ="
                    " (SELECT coalesce(sum(cost_microusd), 0) FROM reservations WHERE request_id = requests.id),"
                    f" paid_day = nullif({FIRST_PAID_DAY}, {date_of('at')}) WHERE id = ?",
                    (INTERRUPTED, text, request_id),
                )
                request_index.index_stored(connection, request_id)
            return len(running)

        return await self._database.run(write)

    async def fill_index(self) -> bool:
        """Makes some older requests searchable; False when all are."""
        return await self._database.run(request_index.fill)

    async def prune(self, now: float, keep_bodies_days: int) -> int:
        """Drops bodies that are too old or, oldest first, too many; rows after 400 days. Returns how many bodies.

        In steps, for paid calls wait for the same thread. What was said goes from the index with the body it was in;
        where none is kept any more, the index is written anew without it.
        """
        old = now - keep_bodies_days * DAY_S if keep_bodies_days else float("inf")
        dropped = await self._dropped(lambda connection: drop_older(connection, old))
        dropped += await self._dropped(lambda connection: drop_too_many(connection, KEEP_BODIES_BYTES))
        while await self._database.run(lambda connection: _drop_rows(connection, now - KEEP_ROWS_DAYS * DAY_S)):
            pass
        if dropped and not keep_bodies_days:
            going = await self._database.run(lambda connection: request_index.merge(connection, first=True))
            while going:
                going = await self._database.run(lambda connection: request_index.merge(connection, first=False))
        return dropped

    async def _dropped(self, some: Callable[[sqlite3.Connection], int]) -> int:
        """Drops all bodies that ``some`` drops some of, and the pieces that none names any more."""
        dropped, going = 0, True
        while going:
            done = await self._database.run(some)
            dropped, going = dropped + done, done > 0
            while await self._database.run(drop_unused):
                pass
        return dropped


def _drop_rows(connection: sqlite3.Connection, before: float) -> int:
    """Some of the requests that came before; how many."""
    query = "SELECT id FROM requests WHERE at < ? ORDER BY at LIMIT ?"
    found = [request_id for (request_id,) in connection.execute(query, (before, ROWS_PRUNED_AT_ONCE))]
    request_index.forget(connection, found)
    connection.executemany("DELETE FROM requests WHERE id = ?", ((one,) for one in found))
    return len(found)


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
