"""The room where policies are tried out: reads the request log once beside all else, and answers from memory then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.store.database import Database
from gateway_core.store.days import day_of, days_before
from gateway_core.store.errors import StoreError
from gateway_core.whatif.world import LocalKnown, World, with_local
from gateway_core.whatif_values import Outcome, Policy

if TYPE_CHECKING:
    from gateway_core.whatif.history import History
    from gateway_core.whatif.replay import Replayer

LEAST_FRESH_S, MOST_FRESH_S = 2.0, 300.0
FRESH_TIMES = 60
"""A history is good for so many times as long as it took to read, within these bounds."""
PATIENCE_S = 0.2
"""How long to wait for a newer history before the older one answers: a slider must not stop for it."""
KEPT_S = 300.0
"""How long a history stays in memory when nobody asks: 500,000 requests take 44 MB, and as much for their prices."""


@frozen
class Surroundings:
    """What a replay needs to know of the gateway at the moment it is asked."""

    world: Callable[[], World]
    local: Callable[[], Mapping[str, LocalKnown]]
    """The local models that there are, by name."""


class WhatIf:
    """Outcomes of policies over the last days. Nothing here runs on the event loop for longer than a look-up."""

    def __init__(
        self, database: Database, surroundings: Surroundings, written: Callable[[], Awaitable[None]], clock: Clock
    ) -> None:
        self._kept_in = database
        self._surroundings = surroundings
        self._written = written
        self._clock = clock
        self._database: Database | None = None
        self._tasks: set[asyncio.Task[Replayer]] = set()
        self._reading: asyncio.Task[Replayer] | None = None
        self._read_for: tuple[str, str] | None = None
        self._fresh_until = 0.0
        self._ready: Replayer | None = None
        """Of the days in ``_read_for``."""
        self._forgetting: asyncio.TimerHandle | None = None

    async def outcome(self, policy: Policy, *, anew: bool = False) -> Outcome:
        """What comes of a policy; ``anew`` has the log read again. Raises ``ValueError`` and ``StoreError``."""
        world, last = self._surroundings.world(), day_of(self._clock.now())
        there = with_local(world, policy, self._surroundings.local())
        span = (days_before(last, policy.days - 1), last)
        replayer = await self._replayer(span, world.lasting, anew=anew)
        return await asyncio.to_thread(replayer.outcome, policy, there)

    async def look(self, policy: Policy, *, anew: bool = False) -> Outcome:
        """The same for a screen: what is wrong is its ``problem``. Raises nothing."""
        try:
            return await self.outcome(policy, anew=anew)
        except (StoreError, ValueError) as error:
            return Outcome(policy, problem=str(error))

    async def close(self) -> None:
        """Gives up what is being read."""
        self._forget()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._database is not None:
            await self._database.close()

    async def _replayer(self, span: tuple[str, str], world: World, *, anew: bool) -> Replayer:
        """What was read, or is being read: who asks and leaves does not make the next one wait for another reading."""
        reading = self._reading
        failed = reading is not None and reading.done() and (reading.cancelled() or reading.exception() is not None)
        old = reading is not None and reading.done() and self._clock.monotonic() >= self._fresh_until
        if self._read_for != span:
            self._ready = None
        if reading is None or self._read_for != span or anew or old or failed:
            reading = asyncio.create_task(self._read(reading, span, world), name="replay under another policy")
            self._tasks.add(reading)
            reading.add_done_callback(self._tasks.discard)
            reading.add_done_callback(_retrieved)
            self._reading, self._read_for = reading, span
        elif self._ready is not None and self._ready.world == world and reading.done():
            self._keep()
            return self._ready
        if self._ready is not None and not anew:
            await asyncio.wait([reading], timeout=PATIENCE_S)
        ready = self._ready
        replayer = ready if ready is not None and not anew and not reading.done() else await asyncio.shield(reading)
        self._keep()
        if replayer.world != world:
            replayer = await asyncio.to_thread(_elsewhere, replayer.history, world)
        if self._read_for == span and reading.done():
            self._ready = replayer
        return replayer

    async def _read(self, before: asyncio.Task[Replayer] | None, span: tuple[str, str], world: World) -> Replayer:
        if before is not None:
            await asyncio.wait([before])
        began = self._clock.monotonic()
        await self._written()
        if self._database is None:
            self._database = await self._kept_in.reader()
        made = await self._database.run(lambda connection: replayer_of(connection, span, world))
        now = self._clock.monotonic()
        if self._read_for == span:
            self._ready = made
            self._fresh_until = now + min(MOST_FRESH_S, max(LEAST_FRESH_S, FRESH_TIMES * (now - began)))
        return made

    def _keep(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._forgetting = asyncio.get_running_loop().call_later(KEPT_S, self._forget)

    def _forget(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._reading = self._ready = self._forgetting = None


def replayer_of(connection: sqlite3.Connection, span: tuple[str, str], world: World) -> Replayer:
    """What replays the days of ``span``, both included. To be called in a thread: it imports numpy, and reads."""
    from gateway_core.whatif.history import read_history

    return _elsewhere(read_history(connection, *span), world)


def _elsewhere(history: History, world: World) -> Replayer:
    from gateway_core.whatif.replay import Replayer

    return Replayer(history, world)


def _retrieved(task: asyncio.Task[Replayer]) -> None:
    """Keeps asyncio from logging what a reading that nobody waits for any more has failed of."""
    if not task.cancelled():
        task.exception()
