"""``llmgw log``: what happened in the running gateway, and what happens, line by line."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime

from gateway_core.log_entries import LogEntry, LogPage
from gateway_core.settings import Settings
from llmgw_tui.reach import asked_gateway
from llmgw_tui.source_http import HttpSource
from llmgw_tui.streams import check_reader
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import one_line

LOOK_EVERY_S = 0.5


async def log(settings: Settings, query: str, level: str, *, follow: bool, as_json: bool) -> int:
    """Prints the entries of ``level`` and above that have ``query`` in them, oldest first; ``follow`` goes on until
    it is interrupted, also over a restart of the gateway. Returns the exit code."""
    async with asked_gateway(settings) as source:
        if source is None:
            return 1
        page = await source.log(level, query)
        if page.problem:
            return complain(page.problem)
        _say(page, as_json=as_json)
        if follow:
            await _follow(source, page.newest, level, query, as_json=as_json)
        elif not page.entries and not as_json:
            print("Nothing like that has happened since llmgw was started.")
    return 0


async def _follow(source: HttpSource, newest: int, level: str, query: str, *, as_json: bool) -> None:
    trouble = ""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        check_reader()
        page = await source.log(level, query, newest)
        if page.problem:
            if page.problem != trouble:
                complain(page.problem)
        elif page.newest < newest:  # another gateway: it counts from the start
            newest = 0
            continue
        else:
            _say(page, as_json=as_json)
            newest = page.newest
        trouble = page.problem


def _say(page: LogPage, *, as_json: bool) -> None:
    for entry in reversed(page.entries):
        if as_json:
            print_json(asdict(entry))
        else:
            print(log_line(entry))
    sys.stdout.flush()


def log_line(entry: LogEntry) -> str:
    """One entry as a line of a terminal."""
    when = datetime.fromtimestamp(entry.at).strftime("%Y-%m-%d %H:%M:%S")
    times = f"  x {entry.count:,}" if entry.count > 1 else ""
    return f"{when}  {entry.level:<7}  {one_line(entry.source)}: {one_line(entry.text)}{times}"
