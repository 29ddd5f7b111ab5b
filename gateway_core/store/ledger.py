"""The money: what each paid call may cost, written before the call, and what it did cost, written after it."""

from __future__ import annotations

import sqlite3
from asyncio import Future, TimerHandle, get_running_loop, wait
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.model import Lane, Target, Usage
from gateway_core.store.advance import END, IDLE_S, IS_ADVANCE, RESERVED, Advance, CallRow, write_calls
from gateway_core.store.codec import clean_text, to_json
from gateway_core.store.database import Database, Work
from gateway_core.store.errors import StoreError
from gateway_core.store.report import ProviderCalls, cost_by_hour, provider_calls

T = TypeVar("T")


@frozen
class LedgerEntry:
    """A paid call that is about to be made. ``day`` is the UTC date that pays for it, whenever it ends."""

    request_id: str
    attempt: int
    day: str
    target: Target
    reserved_microusd: int
    created_at: float
    lane: Lane = Lane.INTERACTIVE
    announcement: str | None = None
    """The request as :meth:`~gateway_core.store.requests.RequestLog.announcement` says it, where it is not logged
    yet: no crash leaves money that nobody can account for."""

    @property
    def id(self) -> str:
        """Known before the write, so that a caller who was cancelled meanwhile can still release it."""
        return f"{self.request_id}/{self.attempt}"

    @property
    def values(self) -> tuple[Any, ...]:
        """As the database keeps it."""
        target, names = self.target, (self.target.provider, self.target.model)
        return (
            *(self.id, self.request_id, self.attempt, self.day, str(target.tier), *map(clean_text, names)),
            *(self.reserved_microusd, self.created_at, str(self.lane)),
        )

    @property
    def announced(self) -> tuple[str, str] | None:
        return None if self.announcement is None else (self.request_id, self.announcement)


@frozen
class Orphans:
    """Calls that were under way when llmgw died, and what was charged for them."""

    count: int
    cost_microusd: int
    lost_microusd: int = 0
    """What was charged beside them for calls that a power loss may have taken from the ledger."""

    def __add__(self, more: Orphans) -> Orphans:
        return Orphans(
            self.count + more.count,
            self.cost_microusd + more.cost_microusd,
            self.lost_microusd + more.lost_microusd,
        )


@dataclass(slots=True)
class _Noted:
    """A call that is in the spool and not in the database. ``end`` are the values of END, once it has ended."""

    values: tuple[Any, ...]
    announced: tuple[str, str] | None
    end: tuple[Any, ...] | None = None


class Ledger:
    """Every reservation ever made, and its end. Costs are as they were settled: prices are never applied again.

    A row goes from ``reserved`` to ``settled``, ``released`` or ``orphaned``, once; later attempts change nothing. All
    methods raise :class:`~gateway_core.store.errors.StoreError` when the disk fails, and always where the database is a
    temporary one: what is spent must never be forgotten.

    What :meth:`note` and :meth:`note_end` take is written later, many calls in one commit; whoever reads here sees it.
    """

    def __init__(self, database: Database, clock: Clock, advance: Advance | None = None) -> None:
        self._database = database
        self._clock = clock
        self._advance = advance or Advance()
        self._open: dict[str, int] = {}
        """What is reserved for calls that have not ended, by their id."""
        self._noted: dict[str, _Noted] = {}
        self._ends: dict[str, tuple[Any, ...]] = {}
        """How calls ended that are in the database, or are being written into it."""
        self._writing: Future[None] | None = None
        self._rounds = 0
        """How often it was begun to write what was noted."""
        self._resting: TimerHandle | None = None
        self._is_idle = True
        self.on_failure: Callable[[StoreError], None] = lambda error: None
        """Called when what was noted could not be written; it is kept, and :meth:`written` tries again."""
        database.on_hurry.append(self.flush)

    def set_advance(self, microusd: int) -> None:
        """How much of the limit small calls may use together before they are on the disk. What is set aside already
        stays as it is until it is given back, or another day comes."""
        self._advance.most_microusd = microusd

    def note(self, entry: LedgerEntry) -> bool:
        """Reserves at once, without waiting for the disk, where an advance covers that; False where
        :meth:`reserve` must wait."""
        values, announced = entry.values, entry.announced
        if self._database.why_temporary or not self._advance.covers(values, announced):
            return False
        name = entry.id
        self._noted[name] = _Noted(values, announced)
        self._open[name] = entry.reserved_microusd
        self._is_idle = False
        self._write_soon()
        return True

    async def reserve(self, entry: LedgerEntry) -> str:
        """Writes the entry; once this returns it survives a power loss. Returns its id."""
        values, announced = entry.values, entry.announced
        advance = self._advance.opening(entry.day, entry.created_at)

        def write(connection: sqlite3.Connection) -> None:
            calls: list[CallRow] = [(values, announced, None)]
            if advance is not None:
                _forget(advance[0], connection)
                calls.append((advance, None, None))
            write_calls(connection, calls)

        try:
            await self._run(write)
            if advance is not None:
                self._advance.opened(advance)
        finally:
            if advance is not None:
                self._advance.tried()
                self._rest_later()
        self._open[entry.id] = entry.reserved_microusd
        return entry.id

    def note_end(self, reservation_id: str, cost_microusd: int, usage: Usage | None) -> bool:
        """Ends a call at once as :meth:`settle` does, or :meth:`release` where ``usage`` is None, without waiting for
        the disk; False where these must."""
        if cost_microusd > self._open.get(reservation_id, -1):
            return False
        state = "released" if usage is None else "settled"
        end = (state, cost_microusd, None if usage is None else to_json(usage), self._clock.now(), reservation_id)
        if not self._advance.notes_end(end):
            return False
        del self._open[reservation_id]
        if (noted := self._noted.get(reservation_id)) is not None:
            noted.end = end
        else:
            self._ends[reservation_id] = end
        self._write_soon()
        return True

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

    def flush(self) -> None:
        """Begins to write what was noted; what is noted meanwhile is written after it."""
        if self._writing is not None or not (self._noted or self._ends):
            return
        noted, ends = self._noted, self._ends

        def write(connection: sqlite3.Connection) -> None:
            write_calls(connection, [(call.values, call.announced, call.end) for call in noted.values()])
            connection.executemany(END, list(ends.values()))

        with suppress(StoreError):
            self._writing = self._database.begin(write)
            self._noted, self._ends = {}, {}
            self._rounds += 1
            self._advance.turn()
            self._writing.add_done_callback(partial(self._written, noted, ends))

    async def written(self) -> None:
        """Returns once all that was noted before is in the database."""
        await self._begun()
        if (writing := self._writing) is not None:
            await wait([writing])
            if (error := writing.exception()) is not None:
                raise _as_store_error(error)
        elif self._noted or self._ends:
            raise StoreError(f"{self._database.path} is closed.")

    async def close(self) -> None:
        """Writes what was noted, and gives the advance back."""
        if self._resting is not None:
            self._resting.cancel()
        await self.written()
        if (advance := self._advance.closing()) is not None:
            await self._run(partial(_forget, advance))
        if not self._advance.is_needed:
            self._advance.clear()

    async def charge_orphans(self) -> Orphans:
        """Charges calls that a crash cut off at what was reserved for them. Only before the first call is reserved."""
        closed_at = self._clock.now()

        def charge(connection: sqlite3.Connection) -> Orphans:
            lost = self._advance.restore(connection)
            count, cost = connection.execute(
                "SELECT count(*), coalesce(sum(reserved_microusd), 0) FROM reservations"
                f" WHERE state = 'reserved' AND NOT {IS_ADVANCE}"
            ).fetchone()
            connection.execute(
                "UPDATE reservations SET state = 'orphaned', cost_microusd = reserved_microusd, closed_at = ?"
                " WHERE state = 'reserved'",
                (closed_at,),
            )
            return Orphans(count, cost, lost)

        orphans = await self._run(charge)
        self._open.clear()
        self._advance.clear()
        return orphans

    async def spent_microusd(self, day: str) -> int:
        """What calls reserved on that UTC day have cost, the settled and the orphaned ones."""

        def read(connection: sqlite3.Connection) -> int:
            query = "SELECT coalesce(sum(cost_microusd), 0) FROM reservations WHERE day = ?"
            spent: int = connection.execute(query, (day,)).fetchone()[0]
            return spent

        return await self._read(read)

    async def spent_since(self, day: str) -> dict[str, int]:
        """What each UTC day from ``day`` on has cost; later days exist when the clock was wrong."""

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            query = "SELECT day, sum(cost_microusd) FROM reservations WHERE day >= ? GROUP BY day"
            return dict(connection.execute(query, (day,)).fetchall())

        return await self._read(read)

    async def spent_in_lane(self, lane: Lane, day: str) -> dict[str, int]:
        """The part of :meth:`spent_since` that calls of one lane have cost."""

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            query = "SELECT day, sum(cost_microusd) FROM reservations WHERE day >= ? AND lane = ? GROUP BY day"
            return dict(connection.execute(query, (day, lane.value)).fetchall())

        return await self._read(read)

    async def spent_by_provider(self, day: str) -> dict[str, int]:
        """What each provider has cost on that UTC day."""

        def read(connection: sqlite3.Connection) -> dict[str, int]:
            query = "SELECT provider, sum(cost_microusd) FROM reservations WHERE day = ? GROUP BY provider"
            return dict(connection.execute(query, (day,)).fetchall())

        return await self._read(read)

    async def spent_by_hour(self, day: str) -> tuple[int, ...]:
        """What was reserved in each of the 24 UTC hours of that day has cost."""
        found = await self._read(lambda connection: cost_by_hour(connection, day, day))
        return found.get(day, (0,) * 24)

    async def calls_of(self, provider: str, first_day: str, last_day: str) -> tuple[ProviderCalls, ...]:
        """What a provider's calls used and cost, by UTC day and model, both days included."""
        return await self._read(lambda connection: provider_calls(connection, provider, first_day, last_day))

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

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        await self.written()
        return await self._run(work)

    async def _begun(self) -> None:
        """Returns once what is noted now is being written: before what is handed over then."""
        if not (self._noted or self._ends):
            return
        mine = self._rounds + 1
        while self._rounds < mine:
            if self._writing is not None:
                await wait([self._writing])
            self.flush()
            if self._writing is None:
                return

    async def _close(
        self, reservation_id: str, state: str, cost_microusd: int, usage: str | None, beside: Work[bool] | None = None
    ) -> bool:
        values = (state, cost_microusd, usage, self._clock.now(), reservation_id)
        is_open = reservation_id in self._open

        def write(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(END, values).rowcount == 1
            if is_open and not changed:
                raise StoreError(f"{self._database.path} does not have a call that was noted for it.")
            if beside is not None:
                beside(connection)
            return changed

        if reservation_id in self._noted:
            await self._begun()
        changed = await self._run(write)
        self._open.pop(reservation_id, None)
        return changed

    def _write_soon(self) -> None:
        """With what else is written soon; at once where the advance runs out."""
        self._database.wait()
        if self._advance.is_half_used:
            self.flush()

    def _written(self, noted: dict[str, _Noted], ends: dict[str, tuple[Any, ...]], writing: Future[None]) -> None:
        self._writing = None
        error = writing.exception()
        if error is None:
            self._advance.written(sum(call.values[RESERVED] for call in noted.values()))
            if self._noted or self._ends:
                self._write_soon()
            return
        self._noted, self._ends = {**noted, **self._noted}, {**ends, **self._ends}
        self.on_failure(_as_store_error(error))

    def _rest_later(self) -> None:
        self._is_idle = True
        if self._resting is not None:
            self._resting.cancel()
        self._resting = get_running_loop().call_later(IDLE_S, self._rest)

    def _rest(self) -> None:
        """Gives the advance back where no call has used it for a while."""
        advance = self._advance.closing() if self._is_idle and not self._open else None
        if advance is None:
            self._rest_later()
        else:
            with suppress(StoreError):
                self._database.begin(partial(_forget, advance)).add_done_callback(self._given_back)

    def _given_back(self, writing: Future[None]) -> None:
        if writing.exception() is not None:
            self._advance.kept()
            self._rest_later()


def _forget(reservation_id: str, connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM reservations WHERE id = ?", (reservation_id,))


def _as_store_error(error: BaseException) -> StoreError:
    return error if isinstance(error, StoreError) else StoreError(f"{type(error).__name__}: {error}")
