"""A limit to waits that come one after another, with one timer for all of a loop, which is seldom touched.

``asyncio.timeout`` makes a timer for each wait and cancels it after: a third of what a streamed token cost (measured
2026-11-29). Here the timer stays until it is due, and is then set for the wait that is due next.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self


class Deadline:
    """Limits one wait at a time: ``with deadline.within(5.0): await …``, as often as needed, in any task. ``with
    deadline:`` limits the next one to what is left of the time.

    A wait that lasts longer is cancelled and raises :class:`TimeoutError`, as with ``asyncio.timeout``.
    """

    __slots__ = ("_alarm", "_cancelling", "_expired", "_loop", "_task", "due")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._alarm = _alarm_of(self._loop)
        self.due = 0.0
        """By the clock of the loop."""
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False

    def within(self, seconds: float) -> Self:
        """From now on there is so much time."""
        self.due = self._loop.time() + seconds
        return self

    def __enter__(self) -> Self:
        self._task = task = asyncio.current_task(self._loop)
        assert task is not None, "only a task can be told that it has waited too long"
        self._cancelling = task.cancelling()
        alarm = self._alarm
        alarm.waits.add(self)
        if self.due < alarm.set_for:
            alarm.set(self.due)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        task, self._task = self._task, None
        self._alarm.waits.discard(self)
        if self._expired:
            self._expired = False
            assert task is not None
            if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def expire(self) -> None:
        """Ends the wait."""
        assert self._task is not None
        self._expired = True
        self._task.cancel()


class _Alarm:
    """The timer of all waits of one loop, which goes off when the first of them is due, or before."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waits: set[Deadline] = set()
        self.set_for = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due: float) -> None:
        """Has it go off at ``due``, and no later one."""
        if self._timer is not None:
            self._timer.cancel()
        self.set_for = due
        self._timer = self.loop.call_at(due, self._look)

    def _look(self) -> None:
        """Ends what has waited too long."""
        self.set_for, self._timer, now = math.inf, None, self.loop.time()
        for wait in [wait for wait in self.waits if wait.due <= now]:
            self.waits.discard(wait)
            wait.expire()
        if self.waits:
            self.set(min(wait.due for wait in self.waits))


_last: _Alarm | None = None


def _alarm_of(loop: asyncio.AbstractEventLoop) -> _Alarm:
    """The alarm of a loop: the same one as long as no other loop asks."""
    global _last
    if _last is None or _last.loop is not loop:
        _last = _Alarm(loop)
    return _last
