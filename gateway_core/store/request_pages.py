"""Pages of the request log: filtered, in an order, each beginning where the one before it ended."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import orjson

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.model import RequestRow
from gateway_core.request_pages import MOST_COUNTED, RequestsPage, plain_sort
from gateway_core.request_terms import Filter
from gateway_core.store.request_index import has_full_text, kept, unfilled_until
from gateway_core.store.request_rows import SELECTED, row_of
from gateway_core.store.request_sql import Index, Selection, Where, selection

LONGEST_SEARCH_S = 5.0
FEW_HITS = 2_000
"""Up to so many requests that have the words are sorted; among more of them the order is walked along instead."""
FIRST_ROWS = 4_096
"""Words that fill a page out of so many requests are not asked of the index."""
FIRST_FILTERED = 32_768
"""Out of so many those are taken first that fulfil the other conditions, in the order that has these at hand."""
LONGEST_COUNT_S = 0.05
"""To count all that have the words; past it a page only tells that there are more."""
_STEPS = 20_000
"""Of SQLite's machine between two looks at the clock: about 1 ms."""
_KEYS = {
    "newest": "at",
    "cost": "cost_microusd",
    "saved": "saved_microusd",
    "tokens": "tokens",
    "latency": "latency_ms",
    "first_token": "first_token_order",
}
_EVERYTHING = Selection(Where())
_FILTERED = "requests INDEXED BY requests_overview"
"""Filters look at an eighth of the log so; orders other than by time keep the best of what they find."""
_NO_INDEX = "This Python's SQLite has no FTS5: words are looked for without an index."
_UNFILLED = "Older requests are still being made searchable; what was said in them is not found yet."


class BadCursor(ValueError):
    """A cursor that no page has given."""


@frozen
class _Order:
    """``key`` and the time and id behind it, all one way."""

    name: str
    turned: bool

    @property
    def key(self) -> str:
        return f"requests.{_KEYS[self.name]}"

    @property
    def by(self) -> str:
        way = "ASC" if self.turned else "DESC"
        keys = dict.fromkeys((self.key, "requests.at", "requests.id"))
        return ", ".join(f"{key} {way}" for key in keys)

    def behind(self, cursor: Sequence[object]) -> Where:
        """The rows behind a cursor, as values that an index can be entered at."""
        keys = tuple(dict.fromkeys((self.key, "requests.at", "requests.id")))
        sign = ">" if self.turned else "<"
        return Where(f"({', '.join(keys)}) {sign} ({', '.join('?' * len(keys))})", tuple(cursor)[-len(keys) :])


def read_page(
    connection: sqlite3.Connection, clock: Clock, wanted: Filter, sort: str, cursor: str, limit: int
) -> RequestsPage:
    """A page of what ``wanted`` lets through. Raises :class:`BadCursor`; ``sort`` must be one of the known orders.

    A search that takes longer than :data:`LONGEST_SEARCH_S` ends with a ``problem``.
    """
    named = plain_sort(sort)
    assert named is not None
    order = _Order(*named)
    place = _place(cursor, sort) if cursor else None
    index = Index(has_full_text(connection), unfilled_until(connection))
    asked = selection(wanted, index)
    ends = clock.monotonic() + LONGEST_SEARCH_S
    connection.set_progress_handler(lambda: clock.monotonic() > ends, _STEPS)
    try:
        rows = _rows(connection, asked, order, place, limit)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        took = f"That takes longer than {LONGEST_SEARCH_S:.0f} s."
        return RequestsPage(problem=f"{took} Add since:7d, or another condition, to look through less.")
    finally:
        connection.set_progress_handler(None, 0)
    page = RequestsPage(rows[:limit], _cursor(connection, rows[limit - 1], order, sort) if len(rows) > limit else "")
    if place is None:
        page = _counted(connection, clock, asked, page, ends)
    if asked.hits is not None or "request_text" in asked.rest.sql or "request_words" in asked.rest.sql:
        page = replace(page, remark="" if index.full_text else _NO_INDEX)
        if index.unfilled > 0:
            page = replace(page, remark=_UNFILLED)
    return page


def _rows(
    connection: sqlite3.Connection, asked: Selection, order: _Order, place: Sequence[object] | None, limit: int
) -> tuple[RequestRow, ...]:
    behind = order.behind(place) if place else Where()
    if asked.hits is None:
        sources = "requests" if asked == _EVERYTHING else _FILTERED
        return _page(connection, sources, asked.rest, behind, order, limit)
    if (asked.match and unfilled_until(connection) <= 0) and (
        rows := _among_first(connection, asked, behind, order, limit)
    ):
        return rows
    if _few(connection, asked):
        sources = f"(SELECT DISTINCT rowid AS number FROM ({asked.hits.sql})) AS hits CROSS JOIN requests"
        where = Where(f"requests.rowid = hits.number AND {asked.rest.sql}", asked.whole.values)
        return _page(connection, sources, where, behind, order, limit)
    sources = _FILTERED if order.name == "newest" else f"requests INDEXED BY requests_by_{order.name}"
    return _page(connection, sources, asked.whole, behind, order, limit)


def _page(
    connection: sqlite3.Connection, sources: str, where: Where, behind: Where, order: _Order, limit: int
) -> tuple[RequestRow, ...]:
    page = (
        f"SELECT requests.rowid AS number FROM {sources} WHERE {where.sql} AND {behind.sql} ORDER BY {order.by} LIMIT ?"
    )
    found = connection.execute(
        f"SELECT {SELECTED} FROM ({page}) AS page CROSS JOIN requests ON requests.rowid = number ORDER BY {order.by}",
        (*where.values, *behind.values, limit + 1),
    )
    return tuple(row_of(values) for values in found)


def _among_first(
    connection: sqlite3.Connection, asked: Selection, behind: Where, order: _Order, limit: int
) -> tuple[RequestRow, ...]:
    """A page of words that are in many requests, without the index: it would put all of them together before it told
    of one, half a second for two thirds of a million. Empty where the next requests do not fill a page."""
    newest = order.name == "newest"
    index, most = ("requests_overview", FIRST_FILTERED) if newest else (f"requests_by_{order.name}", FIRST_ROWS)
    walked = f"requests INDEXED BY {index} WHERE {behind.sql} ORDER BY {order.by} LIMIT {most}"
    fitting = f"SELECT place FROM (SELECT rowid AS place, {asked.rest.sql} AS fits FROM {walked}) WHERE fits"
    rows = _page(
        connection,
        f"({fitting} LIMIT {FIRST_ROWS}) AS first CROSS JOIN requests ON requests.rowid = place",
        Where(asked.told.sql, (*asked.rest.values, *behind.values, *asked.told.values)),
        Where(),
        order,
        limit,
    )
    return rows if len(rows) > limit else ()


def _few(connection: sqlite3.Connection, asked: Selection) -> bool:
    """Whether the words are in few enough requests to sort those."""
    if not asked.match:
        return False
    count = "SELECT count(*) FROM (SELECT 1 FROM request_text WHERE request_text MATCH ? LIMIT ?)"
    found: int = connection.execute(count, (asked.match, FEW_HITS + 1)).fetchone()[0]
    return found <= FEW_HITS


def _counted(
    connection: sqlite3.Connection, clock: Clock, asked: Selection, page: RequestsPage, ends: float
) -> RequestsPage:
    """The page with how many match, as far as that is counted."""
    page = replace(page, kept=kept(connection) or 0)
    if not page.next:
        return replace(page, total=len(page.requests))
    if asked == _EVERYTHING:
        return replace(page, total=page.kept)
    query = f"SELECT count(*) FROM (SELECT 1 FROM {_FILTERED} WHERE {asked.whole.sql} LIMIT ?)"
    values = asked.whole.values
    if asked.hits is not None:
        ends = min(ends, clock.monotonic() + LONGEST_COUNT_S)
        if asked.match and unfilled_until(connection) <= 0:
            query = f"SELECT count(*) FROM (SELECT 1 FROM {_FILTERED} WHERE {asked.looked_at.sql} LIMIT ?)"
            values = asked.looked_at.values
    connection.set_progress_handler(lambda: clock.monotonic() > ends, _STEPS)
    try:
        total: int = connection.execute(query, (*values, MOST_COUNTED + 1)).fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return replace(page, total=len(page.requests), more=True)
    finally:
        connection.set_progress_handler(None, 0)
    return replace(page, total=min(total, MOST_COUNTED), more=total > MOST_COUNTED)


def _cursor(connection: sqlite3.Connection, last: RequestRow, order: _Order, sort: str) -> str:
    """Where a page ended."""
    query = f"SELECT {order.key} FROM requests WHERE id = ?"
    key: float = connection.execute(query, (last.id,)).fetchone()[0]
    return base64.urlsafe_b64encode(orjson.dumps([sort, key, last.at, last.id])).decode().rstrip("=")


def _place(cursor: str, sort: str) -> tuple[float, float, str]:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise BadCursor from None
    match value:
        case [str(ordered), int() | float() as key, int() | float() as at, str(request_id)] if ordered == sort:
            return key, at, request_id
    raise BadCursor
