"""The answers by meaning, in LanceDB: one table for each schema, written in batches, found again at once.

Only the cache's child process opens it. Nothing that came from outside enters a ``where``: hashes and numbers do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lancedb import AsyncConnection, AsyncTable

    from gateway_core.cache.encoder.embedder import Vector

SCHEMA = 1
TABLE = f"answers_v{SCHEMA}"
FOLDER = "semantic.lance"
MAX_ENTRIES = 10_000
FLUSH_ROWS = 64
OLD_VERSIONS = timedelta(minutes=1)
_HEX = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer that may serve others. ``id`` and ``scope_key`` are hex digits, ``usage`` and ``completion`` JSON."""

    id: str
    scope_key: str
    user_text: str
    completion: str
    tier: str
    provider: str
    model: str
    created_at: float
    expires_at: float
    cost_microusd: int
    usage: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry near a question; ``cosine`` is 1 for the same text."""

    entry: Entry
    cosine: float


_COLUMNS = [field.name for field in fields(Entry)]


class Vectors:
    """An open table and what is still to be written to it. ``note`` says what was found broken at opening."""

    def __init__(self, connection: AsyncConnection, table: AsyncTable, note: str = "") -> None:
        self._connection = connection
        self._table = table
        self._pending: dict[str, tuple[Entry, Vector]] = {}
        self.note = note

    @classmethod
    async def open(cls, folder: Path, dimensions: int, now: float) -> Vectors:
        """The table in ``folder``; one that cannot be searched is set aside and a new one made."""
        import lancedb  # noqa: F401  a missing package is no damage

        try:
            return await cls._open(folder, dimensions)
        except Exception:  # LanceDB tells damage by many types, panics of its Rust side among them
            aside = _set_aside(folder, now)
            opened = await cls._open(folder, dimensions)
            opened.note = f"The semantic cache was damaged and is kept as {aside.name}; it starts empty."
            return opened

    @classmethod
    async def _open(cls, folder: Path, dimensions: int) -> Vectors:
        import lancedb
        import pyarrow as pa  # type: ignore[import-untyped]

        kinds = {"float": pa.float64(), "int": pa.int64()}
        schema = pa.schema(
            [pa.field(field.name, kinds.get(str(field.type), pa.string())) for field in fields(Entry)]
            + [pa.field("vector", pa.list_(pa.float32(), dimensions))]
        )
        _make_private(folder)
        connection = await lancedb.connect_async(str(folder))
        names = list((await connection.list_tables()).tables)
        for name in names:
            if name != TABLE and name.startswith("answers_v"):
                await connection.drop_table(name)
        if TABLE not in names:
            return cls(connection, await connection.create_table(TABLE, schema=schema))
        opened = cls(connection, await connection.open_table(TABLE))
        if (await opened._table.schema()).names != schema.names:
            raise ValueError("another schema")
        await opened._nearest([0.0] * (dimensions - 1) + [1.0], "", 5)
        return opened

    async def count(self) -> int:
        """Entries, those still to be written included."""
        return int(await self._table.count_rows()) + len(self._pending)

    async def find(self, vector: Vector, scope_key: str, now: float, limit: int) -> list[Neighbour]:
        """The nearest live entries of one scope, nearest first."""
        where = f"scope_key = '{_hex(scope_key)}' AND expires_at > {float(now)!r}"
        found = [near for near in await self._nearest(vector, where, limit) if near.entry.id not in self._pending]
        for entry, other in self._pending.values():
            if entry.scope_key == scope_key and entry.expires_at > now:
                found.append(Neighbour(entry, sum(a * b for a, b in zip(vector, other, strict=True))))
        return sorted(found, key=lambda near: -near.cosine)[:limit]

    async def _nearest(self, vector: Vector, where: str, limit: int) -> list[Neighbour]:
        query = self._table.vector_search(vector).distance_type("cosine")
        if where:
            query = query.where(where)
        rows: list[dict[str, Any]] = await query.limit(limit).select([*_COLUMNS, "_distance"]).to_list()
        return [Neighbour(Entry(**{name: row[name] for name in _COLUMNS}), 1.0 - row["_distance"]) for row in rows]

    async def add(self, entry: Entry, vector: Vector) -> None:
        """Keeps an entry, in the place of an older one with its ``id``. The next :meth:`find` sees it."""
        _hex(entry.id), _hex(entry.scope_key)
        self._pending[entry.id] = (entry, vector)
        if len(self._pending) >= FLUSH_ROWS:
            await self.flush()

    async def drop(self, ids: Sequence[str]) -> None:
        """Forgets entries."""
        for one in ids:
            self._pending.pop(one, None)
        if ids:
            await self._table.delete(f"id IN ({', '.join(repr(_hex(one)) for one in ids)})")

    @property
    def is_dirty(self) -> bool:
        return bool(self._pending)

    async def flush(self) -> None:
        """Writes what is pending in one go: every write of LanceDB makes three files."""
        if not self._pending:
            return
        rows = [{**asdict(entry), "vector": vector} for entry, vector in self._pending.values()]
        merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        await merge.execute(rows)
        self._pending.clear()

    async def tidy(self, now: float, max_entries: int = MAX_ENTRIES) -> None:
        """Forgets what has expired and the oldest above the limit, and compacts the files. For idle times."""
        await self.flush()
        await self._table.delete(f"expires_at <= {float(now)!r}")
        if await self._table.count_rows() > max_entries:
            times = (await self._table.query().select(["created_at"]).to_arrow())["created_at"].to_pylist()
            oldest_kept = sorted(times, reverse=True)[max_entries - 1]
            await self._table.delete(f"created_at < {float(oldest_kept)!r}")
        await self._table.optimize(cleanup_older_than=OLD_VERSIONS)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _set_aside(folder: Path, now: float) -> Path:
    aside = folder.with_name(f"{folder.name}.corrupt-{int(now)}")
    return folder.rename(aside)


def _hex(value: str) -> str:
    if not _HEX.fullmatch(value):
        raise ValueError("not hex digits")
    return value
