"""A limit to waits that come one after another, with a timer that is seldom touched.

``asyncio.timeout`` makes a timer for each wait and cancels it after: a third of what a streamed token cost (measured
2026-11-29). Here the timer stays, and where it comes too early it is set again.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Deadline:
    """Limits one wait at a time: ``with deadline.within(5.0): await …``, as often as needed, in any task. ``with
    deadline:`` limits the next one to what is left of the time.

    A wait that lasts longer is cancelled and raises :class:`TimeoutError`, as with ``asyncio.timeout``. Whoever makes
    one must :meth:`close` it, or its timer stays until it is due.
    """

    __slots__ = ("_cancelling", "_due", "_expired", "_loop", "_set_for", "_task", "_timer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = 0.0
        self._due = 0.0
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False

    def within(self, seconds: float) -> Self:
        """From now on there is so much time."""
        self._due = self._loop.time() + seconds
        return self

    def __enter__(self) -> Self:
        self._task = task = asyncio.current_task(self._loop)
        assert task is not None, "only a task can be told that it has waited too long"
        self._cancelling = task.cancelling()
        if self._timer is None or self._set_for > self._due:
            self._set()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        task, self._task = self._task, None
        if self._expired:
            self._expired = False
            assert task is not None
            if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        """Takes the timer away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = self._due
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._due:
            self._set()
            return
        self._expired = True
        self._task.cancel()
