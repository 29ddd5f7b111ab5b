"""The answers by meaning, in LanceDB: written in batches, found again at once, never fatal.

Only the cache's child process opens it. Nothing that came from outside enters a ``where``: hashes and numbers do.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from gateway_core.cache.table.entry import Entry, Neighbour, Row, Use, Vector, renewed
from gateway_core.cache.table.handle import Away, Handle, hex_digits
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.schema import FIRST, Encodes, names_of, take_over_first
from gateway_core.cache.table.search import Search
from gateway_core.frozen import frozen

if TYPE_CHECKING:
    from lancedb import AsyncTable

FLUSH_ROWS = 64
FLUSH_USES = 64
RETRY_S = 10.0
"""Pause after a write that failed."""
PENDING_ROWS = 512
PENDING_BYTES = 16 * 1024 * 1024
REMEMBERED_USES = 4_096
COUNT_EVERY_S = 10.0
"""How old the count may be where others write too."""
_MORE = 20


@frozen
class _Deletion:
    """What is to go, for LanceDB and for what it has not gone from yet."""

    where: str
    matches: Callable[[str, str], bool]
    """By its id and its scope."""


class Vectors:
    """A table, and what is still to be written to it: rows, how entries were used, and what was dropped meanwhile.

    ``writes`` counts the changes to the table, which leave small files behind.
    """

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.writes = 0
        self._search = Search()
        self._pending: dict[str, Row] = {}
        self._pending_bytes = 0
        self._uses: dict[str, Use] = {}
        self._deletions: list[_Deletion] = []
        self._writing = asyncio.Lock()
        self._write_at = 0.0
        self._count = 0
        self._counted_writes, self._counted_at = -1, 0.0

    @classmethod
    async def open(cls, place: Place, encoder: Encodes, clock: Callable[[], float] = time.time) -> Vectors:
        """The table of the encoder at a place, with what an earlier version left there in it."""
        handle = Handle(place, encoder, clock)
        await handle.open()
        opened = cls(handle)
        if not place.shared:
            await opened._take_over(encoder)
        return opened

    async def _take_over(self, encoder: Encodes) -> None:
        try:
            connection = await self.handle.connection()
            if FIRST in await names_of(connection):
                await self.handle.run(lambda table: take_over_first(connection, table, encoder))
        except Exception as error:  # it is as it was, and the next start tries again
            self.handle.notes.append(f"The semantic cache's older answers could not be read: {str(error)[:200]}")

    def take_note(self) -> str:
        """What a person should know, once; empty if nothing."""
        notes, self.handle.notes = self.handle.notes, []
        return " ".join(notes)

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to write that has not just failed."""
        return bool(self._pending or self._uses or self._deletions) and time.monotonic() >= self._write_at

    @property
    def must_write(self) -> bool:
        """Whether so much waits that it should not wait for a quiet moment."""
        many = len(self._pending) >= FLUSH_ROWS or len(self._uses) >= FLUSH_USES
        return many and self.is_dirty

    @property
    def pending(self) -> Mapping[str, Row]:
        return self._pending

    @property
    def uses(self) -> Mapping[str, Use]:
        """Use since it was last written, by entry."""
        return self._uses

    async def count(self) -> int:
        """Entries, those still to be written included; as far as known when the table cannot be used."""
        if self.writes != self._counted_writes or time.monotonic() - self._counted_at > COUNT_EVERY_S:
            with contextlib.suppress(Away):
                self._count = await self.handle.run(lambda table: table.count_rows(), reads=True)
            self._counted_writes, self._counted_at = self.writes, time.monotonic()
        return self._count + len(self._pending)

    async def find(
        self, vector: Vector, scope_key: str, now: float, limit: int, least_cosine: float = -1.0
    ) -> list[Neighbour]:
        """The nearest live entries of one scope, nearest first, none further than ``least_cosine``."""
        waiting = dict(self._pending)  # what is written while the table is searched may be in neither otherwise
        hex_digits(scope_key)
        mine = [row for row in waiting.values() if row.entry.scope_key == scope_key]
        more = min(len(mine), _MORE)
        try:
            near = await self.handle.run(
                lambda table: self._search.nearest(table, vector, scope_key, now, limit + more, least_cosine),
                reads=True,
            )
        except Away:
            near = []
        found = [one for one in near if one.entry.id not in waiting and not self.is_gone(one.entry.id, scope_key)]
        found += [Neighbour(row.entry, _dot(vector, row.vector)) for row in mine if row.entry.expires_at > now]
        return _nearest_first(one for one in found if one.cosine >= least_cosine)[:limit]

    def is_gone(self, entry_id: str, scope_key: str) -> bool:
        """Whether a row of the table was dropped, though it is still there."""
        return any(deletion.matches(entry_id, scope_key) for deletion in self._deletions)

    def add(self, entry: Entry, vector: Vector) -> None:
        """Keeps an entry, in the place of an older one with its ``id``. The next :meth:`find` sees it.

        While nothing can be written the oldest of what waits is given up.
        """
        hex_digits(entry.id), hex_digits(entry.scope_key)
        self._uses.pop(entry.id, None)
        self._forget_pending(entry.id)
        row = Row(entry, vector)
        self._pending[entry.id] = row
        self._pending_bytes += row.size_bytes
        while len(self._pending) > PENDING_ROWS or self._pending_bytes > PENDING_BYTES:
            self._forget_pending(next(iter(self._pending)))

    def _forget_pending(self, entry_id: str) -> None:
        row = self._pending.pop(entry_id, None)
        if row is not None:
            self._pending_bytes -= row.size_bytes

    def hit(self, entry_id: str, use: Use) -> None:
        """Remembers that an entry served."""
        hex_digits(entry_id)
        if entry_id in self._pending:
            self._pending[entry_id] = renewed(self._pending[entry_id], use)
            return
        self._uses[entry_id] = self._uses.get(entry_id, Use()).plus(use)
        while len(self._uses) > REMEMBERED_USES:
            del self._uses[next(iter(self._uses))]

    async def drop(self, ids: Sequence[str]) -> int:
        """Forgets entries; returns how many there were."""
        if not ids:
            return 0
        wanted = frozenset(ids)
        return await self._drop(_Deletion(where_id(ids), lambda entry_id, _: entry_id in wanted))

    async def drop_scope(self, scope_key: str) -> int:
        """Forgets the entries of a scope; returns how many there were."""
        where = f"scope_key = '{hex_digits(scope_key)}'"
        return await self._drop(_Deletion(where, lambda _, scope: scope == scope_key))

    async def drop_all(self) -> int:
        """Forgets everything, for all who share the table; returns how many entries there were."""
        return await self._drop(_Deletion("true", lambda *_: True))

    async def _drop(self, deletion: _Deletion) -> int:
        waiting = {
            row.entry.id for row in self._pending.values() if deletion.matches(row.entry.id, row.entry.scope_key)
        }
        for entry_id in waiting:
            self._forget_pending(entry_id)
        self._deletions.append(deletion)
        async with self._writing:  # a write under way could bring them back
            try:
                gone = await self.handle.run(partial(_delete, deletion=deletion))
            except Away:
                return len(waiting)
            self._deletions.remove(deletion)
            self.writes += 1
        return len(waiting | gone)

    async def delete(self, where: str) -> None:
        """Deletes rows of the table. Raises :class:`Away`."""
        async with self._writing:
            await self.handle.run(lambda table: table.delete(where))
            self.writes += 1

    async def flush(self) -> bool:
        """Writes what waits, in few goes: every write of LanceDB makes three files. False when it could not."""
        async with self._writing:
            try:
                for deletion in list(self._deletions):
                    await self.handle.run(partial(_delete, deletion=deletion))
                    self._deletions.remove(deletion)
                    self.writes += 1
                while rows := list(islice(self._pending.values(), FLUSH_ROWS)):
                    await self.handle.run(partial(_write, rows=rows))
                    self.writes += 1
                    self._written(rows)
                while uses := dict(islice(self._uses.items(), FLUSH_USES)):
                    await self.handle.run(partial(_write_uses, uses=uses))
                    self.writes += 1
                    self._used(uses)
            except Away:
                self._write_at = time.monotonic() + RETRY_S
                return False
            return True

    def _written(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._pending.get(row.entry.id) is row:
                self._forget_pending(row.entry.id)

    def _used(self, written: Mapping[str, Use]) -> None:
        for entry_id, use in written.items():
            if self._uses.get(entry_id) is use:
                del self._uses[entry_id]
            elif now := self._uses.get(entry_id):
                self._uses[entry_id] = now.less(use)


def _nearest_first(found: Iterable[Neighbour]) -> list[Neighbour]:
    """Each entry once, its latest: two gateways that write it at the same moment both do (measured)."""
    latest = sorted(found, key=lambda one: one.entry.created_at)
    return sorted({one.entry.id: one for one in latest}.values(), key=lambda one: -one.cosine)


async def _write(table: AsyncTable, rows: Sequence[Row]) -> None:
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    await merge.execute([row.as_columns() for row in rows])


async def _write_uses(table: AsyncTable, uses: Mapping[str, Use]) -> None:
    """Adds to what is there, in the table itself: others may have added meanwhile. LanceDB knows no ``CASE``."""

    def by_id(kind: str, number: Callable[[Use], float]) -> list[str]:
        return [f"CAST(id = '{hex_digits(one)}' AS {kind}) * {number(use)!r}" for one, use in uses.items()]

    changed = {
        "hits": " + ".join(["hits", *by_id("BIGINT", lambda use: use.hits)]),
        "used_at": f"greatest(used_at, {', '.join(by_id('DOUBLE', lambda use: float(use.used_at)))})",
        "saved_microusd": " + ".join(["saved_microusd", *by_id("BIGINT", lambda use: use.saved_microusd)]),
        "saved_ms": " + ".join(["saved_ms", *by_id("DOUBLE", lambda use: float(use.saved_ms))]),
    }
    await table.update(where=where_id(list(uses)), updates_sql=changed)


async def _delete(table: AsyncTable, deletion: _Deletion) -> frozenset[str]:
    rows = await table.query().where(deletion.where).select(["id"]).to_arrow()
    if rows.num_rows:
        await table.delete(deletion.where)
    return frozenset(rows["id"].to_pylist())


def where_id(ids: Sequence[str]) -> str:
    """The condition for these entries."""
    listed = ", ".join(f"'{hex_digits(one)}'" for one in ids)
    return f"id IN ({listed})"


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
