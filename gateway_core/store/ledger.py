"""The money: what each paid call may cost, written before the call, and what it did cost, written after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway_core.clock import Clock
from gateway_core.model import Lane, Target, Usage
from gateway_core.store.codec import to_json
from gateway_core.store.database import Database, Work
from gateway_core.store.errors import StoreError
from gateway_core.store.report import ProviderCalls, cost_by_hour, provider_calls

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A paid call that is about to be made. ``day`` is the UTC date that pays for it, whenever it ends."""

    request_id: str
    attempt: int
    day: str
    target: Target
    reserved_microusd: int
    created_at: float
    lane: Lane = Lane.INTERACTIVE

    @property
    def id(self) -> str:
        """Known before the write, so that a caller who was cancelled meanwhile can still release it."""
        return f"{self.request_id}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class Orphans:
    """Calls that were under way when llmgw died, and what was charged for them."""

    count: int
    cost_microusd: int


class Ledger:
    """Every reservation ever made, and its end. Costs are as they were settled: prices are never applied again.

    A row goes from ``reserved`` to ``settled``, ``released`` or ``orphaned``, once; later attempts change nothing. All
    methods raise :class:`~gateway_core.store.errors.StoreError` when the disk fails, and always where the database is a
    temporary one: what is spent must never be forgotten.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def reserve(self, entry: LedgerEntry) -> str:
        """Writes the entry; once this returns it survives a power loss. Returns its id."""
        target = entry.target
        values = (
            *(entry.id, entry.request_id, entry.attempt, entry.day, target.tier.value, target.provider, target.model),
            *(entry.reserved_microusd, entry.created_at, entry.lane.value),
        )

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO reservations (id, request_id, attempt, day, tier, provider, model, reserved_microusd,"
                " created_at, lane) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

        await self._run(write)
        return entry.id

    async def settle(
        self, reservation_id: str, cost_microusd: int, usage: Usage, beside: Work[bool] | None = None
    ) -> bool:
        """Charges what the call cost, on the day it was reserved. False when it had already ended.

        ``beside`` is written with it, or neither is.
        """
        return await self._close(reservation_id, "settled", cost_microusd, to_json(usage), beside)

    async def release(self, reservation_id: str) -> bool:
        """Nothing was sent: charges nothing. False when it had already ended."""
        return await self._close(reservation_id, "released", 0, None)

    async def charge_orphans(self) -> Orphans:
        """Charges calls that a crash cut off at what was reserved for them. Only before the first call is reserved."""
        closed_at = self._clock.now()

        def charge(connection: sqlite3.Connection) -> Orphans:
            count, cost = connection.execute(
                "SELECT count(*), coalesce(sum(reserved_microusd), 0) FROM reservations WHERE state = 'reserved'"
            ).fetchone()
            connection.execute(
                "UPDATE reservations SET state = 'orphaned', cost_microusd = reserved_microusd, closed_at = ?"
                " WHERE state = 'reserved'",
                (closed_at,),
            )
            return Orphans(count, cost)

        return await self._run(charge)

    async def spent_microusd(self, day: str) -> int:
        """What calls reserved on that UTC day have cost, the settled and the orphaned ones."""

        def read(connection: sqlite3.Connection) -> int:
            query = "SELECT coalesce(sum(cost_microusd), 0) FROM reservations WHERE day = ?"
            spent: int = connection.execute(query, (day,)).fetchone()[0]
            return spent

        return await self._run(read)

    async def spent_since(self, day: str) -> dict[str, int]:
        """What each UTC day from ``day`` on has cost; later days exist when the clock was wrong."""

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            query = "SELECT day, sum(cost_microusd) FROM reservations WHERE day >= ? GROUP BY day"
            return dict(connection.execute(query, (day,)).fetchall())

        return await self._run(read)

    async def spent_in_lane(self, lane: Lane, day: str) -> dict[str, int]:
        """The part of :meth:`spent_since` that calls of one lane have cost."""

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            query = "SELECT day, sum(cost_microusd) FROM reservations WHERE day >= ? AND lane = ? GROUP BY day"
            return dict(connection.execute(query, (day, lane.value)).fetchall())

        return await self._run(read)

    async def spent_by_provider(self, day: str) -> dict[str, int]:
        """What each provider has cost on that UTC day."""

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            query = "SELECT provider, sum(cost_microusd) FROM reservations WHERE day = ? GROUP BY provider"
            return dict(connection.execute(query, (day,)).fetchall())

        return await self._run(read)

    async def spent_by_hour(self, day: str) -> tuple[int, ...]:
        """What was reserved in each of the 24 UTC hours of that day has cost."""
        found = await self._run(lambda connection: cost_by_hour(connection, day, day))
        return found.get(day, (0,) * 24)

    async def calls_of(self, provider: str, first_day: str, last_day: str) -> tuple[ProviderCalls, ...]:
        """What a provider's calls used and cost, by UTC day and model, both days included."""
        return await self._run(lambda connection: provider_calls(connection, provider, first_day, last_day))

    async def check(self) -> None:
        """Raises when a reservation could not be written now; leaves nothing behind."""
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO reservations (id, request_id, attempt, day, tier, provider, model, reserved_microusd,"
                " created_at) VALUES ('check', '', 0, '', '', '', '', 0, ?)",
                (now,),
            )
            connection.execute("DELETE FROM reservations WHERE id = 'check'")

        await self._run(write)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._database.why_temporary:
            raise StoreError(self._database.why_temporary)
        return await self._database.run(work)

    async def _close(
        self, reservation_id: str, state: str, cost_microusd: int, usage: str | None, beside: Work[bool] | None = None
    ) -> bool:
        values = (state, cost_microusd, usage, self._clock.now(), reservation_id)

        def write(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE reservations SET state = ?, cost_microusd = ?, usage = ?, closed_at = ?"
                " WHERE id = ? AND state = 'reserved'",
                values,
            ).rowcount
            if beside is not None:
                beside(connection)
            return changed == 1

        return await self._run(write)
