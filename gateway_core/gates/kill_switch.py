"""The kill switch: one flag that stops everything, and the requests in flight, which it stops all or one by one; so
does the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway_core.model import KillSwitch, Refusal
from gateway_core.wire import errors

GRACE_S = 1.5
"""For requests in flight to end by themselves when the gateway does."""
ENDING_S = 1.0
"""For those that were broken off to settle, and to tell their clients."""


class KillGate:
    """Refuses requests while on, and cancels the tasks of those that are already running.

    A task runs a request inside :meth:`guard`; cancellation from here is told from a client that left by
    :meth:`excuse`. The switch awaits nothing: it works at once, whatever the requests are waiting for.
    """

    def __init__(self, state: KillSwitch | None = None) -> None:
        self.state = state or KillSwitch()
        self._running: dict[str, asyncio.Task[object]] = {}
        self._broken_off: dict[str, Refusal] = {}
        """What those that were broken off are told, by their id."""
        self._ending = False
        self.stops = 0
        """How often it was switched on."""

    def check(self) -> Refusal | None:
        if self._ending:
            return errors.gateway_stopped()
        return errors.kill_switch() if self.state.on else None

    @contextmanager
    def guard(self, request_id: str) -> Iterator[None]:
        """Lets the current task be stopped for the length of the block."""
        task = asyncio.current_task()
        assert task is not None
        self._running[request_id] = task
        try:
            yield
        finally:
            del self._running[request_id]
            self._broken_off.pop(request_id, None)

    def excuse(self, request_id: str) -> Refusal | None:
        """The refusal for the current task, which was cancelled from here and which may go on now.

        None when somebody else cancelled it: the client has left.
        """
        refusal = self._broken_off.get(request_id)
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
        return self._break_off_all(errors.kill_switch())

    async def end(self, *, at_once: bool = False) -> None:
        """The gateway ends: nothing more is let in, what is in flight gets a moment to end, the rest is broken off.

        Returns when all have ended and told their clients, or a second later.
        """
        self._ending = True
        await self.ended(0.0 if at_once else GRACE_S)
        self._break_off_all(errors.gateway_stopped())
        await self.ended(ENDING_S)

    def hurry(self) -> None:
        """The gateway ends, and nobody waits for it any more: what is in flight is broken off now."""
        self._ending = True
        self._break_off_all(errors.gateway_stopped())

    def stop_one(self, request_id: str) -> bool:
        """Stops one request in flight, as the switch stops all; False when it is not in flight, or ends already."""
        return self._break_off(request_id, errors.stopped_by_hand())

    def _break_off_all(self, why: Refusal) -> int:
        """Cancels what is in flight and not broken off yet; returns how many."""
        return sum([self._break_off(request_id, why) for request_id in self._running])

    def _break_off(self, request_id: str, why: Refusal) -> bool:
        task = self._running.get(request_id)
        if task is None or request_id in self._broken_off:
            return False
        self._broken_off[request_id] = why
        task.cancel(why.code)
        return True

    async def ended(self, within_s: float) -> None:
        """Returns when no request of now is in flight, or after ``within_s``."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=within_s)

    @property
    def in_flight(self) -> int:
        return len(self._running)
