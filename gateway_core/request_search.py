"""Looks through the request log for people: filtered, in any order, page by page."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway_core.clock import Clock
from gateway_core.request_pages import PAGE_ROWS, SORTS, RequestsPage, plain_sort
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog

log = logging.getLogger(__name__)

MOST_ROWS = 1_000
SETTLE_S = 0.5
"""How long a look waits for the newest requests to be written; under load there is always one that is not."""
FILL_REST_S = 0.1
"""Between two steps of making old requests searchable, each of some 25 ms: a thousand take ten seconds."""


class BadSearch(ValueError):
    """What was asked cannot be understood; the text says what is known. ``param`` is which part."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class RequestSearch:
    """Searches on a connection of its own, which only reads: a long search keeps no paid call waiting.

    One search runs at a time; who gives up while waiting is never started.
    """

    def __init__(
        self, database: Database, log: RequestLog, settled: Callable[[], Awaitable[None]], clock: Clock
    ) -> None:
        self._kept_in = database
        self._log = log
        self._settled = settled
        self._clock = clock
        self._reader: Database | None = None
        self._turn = asyncio.Lock()

    async def page(
        self, query: str = "", sort: str = SORTS[0], cursor: str = "", limit: int = PAGE_ROWS
    ) -> RequestsPage:
        """Requests that the filter ``query`` lets through. Raises :class:`BadSearch` and ``StoreError``."""
        from gateway_core.request_filter import parse
        from gateway_core.store.request_pages import BadCursor, read_page

        if plain_sort(sort) is None:
            known = ", ".join((*SORTS, "oldest"))
            raise BadSearch(f"There is no order {sort}: {known}; - before one turns it round.", "sort")
        wanted = parse(query, self._clock.now())
        if wanted.problem:
            raise BadSearch(wanted.problem, "q")
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._settled()

        def read(connection: sqlite3.Connection) -> RequestsPage:
            return read_page(connection, self._clock, wanted, sort, cursor, max(1, min(limit, MOST_ROWS)))

        async with self._turn:
            if self._reader is None:
                self._reader = await self._kept_in.reader()
            try:
                return await self._reader.run(read)
            except BadCursor:
                raise BadSearch("The cursor is the next of another page, in the same order.", "cursor") from None

    async def fill(self) -> None:
        """Makes requests searchable that were logged before there was an index, beside everything else."""
        try:
            going = True
            while going:
                going = await self._log.fill_index()
                await asyncio.sleep(FILL_REST_S)
        except StoreError as error:
            log.warning("older requests could not be made searchable: %s", error)

    async def close(self) -> None:
        if self._reader is not None:
            await self._reader.close()
