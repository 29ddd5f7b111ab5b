"""Long work in the event loop, a few milliseconds at a time.

A thread would hold the interpreter for 5 ms whenever it works, as often as the loop wakes up (CPython's switch
interval); work in slices gives way when it says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
SLICE_S = 0.002
Steps = Generator[None, None, T]
"""Work that stops after each small step, and returns what it has made."""


async def in_slices(steps: Steps[T]) -> T:
    """What ``steps`` make. Everything else gets its turn after each slice."""
    until = perf_counter() + SLICE_S
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: T = end.value
            return made
        if perf_counter() >= until:
            await asyncio.sleep(0)
            until = perf_counter() + SLICE_S


def at_once(steps: Steps[T]) -> T:
    """The same without a pause, for what is small."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: T = end.value
            return made
