"""The kill switch: one flag that stops everything; and the requests in flight, which it stops all or one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway_core.model import KillSwitch, Refusal
from gateway_core.wire import errors


class KillGate:
    """Refuses requests while on, and cancels the tasks of those that are already running.

    A task runs a request inside :meth:`guard`; cancellation from here is told from a client that left by
    :meth:`excuse`. Nothing is awaited: the switch works at once, whatever the requests are waiting for.
    """

    def __init__(self, state: KillSwitch | None = None) -> None:
        self.state = state or KillSwitch()
        self._running: dict[str, asyncio.Task[object]] = {}
        self._killed: dict[str, Refusal] = {}
        """What those that were stopped are told, by their id."""
        self.stops = 0
        """How often it was switched on."""

    def check(self) -> Refusal | None:
        return errors.kill_switch() if self.state.on else None

    @contextmanager
    def guard(self, request_id: str) -> Iterator[None]:
        """Lets the switch stop the current task for the length of the block."""
        task = asyncio.current_task()
        assert task is not None
        self._running[request_id] = task
        try:
            yield
        finally:
            del self._running[request_id]
            self._killed.pop(request_id, None)

    def excuse(self, request_id: str) -> Refusal | None:
        """The refusal for the current task, which was cancelled from here and which may go on now.

        None when it was not.
        """
        refusal = self._killed.get(request_id)
        if refusal is not None:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        return refusal

    def switch(self, state: KillSwitch) -> int:
        """Puts the switch on or off; returns how many requests in flight were stopped."""
        self.state = state
        if not state.on:
            return 0
        self.stops += 1
        stopped = 0
        for request_id in self._running:
            stopped += self._stop(request_id, errors.kill_switch())
        return stopped

    def stop_one(self, request_id: str) -> bool:
        """Stops one request in flight, as the switch stops all; False when it is not in flight, or ends already."""
        return self._stop(request_id, errors.stopped_by_hand())

    def _stop(self, request_id: str, refusal: Refusal) -> bool:
        task = self._running.get(request_id)
        if task is None or request_id in self._killed:
            return False
        self._killed[request_id] = refusal
        task.cancel(refusal.code)
        return True

    async def ended(self, within_s: float) -> None:
        """Returns when no request is in flight, or after ``within_s``: they were cancelled, and settle and note it."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=within_s)

    @property
    def in_flight(self) -> int:
        return len(self._running)
