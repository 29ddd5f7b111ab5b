"""``llmgw requests``: the request log of the running gateway, filtered and sorted, for a terminal or a pipe."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from gateway_core.events import Event, RequestFinished
from gateway_core.model import RequestRow, Status
from gateway_core.request_filter import LONGEST, parse
from gateway_core.request_pages import PAGE_ROWS, SORTS, RequestsPage, plain_sort
from gateway_core.settings import Settings
from llmgw_tui.reach import asked_gateway
from llmgw_tui.source_http import HttpSource
from llmgw_tui.streams import check_reader
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import clock_day, clock_time, dollars, fit, milliseconds, one_line, preview, tokens

MOST_AT_ONCE = 1_000
ASKED_CELLS = 60
LOOK_EVERY_S = 2.0
"""How often the log is asked what has ended, besides what is told at once."""
MOST_KNOWN = 10_000
"""Requests of which it is known that they were printed."""
_LATELY = " since:1h"
_HEAD = ("when", "status", "tier", "model", "in", "out", "cost", "took", "id", "asked")


async def requests(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints what matches; 1 when the gateway cannot be asked, 2 for a filter or an order that is none."""
    query = " ".join(arguments.filter)
    if problem := parse(query, time.time()).problem:
        complain(problem)
        return 2
    if plain_sort(arguments.sort) is None:
        complain(f"there is no order {arguments.sort}: {', '.join(SORTS)}, oldest; - before one turns it round.")
        return 2
    async with asked_gateway(settings, follow=arguments.follow) as source:
        if source is None:
            return 1
        log = _Log(source, query, as_json=arguments.json)
        return await (log.follow if arguments.follow else log.listed)(arguments.sort, arguments.limit)


class _Log:
    """The requests that ``query`` lets through, each printed once."""

    def __init__(self, source: HttpSource, query: str, *, as_json: bool) -> None:
        self._source = source
        self._query = query
        self._as_json = as_json
        self._known: dict[str, None] = {}
        self._widths: list[int] = []

    async def listed(self, sort: str, limit: int, *, upwards: bool = False) -> int:
        """Prints up to ``limit`` of them, with ``upwards`` the first at the bottom; returns the exit code."""
        rows: list[RequestRow] = []
        first: RequestsPage | None = None
        cursor = ""
        while len(rows) < limit:
            page = await self._source.requests(self._query, sort, cursor, min(MOST_AT_ONCE, limit - len(rows)))
            if page.problem:
                return complain(page.problem)
            first, cursor = first or page, page.next
            rows += page.requests
            if not cursor:
                break
        self._print(rows[::-1] if upwards else rows, head=True)
        if first is not None and not self._as_json:
            total = f"{first.total or 0:,}{'+' if first.more else ''}"
            print(f"\n{len(rows):,} of {total} that match, of {first.kept or 0:,} requests.")
            if first.remark:
                print(one_line(first.remark))
        return 0

    async def follow(self, sort: str, limit: int) -> int:
        """Goes on, after those of before, with requests as they end, until it is stopped; also over a restart of the
        gateway.

        What the gateway tells of at once is held against what the request itself says; the log, which knows all that
        was said and what ended while nothing could be heard, is asked every :data:`LOOK_EVERY_S`.
        """
        ended: asyncio.Queue[Event] = asyncio.Queue()
        listening = asyncio.create_task(_put_in(ended, self._source))
        try:
            before = await self._lately()
            if code := await self.listed(sort, limit, upwards=sort == SORTS[0]):
                return code
            self._know(before.requests)
            trouble = ""
            while True:
                sys.stdout.flush()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        while True:
                            self._take(await ended.get())
                check_reader()
                page = await self._lately()
                if page.problem and page.problem != trouble:
                    complain(page.problem)
                trouble = page.problem
                self._print([row for row in reversed(page.requests) if _ended(row) and row.id not in self._known])
        finally:
            listening.cancel()

    async def _lately(self) -> RequestsPage:
        asked = self._query + _LATELY if len(self._query + _LATELY) <= LONGEST else self._query
        return await self._source.requests(asked, SORTS[0], "", PAGE_ROWS)

    def _take(self, event: Event) -> None:
        if not isinstance(event, RequestFinished) or event.row.id in self._known:
            return
        if parse(self._query, time.time()).matches(event.row):
            self._print([event.row])
            sys.stdout.flush()

    def _know(self, rows: Iterable[RequestRow]) -> None:
        self._known |= dict.fromkeys(row.id for row in rows if _ended(row))
        for oldest in list(self._known)[: max(0, len(self._known) - MOST_KNOWN)]:
            del self._known[oldest]

    def _print(self, rows: list[RequestRow], *, head: bool = False) -> None:
        self._know(rows)
        if self._as_json:
            for row in rows:
                print_json(asdict(row))
        elif rows:
            lines = [_HEAD, *map(_cells, rows)] if head or not self._widths else [*map(_cells, rows)]
            self._widths = print_table(lines, left=4, right=4, at_least=self._widths)


def _ended(row: RequestRow) -> bool:
    return row.status is not Status.RUNNING


async def _put_in(queue: asyncio.Queue[Event], source: HttpSource) -> None:
    async for event in source.events():
        queue.put_nowait(event)


def _cells(row: RequestRow) -> tuple[str, ...]:
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    return (
        f"{clock_day(row.at, zone)} {clock_time(row.at, zone)}",
        row.status.value,
        row.served_by or "-",
        one_line(row.model or row.asked_model),
        tokens(row.input_tokens, row.input_counted),
        tokens(row.output_tokens, row.output_counted),
        dollars(row.cost_microusd),
        milliseconds(row.latency_ms),
        one_line(row.id),
        fit(preview(row.preview), ASKED_CELLS).rstrip(),
    )
