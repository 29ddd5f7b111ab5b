"""``llmgw serve`` that kills itself with SIGKILL when it comes to a named point; the product knows nothing of it.

As a process it reads one line of JSON for each gateway, ``{"point": NAME, "env": {...}}``, and runs that gateway as a
fork of itself, which has all imports behind it: a start takes a tenth of a second. What the gateways print it passes
on, with ``pid N`` before and ``ended CODE`` after each.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction
from itertools import count
from pathlib import Path
from typing import Any

DAY_S = 86_400
ROWS_WAIT_S = 2.0
"""So long that the row of a request is written when it has ended, however slow the machine is."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where it dies: at the ``call``-th call of ``function`` (``module:Class.method``, or several), before it or
    ``after`` it.

    Of a stream it dies when the ``piece``-th piece has come, where that is not 0. ``work`` is of the store alone: whose
    statements have been executed and not committed. ``days_on`` is how far the clock jumps when the upstream has been
    asked.
    """

    function: str
    after: bool = False
    call: int = 1
    piece: int = 0
    work: str = ""
    days_on: int = 0


_LEDGER = "gateway_core.store.ledger:Ledger"
_SETTLE = f"{_LEDGER}.settle {_LEDGER}.note_end"
"""With its key, or without one."""
_SEND = "gateway_core.providers.anthropic:AnthropicProvider.send"
_JOURNAL = "gateway_core.journal:Journal"
_CACHE = "gateway_core.cache.answers:AnswerCaches.store"
_KEY = "gateway_core.store.idempotency:IdempotencyStore._insert"
_COMMIT = "gateway_core.store.database:_Job.do"
POINTS = {
    "before the reservation is written": Point(f"{_LEDGER}.reserve"),
    "before the reservation is committed": Point(_COMMIT, after=True, work="Ledger.reserve"),
    "after the reservation is durable": Point(f"{_LEDGER}.reserve", after=True),
    "before the upstream is called": Point(_SEND),
    "before the upstream is called again": Point(_SEND, call=2),
    "at the first byte": Point(_SEND, piece=1),
    "in the middle of the stream": Point(_SEND, piece=4),
    "before the settlement": Point(_SETTLE),
    "between the settlement and its key": Point(_KEY),
    "before the settlement and its key are committed": Point(_COMMIT, after=True, work="Ledger._close"),
    "after the settlement and its key are durable": Point(_SETTLE, after=True),
    "before the second settlement": Point(_SETTLE, call=2),
    "after the second settlement": Point(_SETTLE, after=True, call=2),
    "before the answer is cached": Point(_CACHE),
    "after the answer is cached": Point(_CACHE, after=True),
    "before the end of the request is logged": Point(f"{_JOURNAL}.finished"),
    "after the end of the request is logged": Point(f"{_JOURNAL}._committed", after=True),
    "before the settlement, on the next day": Point(_SETTLE, days_on=1),
    "after the settlement, on the next day": Point(_SETTLE, after=True, days_on=1),
    "before a failed try is released": Point(f"{_LEDGER}.note_end"),
    "after a failed try is released": Point(f"{_LEDGER}.note_end", after=True),
    "at the start, before orphans are charged": Point(f"{_LEDGER}.charge_orphans"),
    "at the start, after orphans are charged": Point(f"{_LEDGER}.charge_orphans", after=True),
    "before the second reservation is noted": Point(f"{_LEDGER}.note", call=2),
    "after the second reservation is noted": Point(f"{_LEDGER}.note", after=True, call=2),
    "before what was noted is committed": Point(_COMMIT, after=True, work="Ledger.flush"),
    "after what was noted is committed": Point(f"{_LEDGER}._written"),
    "never": Point(f"{_LEDGER}.reserve", call=1_000_000),
    "never, and midnight is between the call and its settlement": Point(
        f"{_LEDGER}.reserve", call=1_000_000, days_on=1
    ),
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lay(point: Point) -> None:
    """Puts the point into the product's own classes."""
    setattr(importlib.import_module("gateway_core.journal"), "GATHER_S", ROWS_WAIT_S)  # noqa: B010
    calls = count(1)
    for function in point.function.split():
        owner, name = _owner(function)
        setattr(owner, name, _mortal(getattr(owner, name), point, calls))
    if point.days_on:
        _jump_when_asked(point.days_on * DAY_S)


def _owner(function: str) -> tuple[type, str]:
    module, _, path = function.partition(":")
    class_name, name = path.split(".")
    return getattr(importlib.import_module(module), class_name), name


def _mortal(whole: Callable[..., Any], point: Point, calls: Iterator[int]) -> Callable[..., Any]:
    def begins(arguments: tuple[Any, ...]) -> bool:
        if point.work and point.work not in arguments[0]._work.__qualname__:
            return False
        here = next(calls) == point.call
        if here and not point.after and not point.piece:
            _die()
        return here

    @functools.wraps(whole)
    async def coroutine(*arguments: Any, **named: Any) -> Any:
        here = begins(arguments)
        result = await whole(*arguments, **named)
        if here:
            _die()
        return result

    @functools.wraps(whole)
    async def stream(*arguments: Any, **named: Any) -> AsyncGenerator[Any]:
        here, number = begins(arguments), 0
        async for batch in whole(*arguments, **named):
            number += len(batch)
            if here and point.piece and number >= point.piece:
                _die()
            yield batch

    @functools.wraps(whole)
    def plain(*arguments: Any, **named: Any) -> Any:
        here = begins(arguments)
        result = whole(*arguments, **named)
        if here:
            _die()
        return result

    if isasyncgenfunction(whole):
        return stream
    return coroutine if iscoroutinefunction(whole) else plain


def _jump_when_asked(seconds: float) -> None:
    """Once a reservation is durable the clock is on another day."""
    from gateway_core.clock import SystemClock
    from gateway_core.store.ledger import Ledger

    now, reserve = SystemClock.now, Ledger.reserve
    asked = False

    async def reserved(self: Ledger, *arguments: Any) -> str:
        nonlocal asked
        made = await reserve(self, *arguments)
        asked = True
        return made

    def shifted(self: SystemClock) -> float:
        return now() + (seconds if asked else 0.0)

    setattr(Ledger, "reserve", reserved)  # noqa: B010  (mypy lets no method be assigned)
    setattr(SystemClock, "now", shifted)  # noqa: B010


def _serve(point: Point, env: dict[str, str]) -> None:
    from llmgw_tui.cli import main

    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(env["LLMGW_DATA_DIR"])
    lay(point)
    sys.exit(main(["serve"]))


async def _answer_one() -> None:
    """A gateway answers one request, so that everything is imported and compiled that one needs. Ends its threads."""
    from tests.fakes.anthropic import FakeAnthropic
    from tests.http.inside import client, with_claude

    with tempfile.TemporaryDirectory() as folder:
        async with FakeAnthropic() as fake, client(Path(folder), **with_claude(fake)) as llmgw:
            await llmgw.stream()
    await asyncio.get_running_loop().shutdown_default_executor()


def main() -> None:
    """Runs the gateways that it is told to, one after the other."""
    import llmgw_tui.headless  # noqa: F401

    asyncio.run(_answer_one())
    assert threading.active_count() == 1, threading.enumerate()
    print("ready", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _serve(POINTS[told["point"]], told["env"])
        print(f"pid {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
