"""Keys that come in one piece are given to the app one by one.

Over a slow link several keys arrive together, and Textual 8.2.8 hands all of them to the widget that had the focus
before the first: what is typed after ``/`` would be keys of the list, and its ``k`` the kill switch.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message_pump import MessagePump

LONGEST_S = 0.4
"""Nobody waits longer for what a key does: a gateway far away may take its time."""


class TypeAhead:
    """Holds a key back until the one before has done what it does, or has asked a question."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._held: deque[events.Key] = deque()
        self._next: events.Key | None = None
        self._busy = False
        self._acting = 0
        self._at_rest = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Whether a key is being handled or held."""
        return self._busy

    def admits(self, key: events.Key) -> bool:
        """Whether the key may be handled now; else it is kept, and posted again later."""
        if key is self._next:
            self._next = None
        elif self._busy:
            self._held.append(key)
            return False
        self._busy = True
        return True

    def delivered(self, to: DOMNode) -> None:
        """The key that was admitted is in the queue of ``to``."""
        task = asyncio.get_running_loop().create_task(self._follow(to))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def began(self) -> None:
        """A key's action has begun."""
        self._acting += 1
        self._at_rest.clear()

    def rested(self) -> None:
        """An action is done, or waits for a person."""
        self._acting -= 1
        if not self._acting:
            self._at_rest.set()

    async def _follow(self, to: DOMNode) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                for node in to.ancestors_with_self:  # the way that a key takes up
                    await _idle(node)
                if self._acting:
                    await self._at_rest.wait()
                for _ in range(2):  # what was opened takes the focus
                    await _idle(self._app.screen if self._app.screen_stack else self._app)
                    await _idle(self._app)
        self._busy = bool(self._held)
        if self._held:
            self._next = self._held.popleft()
            self._app.post_message(self._next)


async def _idle(pump: MessagePump) -> None:
    """Until what is in its queue now has been handled."""
    handled = asyncio.Event()
    if pump.is_running and pump.call_later(handled.set):
        await handled.wait()
