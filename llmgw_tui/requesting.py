"""``llmgw requests``: the request log of the running gateway, filtered and sorted, for a terminal or a pipe."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from datetime import datetime

from gateway_core.events import RequestFinished
from gateway_core.model import RequestRow
from gateway_core.request_filter import parse
from gateway_core.request_pages import SORTS, RequestsPage
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of, gateway_answers
from llmgw_tui.source_http import HttpSource
from llmgw_tui.tables import print_table
from llmgw_tui.text import clock_day, clock_time, dollars, fit, milliseconds, one_line, preview, tokens

MOST_AT_ONCE = 1_000
ASKED_CELLS = 60
_HEAD = ("when", "status", "tier", "model", "in", "out", "cost", "took", "id", "asked")


async def requests(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints what matches; 1 when the gateway cannot be asked, 2 for a filter or an order that is none."""
    query = " ".join(arguments.filter)
    if problem := parse(query, time.time()).problem:
        print(f"llmgw: {one_line(problem)}", file=sys.stderr)
        return 2
    if not await gateway_answers(settings):
        says = "start one with `llmgw` or `llmgw serve`, or name another with --host and --port"
        print(f"llmgw: no gateway answers at {address_of(settings)}: {says}.", file=sys.stderr)
        return 1
    source = HttpSource(address_of(settings), gateway_secret(settings, create=False) or "")
    if arguments.follow:
        await source.start()
    else:
        source.open()
    try:
        code = await _listed(source, query, arguments)
        if arguments.follow and not code:
            await _follow(source, query, as_json=arguments.json)
        return code
    finally:
        await source.close()


async def _listed(source: HttpSource, query: str, arguments: argparse.Namespace) -> int:
    sort: str = arguments.sort
    rows: list[RequestRow] = []
    first: RequestsPage | None = None
    cursor = ""
    while len(rows) < arguments.limit:
        page = await source.requests(query, sort, cursor, min(MOST_AT_ONCE, arguments.limit - len(rows)))
        if page.problem:
            print(f"llmgw: {one_line(page.problem)}", file=sys.stderr)
            return 1
        first, cursor = first or page, page.next
        rows += page.requests
        if not cursor:
            break
    if arguments.follow and sort == SORTS[0]:
        rows.reverse()
    _print(rows, as_json=arguments.json, head=True)
    if first is not None and not arguments.json:
        total = f"{first.total or 0:,}{'+' if first.more else ''}"
        print(f"\n{len(rows):,} of {total} that match, of {first.kept or 0:,} requests.")
        if first.remark:
            print(first.remark)
    return 0


async def _follow(source: HttpSource, query: str, *, as_json: bool) -> None:
    """Requests as they end, until it is stopped; the filter looks at what the request itself tells."""
    async for event in source.events():
        if isinstance(event, RequestFinished) and parse(query, time.time()).matches(event.row):
            _print([event.row], as_json=as_json, head=False)
            sys.stdout.flush()
        await asyncio.sleep(0)


def _print(rows: list[RequestRow], *, as_json: bool, head: bool) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(asdict(row)))
        return
    lines = [_cells(row) for row in rows]
    if head and lines:
        print_table([_HEAD, *lines], left=4)
    for line in [] if head else lines:
        print("  ".join(line))


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
