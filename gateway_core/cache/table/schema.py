"""The tables of the semantic cache: one for each version of their columns and each encoder, none ever mixed.

A table of the version before becomes one of this version at start, a piece at a time: the old one goes only when all of
it is in the new one, so that a crash in between loses nothing. Tables of later versions are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from gateway_core.cache.table.entry import Entry, Row, Use, Vector

if TYPE_CHECKING:
    from lancedb import AsyncConnection, AsyncTable

SCHEMA = 2
FIRST = "answers_v1"
"""The table of version 1, which had one encoder only."""
_OF_THIS_VERSION = re.compile(rf"answers_v{SCHEMA}_[0-9a-f]{{16}}")
_SAME_COSINE = 0.9999
_LOOKED_AT = 3
_PIECE_ROWS = 256


class Encodes(Protocol):
    """What is needed of a :class:`gateway_core.cache.encoder.embedder.Encoder`."""

    dimensions: int

    @property
    def fingerprint(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> list[Vector]: ...


def table_of(encoder: Encodes) -> str:
    """The name of the table with the vectors of this encoder."""
    return f"answers_v{SCHEMA}_{sha256(encoder.fingerprint.encode()).hexdigest()[:16]}"


def is_of_another_encoder(name: str, mine: str) -> bool:
    """Whether a table is one of ours that this encoder cannot use. Later versions are not ours."""
    return name == FIRST or (name != mine and _OF_THIS_VERSION.fullmatch(name) is not None)


def arrow_schema(dimensions: int) -> Any:
    """The columns, as a ``pyarrow.Schema``."""
    import pyarrow as pa  # type: ignore[import-untyped]

    kinds = {"float": pa.float64(), "int": pa.int64(), "str": pa.string()}
    columns = [pa.field(item.name, kinds[str(item.type)]) for kind in (Entry, Use) for item in fields(kind)]
    own = [pa.field("size_bytes", pa.int64()), pa.field("check", pa.string())]
    return pa.schema([*columns, *own, pa.field("vector", pa.list_(pa.float32(), dimensions))])


async def names_of(connection: AsyncConnection) -> list[str]:
    """All tables."""
    names: list[str] = []
    page = await connection.list_tables()
    while True:
        names += page.tables
        if not page.page_token:
            return names
        page = await connection.list_tables(page_token=page.page_token)


async def take_over_first(connection: AsyncConnection, table: AsyncTable, encoder: Encodes) -> int:
    """Moves the rows of version 1 into ``table``, vectors and all; returns how many there were.

    They stay where they are when they were encoded otherwise. Rows that have been moved before are not moved again.
    """
    old = await connection.open_table(FIRST)
    if not await _is_encoded_by(old, encoder):
        return 0
    moved = 0
    async for batch in await old.query().to_batches(max_batch_length=_PIECE_ROWS):
        rows = [_from_first(row).as_columns() for row in batch.to_pylist()]
        if rows:
            await table.merge_insert("id").when_not_matched_insert_all().execute(rows)
        moved += len(rows)
    await connection.drop_table(FIRST)
    return moved


def _from_first(row: dict[str, Any]) -> Row:
    known = {item.name: row[item.name] for item in fields(Entry) if item.name in row}
    return Row(Entry(**known), row["vector"])


async def _is_encoded_by(table: AsyncTable, encoder: Encodes) -> bool:
    rows = await table.query().select(["user_text", "vector"]).limit(_LOOKED_AT).to_list()
    if any(len(row["vector"]) != encoder.dimensions for row in rows):
        return False
    now = encoder.encode([row["user_text"] for row in rows]) if rows else []
    return all(_cosine(row["vector"], vector) >= _SAME_COSINE for row, vector in zip(rows, now, strict=True))


def _cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
