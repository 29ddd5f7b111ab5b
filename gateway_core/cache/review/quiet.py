"""Work that is only done while nobody wants anything, and that ends at once when somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway_core.clock import Clock
from gateway_core.events import Event, KillSwitchChanged, RequestFinished, RequestStarted

T = TypeVar("T")

DISTURBING = (RequestStarted, RequestFinished, KillSwitchChanged)
QUIET_S = 30.0
"""How long nothing must have happened. A local server that keeps one prompt forgets the user's for ours, so that we
wait until a conversation seems to rest."""


class Quiet:
    """Knows when something happened last. ``in_flight`` counts the requests under way."""

    def __init__(self, in_flight: Callable[[], int], clock: Clock) -> None:
        self._in_flight = in_flight
        self._clock = clock
        self._last = float("-inf")
        self._work: asyncio.Task[Any] | None = None

    @property
    def is_quiet(self) -> bool:
        return not self._in_flight() and self._clock.monotonic() >= self._last + QUIET_S

    @property
    def is_one_alone(self) -> bool:
        """Whether no more than one request is under way."""
        return self._in_flight() <= 1

    def disturb(self) -> None:
        """Something happens: what is being done in the quiet ends."""
        self._last = self._clock.monotonic()
        if self._work is not None:
            self._work.cancel()

    async def do(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What ``work`` returns; None where it was disturbed."""
        task = self._work = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task})
        finally:
            self._work = None
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    def hear(self, event: Event) -> None:
        """Listens to the bus: is disturbed by what happens."""
        if isinstance(event, DISTURBING):
            self.disturb()
