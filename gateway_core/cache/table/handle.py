"""An open table that is opened again, made anew or waited for when LanceDB cannot work with it. Never fatal.

What fails is tried again on a table opened afresh: another process may have compacted it. A table of our own that still
fails is damaged: first its indices go, then it is set aside and a new one made, with what can still be read of it. A
shared one is only waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gateway_core.cache.table.entry import entry_of
from gateway_core.cache.table.mark import MOST_DEATHS, Mark
from gateway_core.cache.table.place import Place, scheme_of
from gateway_core.cache.table.schema import Encodes, arrow_schema, names_of, table_of

if TYPE_CHECKING:
    from lancedb import AsyncConnection, AsyncTable

FRESH = timedelta(seconds=1)
"""How old what others wrote may be before a shared table looks for it."""
OPEN_S = 60.0
BUSY_TRIES = 3
BUSY_PAUSE_S = 0.1
RETRY_S = 30.0
"""How long a table that cannot be reached is left alone: look-ups do not wait for it meanwhile."""
NOTE_EVERY_S = 3600.0
KEPT_ASIDE = 2
RESCUED_ROWS = 1_000
INDEX_CACHE_BYTES = 384 * 1024 * 1024
METADATA_CACHE_BYTES = 64 * 1024 * 1024
_OUTSIDE = re.compile(
    r"\(os error (?:5|12|13|23|24|27|28|30|122)\)|no space left|permission denied|too many open files|file too large"
    r"|read-only file system|timed? ?out",
    re.IGNORECASE,
)
"""Errors of the disk or of the system's limits: a new table would fail as well."""
_BUSY = re.compile(r"commit conflict|concurrent|retry", re.IGNORECASE)
"""Somebody else wrote at the same time: there is nothing to mend."""

T = TypeVar("T")
Work = Callable[["AsyncTable"], Awaitable[T]]


class Away(RuntimeError):
    """The table cannot be used now; the message says why."""


class Handle:
    """The table of one encoder at one place. ``notes`` is what a person should know, to be taken out."""

    def __init__(self, place: Place, encoder: Encodes, clock: Callable[[], float]) -> None:
        self.place = place
        self.name = table_of(encoder)
        self.notes: list[str] = []
        self._encoder = encoder
        self._clock = clock
        self._connection: AsyncConnection | None = None
        self._table: AsyncTable | None = None
        self._is_open = False
        self._mark = Mark(None)
        self._mending = asyncio.Lock()
        self._try_at = 0.0
        self._note_at = 0.0
        self._why_away = ""

    async def open(self) -> None:
        """Opens the table, or makes one. Raises only ``ImportError``, for a package that is not installed."""
        import lancedb  # noqa: F401  a missing package is no damage

        with contextlib.suppress(Away):
            await self.run(_look)

    async def run(self, work: Work[T], *, reads: bool = False) -> T:
        """What ``work`` makes of the table, mended where it must be. Raises :class:`Away`.

        ``work`` may be done more than once. Where it only ``reads``, its failure is damage enough; else the whole table
        is read before it is taken for damaged.
        """
        if time.monotonic() < self._try_at:
            raise Away(self._why_away)
        table = self._table
        try:
            return await self._unless_busy(work)
        except ImportError:
            raise
        except Exception as error:  # LanceDB tells damage by many types
            if _BUSY.search(str(error)):
                raise Away(str(error)) from None
            async with self._mending:
                return await self._mended(work, error, table, reads)

    async def connection(self) -> AsyncConnection:
        """The connection to the place. Raises :class:`Away`."""
        await self.run(_look)
        assert self._connection is not None
        return self._connection

    async def _unless_busy(self, work: Work[T]) -> T:
        """Does the work, again where somebody else was faster; LanceDB itself has tried by then."""
        for attempt in range(BUSY_TRIES):
            try:
                return await self._work(work)
            except Exception as error:
                if not _BUSY.search(str(error)):
                    raise
            await asyncio.sleep(random.uniform(0.0, BUSY_PAUSE_S * 2**attempt))
            if self._table is not None:
                await self._table.checkout_latest()  # type: ignore[no-untyped-call]
        return await self._work(work)

    async def _work(self, work: Work[T]) -> T:
        if not self._is_open:
            await self._connect()
        assert self._table is not None
        with self._mark:
            return await work(self._table)

    async def _mended(self, work: Work[T], error: Exception, failed: AsyncTable | None, reads: bool) -> T:
        if self._is_open and self._table is not failed:  # somebody else has mended it
            with contextlib.suppress(Exception):
                return await self._work(work)
        for mend in (self._connect, self._drop_indices, self._begin_anew):
            if mend == self._connect:
                if not self._is_open:  # that was what failed
                    continue
            elif self.place.shared or not await self._is_damaged(error, reads):
                break
            try:
                await mend()
                return await self._work(work)
            except Exception as another:
                error = another
        self._leave_alone(error)
        raise Away(self._why_away)

    async def _is_damaged(self, error: Exception, reads: bool) -> bool:
        if _is_harmless(error):
            return False
        if reads or not self._is_open or self._table is None:
            return True
        try:
            with self._mark:
                async for _ in await self._table.query().to_batches():
                    pass
        except Exception as another:
            return not _is_harmless(another)
        return False

    def _leave_alone(self, error: Exception) -> None:
        told = str(error).replace(self.place.uri, self.place.shown) if self.place.folder is None else str(error)
        why = re.sub(r",? /\S*", "", told).strip()[:200] or type(error).__name__
        self._why_away = why
        now = time.monotonic()
        if _BUSY.search(why):
            return
        if now >= self._note_at:
            self._note_at = now + NOTE_EVERY_S
            where = self.place.shown
            self.notes.append(f"The semantic cache in {where} cannot be used as it should and is tried again: {why}")
        if not self._is_open or self.place.shared:
            self._try_at = time.monotonic() + RETRY_S

    async def _connect(self) -> None:
        import lancedb

        self._table, self._is_open = None, False
        if self.place.folder:
            _make(self.place.folder, private=not self.place.shared)
        self._watch_over()
        if self._mark.deaths >= MOST_DEATHS:
            self._set_aside("its process died in it again and again")
        with self._mark:
            async with asyncio.timeout(OPEN_S):
                is_cloud = scheme_of(self.place.uri) == "db"
                session = None if is_cloud else lancedb.Session(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES)
                self._connection = connection = await lancedb.connect_async(
                    self.place.uri, session=session, read_consistency_interval=FRESH if self.place.shared else None
                )
                schema = arrow_schema(self._encoder.dimensions)
                if self.name in await names_of(connection):
                    table = await connection.open_table(self.name)
                else:
                    table = await connection.create_table(self.name, schema=schema, exist_ok=True)
                if not (await table.schema()).equals(schema):
                    raise ValueError("it has other columns than this version of llmgw writes")
                self._table = table
                await _search(table, self._encoder.dimensions)
        self._is_open = True

    def _watch_over(self) -> None:
        folder = self.place.folder
        if folder and not self.place.shared:
            deaths = self._mark.deaths
            self._mark.close()
            self._mark = Mark(folder / f"{self.name}.at-work")
            self._mark.deaths = max(deaths, self._mark.deaths)

    async def _drop_indices(self) -> None:
        """An index that cannot be read costs nothing but time: the next idle time builds it again."""
        if self._table is None:
            raise ValueError("no table to take an index from")
        for index in await self._table.list_indices():
            await self._table.drop_index(index.name)
        await self._connect()

    async def _begin_anew(self) -> None:
        old = self._set_aside("it was damaged")
        await self._connect()
        with contextlib.suppress(Exception), self._mark:
            await self._rescue(old)

    async def _rescue(self, old: Path) -> None:
        """Brings what can still be read of a table that was set aside into the new one, as far as the first damage."""
        import lancedb

        assert self._table is not None
        table = await (await lancedb.connect_async(str(old.parent))).open_table(old.stem)
        async for batch in await table.query().to_batches(max_batch_length=RESCUED_ROWS):
            rows = [row for row in batch.to_pylist() if entry_of(row) is not None]
            if rows:
                await self._table.merge_insert("id").when_not_matched_insert_all().execute(rows)

    def _set_aside(self, why: str) -> Path:
        folder = self.place.folder
        assert folder and not self.place.shared
        aside = folder.with_name(f"{folder.name}.corrupt-{int(self._clock())}")
        aside.mkdir(mode=0o700, exist_ok=True)
        source, number = folder / f"{self.name}.lance", 0
        while (goal := aside / f"{self.name}.{number}.lance").exists():
            number += 1
        with contextlib.suppress(FileNotFoundError):
            source.rename(goal)
        self._mark.clear()
        self.notes.append(f"The semantic cache begins anew: {why}. The old table is kept in {aside.name}.")
        _forget_old(folder)
        return goal


def _is_harmless(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or bool(_OUTSIDE.search(str(error)) or _BUSY.search(str(error)))


async def _look(table: AsyncTable) -> None:
    """Nothing but the table itself is wanted."""


async def _search(table: AsyncTable, dimensions: int) -> None:
    """A real search among the answers of one scope: all columns are read, and no more rows than a look-up needs."""
    for row in await table.query().select(["scope_key"]).limit(1).to_list():
        vector = [0.0] * (dimensions - 1) + [1.0]
        query = table.vector_search(vector).distance_type("cosine")
        await query.where(f"scope_key = '{hex_digits(row['scope_key'])}'").limit(5).to_list()


async def damaged_tables(place: Place) -> list[str]:
    """The tables that open and cannot be read or searched. Changes nothing. Raises ``ImportError``, and what LanceDB
    raises where the place itself cannot be opened."""
    import lancedb

    connection = await lancedb.connect_async(place.uri)
    damaged = []
    for name in await names_of(connection):
        try:
            table = await connection.open_table(name)
            await _search(table, (await table.schema()).field("vector").type.list_size)
            async for _ in await table.query().to_batches():
                pass
        except Exception:  # LanceDB tells damage by many types
            damaged.append(name)
    return damaged


def hex_digits(value: str) -> str:
    """The value, which may enter a ``where``. Raises ``ValueError`` when there is anything else in it."""
    if not re.fullmatch(r"[0-9a-f]{8,64}", value):
        raise ValueError("not hex digits")
    return value


def _make(folder: Path, private: bool) -> None:
    """What is private is for its owner; who may read what is shared is for the user's own umask to say."""
    folder.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)


def _forget_old(folder: Path) -> None:
    """Throws away all but the latest tables that were set aside."""
    aside = sorted(folder.parent.glob(f"{folder.name}.corrupt-*"), key=lambda path: path.stat().st_mtime)
    for path in aside[:-KEPT_ASIDE]:
        shutil.rmtree(path, ignore_errors=True)
