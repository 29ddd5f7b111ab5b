"""Whatever happens in whatever order: no micro-dollar is lost or charged twice, no day passes the hard limit, and
what nobody waits for never passes its own inside it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import Lane, Refusal, Usage
from gateway_core.store import database as rooms
from gateway_core.store.advance import Advance
from gateway_core.store.database import Database
from gateway_core.store.days import day_of, days_before
from gateway_core.store.ledger import Ledger
from gateway_core.store.spool import Spool
from tests.store.support import PAID, FakeClock, make_read_only

T = TypeVar("T")
HARD = 1000
OWN = 300
"""The background's."""
LANES = st.sampled_from(Lane)
SHARES = st.integers(0, 100)


class OnTheSameDisk(Spool):
    """It fails when the database does."""

    fails = False

    def add(self, entry: Sequence[object]) -> bool:
        return not self.fails and super().add(entry)


class Money(RuleBasedStateMachine):
    """Keeps its own books, in which a call is open at its worst case or closed at its cost, by day."""

    reservations = Bundle("reservations")
    advance_microusd = 0
    """What the ledger may note without waiting for the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.boot = 0
        self.closed: dict[str, int] = {}
        """What was reserved for calls that have ended."""
        self.lost: dict[str, int] = {}
        """What a power loss was charged with, by day, that nothing had cost."""
        self.patience = patch.object(rooms, "PATIENCE_S", 3600.0)
        self.patience.start()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.clock = FakeClock()
        self.opened: dict[str, Reservation] = {}
        self.waiting: dict[str, tuple[Reservation, int]] = {}
        self.unsure: list[Reservation] = []
        """Cancelled while the disk was dead: counted until it works again, and not in the ledger."""
        self.spent: dict[str, int] = {}
        self.spent_behind: dict[str, int] = {}
        """The background's part of it."""
        self.broken = False
        self.number = 0
        self.day = ""
        self.run(self.start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Until what it began to write is written: how fast the disk is must make no difference."""
        return self.loop.run_until_complete(self.whole(work))

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        result = await work
        while (writing := self.ledger._writing) is not None:
            await asyncio.wait([writing])
        return result

    def look(self, work: Callable[[], T]) -> T:
        """In the loop, as all that asks the budget."""

        async def looked() -> T:
            return work()

        return self.run(looked())

    async def start(self) -> None:
        self.database = await Database.open(Path(self.folder.name) / "llmgw.db", self.clock)
        self.spool = OnTheSameDisk(Path(self.folder.name))
        self.ledger = Ledger(self.database, self.clock, Advance(self.spool, f"boot {self.boot}"))
        self.budget = await Budget.open(self.ledger, self.clock, 0, 0, HARD, background_microusd=OWN, retry_s=3600)
        self.ledger.set_advance(self.advance_microusd)

    def close(self, reservation: Reservation, cost: int) -> None:
        """In our books: at once, or when the disk works again."""
        if self.opened.pop(reservation.id, None) is None:
            return
        self.closed[reservation.id] = reservation.reserved_microusd
        if self.broken:
            self.waiting[reservation.id] = (reservation, cost)
        else:
            self.book(reservation, cost)

    def book(self, reservation: Reservation, cost: int) -> None:
        books = [self.spent, *([self.spent_behind] if reservation.lane is Lane.BACKGROUND else [])]
        for book in books:
            book[reservation.day] = book.get(reservation.day, 0) + cost

    @rule(target=reservations, cost=st.integers(0, 400), count=st.integers(1, 4), lane=LANES)
    def reserve(self, cost: int, count: int, lane: Lane) -> Any:
        async def together() -> list[Reservation | Refusal]:
            names = [f"req_{self.number + place}" for place in range(count)]
            return await asyncio.gather(*(self.budget.reserve(name, 1, PAID, cost, lane) for name in names))

        status = self.look(self.budget.status)
        room = HARD - status.committed_microusd
        if lane is Lane.BACKGROUND:
            room = min(room, OWN - status.background.committed_microusd)
        allowed = self.look(lambda: self.budget.refusal(cost, lane)) is None
        made = [result for result in self.run(together()) if isinstance(result, Reservation)]
        self.number += count
        if self.broken:
            assert not made
        elif allowed:
            assert len(made) == (min(count, room // cost) if cost else count)
        self.opened.update({reservation.id: reservation for reservation in made})
        return multiple(*made)

    @rule(cost=st.integers(0, 400), steps=st.integers(0, 3), lane=LANES)
    def reserve_and_be_cancelled(self, cost: int, steps: int, lane: Lane) -> None:
        async def cancelled() -> Reservation | Refusal | None:
            task = asyncio.create_task(self.budget.reserve(f"req_{self.number}", 1, PAID, cost, lane))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(*self.budget._tasks - {self.budget._retrying}, return_exceptions=True)
            return result if isinstance(result, Reservation | Refusal) else None

        name, day = f"req_{self.number}/1", self.look(self.budget.status).day
        result = self.run(cancelled())
        self.number += 1
        if result is None and steps and self.broken:
            self.unsure.append(Reservation(name, day, PAID, cost, lane=lane))
        if isinstance(result, Reservation):
            self.opened[result.id] = result

    @rule(reservation=reservations, share=SHARES)
    def settle(self, reservation: Reservation, share: int) -> None:
        cost = reservation.reserved_microusd * share // 100
        self.run(self.budget.settle(reservation, cost, Usage()))
        self.close(reservation, cost)

    @rule(reservation=reservations, share=SHARES)
    def settle_and_be_cancelled(self, reservation: Reservation, share: int) -> None:
        cost = reservation.reserved_microusd * share // 100

        async def cancelled() -> None:
            task = asyncio.create_task(self.budget.settle(reservation, cost, Usage()))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(*self.budget._ending.values())

        self.run(cancelled())
        self.close(reservation, cost)

    @rule(reservation=consumes(reservations))
    def release(self, reservation: Reservation) -> None:
        self.run(self.budget.release(reservation))
        self.close(reservation, 0)

    @rule()
    def disk_fails(self) -> None:
        self.broken = self.spool.fails = True
        self.run(make_read_only(self.database))

    @rule()
    def disk_works_again(self) -> None:
        self.broken = self.spool.fails = False
        self.run(make_read_only(self.database, False))
        assert self.run(self.budget.retry())
        for reservation, cost in self.waiting.values():
            self.book(reservation, cost)
        self.waiting.clear()
        self.unsure.clear()

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * 3600)

    @rule(hours=st.integers(1, 48))
    def the_clock_jumps_back(self, hours: int) -> None:
        self.clock.at -= hours * 3600
        self.run(self.hear_of_it())

    async def hear_of_it(self) -> None:
        """The ledger is asked for a day that lies days back."""
        self.budget.status()
        await asyncio.gather(*self.budget._tasks - {self.budget._retrying}, return_exceptions=True)

    def forget(self) -> None:
        """What is in memory alone goes with it."""
        self.ledger._noted, self.ledger._ends = {}, {}

    @rule()
    @precondition(lambda self: not self.broken)
    def crash(self) -> None:
        """Everything in memory is gone; what was open is charged at its worst case."""
        for reservation in self.opened.values():
            self.book(reservation, reservation.reserved_microusd)
        self.opened.clear()
        self.forget()
        self.run(self.database.close())
        self.run(self.budget.close())
        self.day = ""
        self.run(self.start())

    @rule()
    def crash_with_a_dead_disk(self) -> None:
        """Endings that were never written are charged at their worst case."""
        for reservation, _ in self.waiting.values():
            self.opened[reservation.id] = reservation
        self.waiting.clear()
        self.unsure.clear()
        self.broken = False
        self.crash()

    @invariant()
    def memory_is_what_our_books_say(self) -> None:
        status = self.look(self.budget.status)
        open_now = [*self.opened.values(), *(reservation for reservation, _ in self.waiting.values()), *self.unsure]
        today = [reservation for reservation in open_now if reservation.day == status.day]
        assert status.spent_microusd == self.spent.get(status.day, 0)
        assert status.reserved_microusd == sum(reservation.reserved_microusd for reservation in today)
        assert status.committed_microusd <= HARD + self.lost.get(status.day, 0)
        behind = sum(held.reserved_microusd for held in today if held.lane is Lane.BACKGROUND)
        own = status.background
        assert (own.spent_microusd, own.reserved_microusd) == (self.spent_behind.get(status.day, 0), behind)
        assert own.committed_microusd <= OWN
        ahead = self.day and day_of(self.clock.now()) < days_before(self.day, 1)
        assert status.day >= self.day or ahead, "a day never gives way to the one before it"
        self.day = status.day

    @invariant()
    def the_ledger_is_what_our_books_say(self) -> None:
        if not self.broken:
            found = self.run(self.ledger.spent_since("0000-00-00"))
            assert {day: cost for day, cost in found.items() if cost} == {d: c for d, c in self.spent.items() if c}
            assert all(cost <= HARD + self.lost.get(day, 0) for day, cost in found.items())
            behind = self.run(self.ledger.spent_in_lane(Lane.BACKGROUND, "0000-00-00"))
            assert {d: c for d, c in behind.items() if c} == {d: c for d, c in self.spent_behind.items() if c}
            assert all(cost <= OWN for cost in behind.values())

    def teardown(self) -> None:
        self.run(self.database.close())
        self.run(self.budget.close())
        self.loop.close()
        self.folder.cleanup()
        self.patience.stop()


class NotedMoney(Money):
    """Where half of the limit may be noted, and a power loss takes the notes."""

    advance_microusd = HARD // 2

    @rule(calls=st.lists(st.tuples(st.integers(1, 60), SHARES, st.booleans()), min_size=2, max_size=6))
    def small_calls(self, calls: list[tuple[int, int, bool]]) -> None:
        """One after the other, some of which stay open."""
        for cost, share, ends in calls:
            made = self.run(self.budget.reserve(f"req_{self.number}", 1, PAID, cost))
            self.number += 1
            if isinstance(made, Reservation):
                self.opened[made.id] = made
                if ends:
                    self.settle(made, share)

    @rule()
    def the_ledger_is_what_our_books_say(self) -> None:
        """Now and then: who asks it has what was noted written first."""
        super().the_ledger_is_what_our_books_say()

    @rule()
    @precondition(lambda self: not self.broken)
    def power_loss(self) -> None:
        """Charges at least what our books say, and at most the advance more, and what was reserved for calls whose end
        was noted alone."""
        for reservation in self.opened.values():
            self.book(reservation, reservation.reserved_microusd)
        self.opened.clear()
        noted = set(self.ledger._ends)
        self.forget()
        most = self.advance_microusd + sum(self.closed[ended] for ended in noted)
        self.run(self.database.close())
        self.run(self.budget.close())
        self.spool.remove()
        self.day, self.boot = "", self.boot + 1
        self.run(self.start())
        found = self.run(self.ledger.spent_since("0000-00-00"))
        more = {day: found.get(day, 0) - self.spent.get(day, 0) for day in {*found, *self.spent}}
        assert min(more.values(), default=0) >= 0 and sum(more.values()) <= most
        self.lost = {day: self.lost.get(day, 0) + cost for day, cost in more.items()}
        self.spent = found
        self.spent_behind = self.run(self.ledger.spent_in_lane(Lane.BACKGROUND, "0000-00-00"))


for machine in (Money, NotedMoney):
    machine.TestCase.settings = settings(
        max_examples=60, stateful_step_count=30, suppress_health_check=list(HealthCheck), database=None
    )
TestMoney = Money.TestCase
TestNotedMoney = NotedMoney.TestCase
