"""The entries of the table as a person looks at them: searched, ordered, a page at a time.

The words looked for never enter a ``where``: they are compared here, without regard to case, and stand for themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gateway_core.cache.table.entry import LIST_COLUMNS, Message, Row, Use, entry_of, told
from gateway_core.cache.table.handle import Away
from gateway_core.cache.table.vectors import Vectors, where_id
from gateway_core.frozen import frozen

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Place = tuple[float, float, str]
"""Where an entry comes in a list: by what it is ordered, by its time, by its id."""
ORDERS: Mapping[str, str] = {
    "newest": "created_at",
    "hits": "hits",
    "saved": "saved_microusd",
    "largest": "size_bytes",
}
MOST_ROWS = 500
_LOOKED_AT = ("id", "scope_key", "user_text", "created_at", "expires_at")


@frozen
class Page:
    """Entries without their answers, and how many there are in all that fit the query."""

    rows: list[Message]
    total: int


async def browse(
    vectors: Vectors, query: str, now: float, limit: int = 50, order: str = "newest", before: str | None = None
) -> Page:
    """Live entries whose question has ``query`` in it, the first by ``order`` first.

    ``before`` is the ``id`` of the last entry of the page before; after one that is gone the first page comes again.
    Raises ``ValueError`` for an order that does not exist.
    """
    if order not in ORDERS:
        raise ValueError(f"order is one of {', '.join(ORDERS)}")
    waiting, uses = dict(vectors.pending), dict(vectors.uses)
    looked_for = _Wanted(query.casefold(), ORDERS[order], now)
    where = f"expires_at > {float(now)!r}"
    listed = [place for row in waiting.values() if (place := looked_for.place(looked_for.of(row), None))]
    try:
        table = await vectors.handle.run(
            lambda table: table.query().where(where).select(looked_for.columns).to_arrow(), reads=True
        )
        listed += await asyncio.to_thread(_places, table, looked_for, waiting, uses, vectors.is_gone)
    except Away:
        pass
    listed.sort(reverse=True)
    ids = list(dict.fromkeys(entry_id for _, _, entry_id in listed))
    start = ids.index(before) + 1 if before in ids else 0
    page = ids[start : start + max(0, min(limit, MOST_ROWS))]
    return Page(await _rows(vectors, page, waiting, uses), len(ids))


LookedAt = tuple[str, str, str, float, float, float]
"""Id, scope, question, creation, expiry, and the figure that orders: 100,000 of them are looked at in a moment."""


@frozen
class _Wanted:
    """What is looked for. ``text`` is case-folded; it stands for itself, whatever is in it."""

    text: str
    column: str
    now: float

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys([*_LOOKED_AT, self.column]))

    def place(self, row: LookedAt, use: Use | None) -> Place | None:
        """Where a row comes in the list; None when it is not looked for."""
        entry_id, _, user_text, created_at, expires_at, figure = row
        if expires_at <= self.now or self.text not in user_text.casefold():
            return None
        return figure + (getattr(use, self.column, 0) if use else 0), created_at, entry_id

    def of(self, row: Row) -> LookedAt:
        """A row that is still to be written, as it is looked at."""
        columns = row.as_columns()
        entry = row.entry
        return entry.id, entry.scope_key, entry.user_text, entry.created_at, entry.expires_at, columns[self.column]


def _places(
    table: pa.Table,
    wanted: _Wanted,
    waiting: Mapping[str, Row],
    uses: Mapping[str, Use],
    is_gone: Callable[[str, str], bool],
) -> list[Place]:
    columns = [table[name].to_pylist() for name in (*_LOOKED_AT, wanted.column)]
    rows: Iterable[LookedAt] = zip(*columns, strict=True)
    places = (wanted.place(row, uses.get(row[0])) for row in rows if row[0] not in waiting and not is_gone(*row[:2]))
    return [place for place in places if place is not None]


async def _rows(vectors: Vectors, ids: list[str], waiting: Mapping[str, Row], uses: Mapping[str, Use]) -> list[Message]:
    """The entries of a page, in its order; those that went meanwhile are left out."""
    rows = {one: told(waiting[one].as_columns()) for one in ids if one in waiting}
    written = [one for one in ids if one not in rows]
    if written:
        query = where_id(written)
        with contextlib.suppress(Away):
            for row in await vectors.handle.run(
                lambda table: table.query().where(query).select(LIST_COLUMNS).to_list(), reads=True
            ):
                rows[row["id"]] = told(row, uses.get(row["id"]))
    return [rows[one] for one in ids if one in rows]


async def entry(vectors: Vectors, entry_id: str) -> Message | None:
    """One entry with its answer and its use; None when there is none, or it is damaged."""
    where = where_id([entry_id])
    row: Mapping[str, Any]
    if entry_id in vectors.pending:
        row = vectors.pending[entry_id].as_columns()
    else:
        columns = [*LIST_COLUMNS, "completion", "check"]
        try:
            rows = await vectors.handle.run(
                lambda table: table.query().where(where).select(columns).to_list(), reads=True
            )
        except Away:
            return None
        if not rows or vectors.is_gone(entry_id, rows[0]["scope_key"]):
            return None
        row = rows[0]
    whole = told(row, vectors.uses.get(entry_id)) | {"completion": row["completion"]}
    return whole if entry_of(row) is not None else None
