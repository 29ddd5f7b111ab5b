"""Counts the turns of the event loop that runs."""

from __future__ import annotations

import asyncio


class LoopTurns:
    """``now`` is how many there have been."""

    def __init__(self) -> None:
        self.now = 0
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._count)

    def _count(self) -> None:
        self.now += 1
        self._loop.call_soon(self._count)
