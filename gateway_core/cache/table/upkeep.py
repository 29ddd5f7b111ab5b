"""What is done for the table beside the look-ups: writing, forgetting, compacting, indexing. One thing at a time.

Nothing of it is awaited by a look-up. Measured with 100,000 rows: the vector index takes 3–10 s of both cores, so it
and the compaction are left to idle times; only after many small writes they no longer wait for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway_core.cache.table.handle import Away
from gateway_core.cache.table.schema import is_of_another_encoder, names_of
from gateway_core.cache.table.search import LARGE_SCOPE_ROWS
from gateway_core.cache.table.vectors import Vectors, where_id
from gateway_core.cache.table.worth import COLUMNS, Limits, to_evict

if TYPE_CHECKING:
    from lancedb import AsyncConnection, AsyncTable

WRITE_AFTER_S = 2.0
TIDY_AFTER_S = 30.0
TIDY_EVERY_S = 1800.0
TIDY_WRITES = 32
"""Writes after which an idle moment is used; LanceDB itself advises 20."""
MOST_WRITES = 256
"""Writes after which none is waited for."""
INDEX_ROWS = 1_000
ROWS_A_PARTITION = 1_000
RETRAIN_GROWTH = 3
OLD_VERSIONS = timedelta(minutes=1)
OLD_SHARED_VERSIONS = timedelta(minutes=15)
"""How long files stay that others may still be reading."""
_LAST_WRITE_S = 3.0
_IDS_A_DELETE = 1_000
_SCOPE_INDEX, _ID_INDEX, _VECTOR_INDEX = "scope_key_idx", "id_idx", "vector_idx"


class Upkeep:
    """Keeps a table in order in the background. :meth:`nudge` it often; :meth:`close` writes what is left."""

    def __init__(
        self,
        vectors: Vectors,
        limits: Limits,
        clock: Callable[[], float] = time.time,
        *,
        tidy_after_s: float = TIDY_AFTER_S,
    ) -> None:
        self._vectors = vectors
        self._limits = limits
        self._clock = clock
        self._tidy_after_s = tidy_after_s
        self._job: asyncio.Task[None] | None = None
        self._tidied = -TIDY_EVERY_S
        self._tidied_writes = 0
        self._trained_rows = 0

    @property
    def patience_s(self) -> float:
        """How long the table should be left in peace before the next :meth:`nudge`."""
        return WRITE_AFTER_S if self._vectors.is_dirty else self._tidy_after_s

    def nudge(self, *, idle: bool) -> None:
        """Begins what is due, unless something is under way. ``idle``: nobody asked for :attr:`patience_s`."""
        if self._job is not None and not self._job.done():
            return
        vectors = self._vectors
        writes = vectors.writes - self._tidied_writes
        late = time.monotonic() - self._tidied > TIDY_EVERY_S
        if vectors.must_write or (idle and vectors.is_dirty):
            self._job = asyncio.create_task(self._write(), name="write")
        elif writes >= MOST_WRITES or (idle and (writes >= TIDY_WRITES or late)):
            self._job = asyncio.create_task(self._tidy(), name="tidy")

    async def settled(self) -> None:
        """Waits for what is under way."""
        if self._job is not None:
            await asyncio.wait([self._job])

    async def close(self) -> None:
        """Ends a tidying that is under way, and writes what waits."""
        if self._job is not None and self._job.get_name() == "tidy":
            self._job.cancel()
        await self.settled()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WRITE_S):
                await self._vectors.flush()

    async def _write(self) -> None:
        await self._vectors.flush()

    async def _tidy(self) -> None:
        with contextlib.suppress(Away):
            await self.tidy()
        self._tidied, self._tidied_writes = time.monotonic(), self._vectors.writes

    async def tidy(self) -> None:
        """Forgets what has expired or is worth the least, compacts, and brings the indices up to date.

        Raises :class:`Away`. Several processes may do it at once: what one has done the other need not.
        """
        vectors, now = self._vectors, self._clock()
        await vectors.flush()
        expired = f"expires_at <= {float(now)!r}"
        if await vectors.handle.run(lambda table: table.count_rows(expired)):
            await vectors.delete(expired)
        await self._evict(now)
        old = OLD_SHARED_VERSIONS if vectors.handle.place.shared else OLD_VERSIONS
        await vectors.handle.run(lambda table: table.optimize(cleanup_older_than=old), reads=True)
        await vectors.handle.run(self._index)
        if not vectors.handle.place.shared:
            await _forget_others(await vectors.handle.connection(), vectors.handle.name, now)

    async def _evict(self, now: float) -> None:
        rows = await self._vectors.handle.run(lambda table: table.query().select(COLUMNS).to_arrow())
        await self._unite([one for one, times in Counter(rows["id"].to_pylist()).items() if times > 1])
        ids = await asyncio.to_thread(to_evict, rows, self._limits, now)
        for start in range(0, len(ids), _IDS_A_DELETE):
            await self._vectors.delete(where_id(ids[start : start + _IDS_A_DELETE]))

    async def _unite(self, ids: Sequence[str]) -> None:
        """Leaves one row of entries that two gateways have written at the same moment: the latest."""
        for start in range(0, len(ids), _IDS_A_DELETE):
            where = where_id(ids[start : start + _IDS_A_DELETE])
            rows = await self._vectors.handle.run(partial(_rows_where, where=where))
            latest = {row["id"]: row for row in sorted(rows, key=lambda row: row["created_at"])}
            await self._vectors.delete(where)
            await self._vectors.handle.run(partial(_insert, rows=list(latest.values())))

    async def _index(self, table: AsyncTable) -> None:
        """Makes the indices that are worth it; compaction has brought those that are there up to date."""
        from lancedb.index import BTree, IvfFlat

        rows = await table.count_rows()
        known = {index.name for index in await table.list_indices()}
        if rows >= INDEX_ROWS:
            for name, column in ((_SCOPE_INDEX, "scope_key"), (_ID_INDEX, "id")):
                if name not in known:
                    await table.create_index(column, config=BTree(), name=name)
        if rows < LARGE_SCOPE_ROWS or not await _has_large_scope(table):
            return
        self._trained_rows = self._trained_rows or rows
        if _VECTOR_INDEX not in known or rows >= RETRAIN_GROWTH * self._trained_rows:
            partitions = max(2, rows // ROWS_A_PARTITION)
            index = IvfFlat(distance_type="cosine", num_partitions=partitions)
            await table.create_index("vector", config=index, name=_VECTOR_INDEX, replace=True)
            self._trained_rows = rows


async def _rows_where(table: AsyncTable, where: str) -> list[dict[str, Any]]:
    return await table.query().where(where).to_list()


async def _insert(table: AsyncTable, rows: list[dict[str, Any]]) -> None:
    await table.merge_insert("id").when_not_matched_insert_all().execute(rows)


async def _has_large_scope(table: AsyncTable) -> bool:
    import pyarrow.compute as compute  # type: ignore[import-untyped]

    scopes = (await table.query().select(["scope_key"]).to_arrow())["scope_key"]
    counts = await asyncio.to_thread(compute.value_counts, scopes)
    largest = compute.max(counts.field("counts")).as_py() or 0
    return bool(largest >= LARGE_SCOPE_ROWS)


async def _forget_others(connection: AsyncConnection, mine: str, now: float) -> None:
    """Drops the tables of other encoders once all that is in them has expired: until then switching back is free."""
    for name in await names_of(connection):
        if is_of_another_encoder(name, mine):
            with contextlib.suppress(Exception):  # damaged: nobody misses it
                other = await connection.open_table(name)
                if await other.count_rows(f"expires_at > {float(now)!r}"):
                    continue
                await connection.drop_table(name)
