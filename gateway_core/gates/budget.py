"""The daily budget: nothing paid is called before its worst case is set aside, in memory and on disk: alone, or in the
advance that the ledger sets aside for many.

The check and the addition happen without an ``await`` between them, so any number of requests at once see each other.
What is set aside belongs to the UTC day on which it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.gates.account import Account, Reservation, hour_of
from gateway_core.model import BudgetStatus, Lane, Refusal, Target, Usage
from gateway_core.store.database import Work
from gateway_core.store.days import day_of, days_before, end_of
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger, LedgerEntry, Orphans
from gateway_core.store.operator import Limits
from gateway_core.wire import errors

log = logging.getLogger(__name__)

RETRY_S = 2.0
ADVANCE_SHARE = 100
"""The part of the daily limit that calls may need together before they are on the disk: one in so many."""
MOST_ADVANCE_MICROUSD = 500_000
"""And never more than this: some dozen calls with OpenClaw's 63 KB at a cheap model, and none at Claude."""
Beside = Callable[[], Awaitable[Work[bool] | None]]
"""Makes ready what is to be written in the transaction that settles a call."""


@frozen
class Stops:
    """What money stops now."""

    premium: bool
    """The medium limit is reached, so that premium requests go to a cheaper tier."""
    paid: Refusal | None
    """What any paid call is told; None while one may cost something."""
    background: Refusal | None
    """The same for what nobody waits for."""


@frozen
class _Ending:
    """How a reservation ends: what it cost, or ``usage`` None when nothing was sent."""

    reservation: Reservation
    cost_microusd: int
    usage: Usage | None
    beside: Beside | None = None


class Budget:
    """What today has cost and what is set aside, against three limits, and what nobody waits for against one of its
    own inside these. Free targets never come here.

    While the ledger cannot be written nothing is reserved, and endings are kept and tried again every ``retry_s``
    seconds: until one is written its reservation counts in full. A clock that jumps back over midnight stays on the
    later day, so that a day which was spent does not open again; one that was days ahead goes back to the day that it
    is, at what the ledger says of it, or all days to come would share one limit. So does a restart.
    """

    def __init__(self, ledger: Ledger, clock: Clock, limits: Limits, *, retry_s: float = RETRY_S) -> None:
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._background_microusd = 0
        self._provider_limits: Mapping[str, int] = {}
        self._retry_s = retry_s
        ledger.set_advance(_advance_for(limits))
        self._day = day_of(clock.now())
        self._accounts: dict[str, Account] = {}
        self._open: dict[str, Reservation] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._unwritten: dict[str, _Ending] = {}
        self._started = self._closed = False
        self._starting = asyncio.Lock()
        self._ledger_ok = True
        ledger.on_failure = self._ledger_failed
        self._retrying: asyncio.Task[None] | None = None
        self._finding: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.ledger_trouble = ""
        """Why the ledger cannot be written; empty while it can."""
        self.on_ledger: Callable[[bool], None] = lambda ok: None
        """Called when the ledger cannot be written any more, and when it can again."""
        self.announcement: Callable[[str], str | None] = lambda request_id: None
        """How a request is announced that money is set aside for: it shares the commit."""
        self.orphans = Orphans(0, 0)
        """What a crash left behind and the start charged."""

    @classmethod
    async def open(
        cls,
        ledger: Ledger,
        clock: Clock,
        soft_microusd: int,
        medium_microusd: int,
        hard_microusd: int,
        *,
        background_microusd: int = 0,
        retry_s: float = RETRY_S,
    ) -> Budget:
        """The budget as the ledger left it, orphans charged. A ledger that fails shows as ``ledger_ok`` False."""
        budget = cls(ledger, clock, Limits(soft_microusd, medium_microusd, hard_microusd), retry_s=retry_s)
        budget.set_background_limit(background_microusd)
        await budget._start()
        return budget

    async def close(self) -> None:
        """Waits for endings under way and tries unwritten ones once more. What stays is an orphan at the next start."""
        self._closed = True
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.gather(self._retrying, return_exceptions=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._unwritten:
            await self.retry()
        with suppress(StoreError):
            await self._ledger.close()

    # --- what is known now -------------------------------------------------------------------------------------

    def status(self) -> BudgetStatus:
        """Today against the limits in effect: none is above the hard one."""
        account, limits = self._today(), self._limits
        return BudgetStatus(
            day=self._day,
            spent_microusd=account.spent_microusd,
            reserved_microusd=account.reserved_microusd,
            soft_microusd=_at_most(limits.soft_microusd, limits.hard_microusd),
            medium_microusd=_at_most(limits.medium_microusd, limits.hard_microusd),
            hard_microusd=limits.hard_microusd,
            resets_at=end_of(self._day),
            ledger_ok=self._ledger_ok,
            background=account.background(_at_most(self._background_microusd, limits.hard_microusd)),
        )

    def spent_by_hour(self) -> tuple[int, ...]:
        """What today has cost, by the UTC hour in which it was reserved; adds up to what is spent."""
        return tuple(self._today().hours)

    def stops(self) -> Stops:
        """What the limits that are reached stop: what every decision asks for."""
        account, limits = self._today(), self._limits
        spent, medium, hard = account.spent_microusd, limits.medium_microusd, limits.hard_microusd
        premium = bool(hard and spent >= hard) or bool(medium and spent >= medium)
        if not self._ledger_ok:
            refusal = self._ledger_refusal()
            return Stops(premium, refusal, refusal)
        paid = self._over_hard_limit(account, 1)
        return Stops(premium, paid, paid or self._over_background_limit(account, 1))

    def allows(self, worst_case_microusd: int) -> bool:
        """Whether a call that can cost this much would be let through now. Promises nothing: :meth:`reserve` does."""
        return self.refusal(worst_case_microusd) is None

    def refusal(self, worst_case_microusd: int = 0, lane: Lane = Lane.INTERACTIVE) -> Refusal | None:
        """Why a call that can cost this much would be refused now; by default, why any paid call would be."""
        if not self._ledger_ok:
            return self._ledger_refusal()
        return self._over_limit(self._today(), worst_case_microusd, lane)

    def set_limits(self, soft_microusd: int, medium_microusd: int, hard_microusd: int) -> None:
        """The limits from now on, for calls not yet reserved. 0 is off. Raises ``ValueError`` when one is negative."""
        if min(soft_microusd, medium_microusd, hard_microusd) < 0:
            raise ValueError("a limit cannot be negative")
        self._limits = Limits(soft_microusd, medium_microusd, hard_microusd)
        self._ledger.set_advance(_advance_for(self._limits))

    def set_background_limit(self, microusd: int) -> None:
        """What calls that nobody waits for may cost a day from now on, inside the hard limit. 0 is off. Raises
        ``ValueError`` when it is negative."""
        if microusd < 0:
            raise ValueError("a limit cannot be negative")
        self._background_microusd = microusd

    def set_provider_limits(self, limits: Mapping[str, int]) -> None:
        """What single providers may cost a day, in micro-dollars, from now on."""
        self._provider_limits = dict(limits)

    def committed_to(self, provider: str) -> int:
        """What a provider has cost today, with what is reserved for it, in micro-dollars."""
        return self._today().of_providers[provider]

    def provider_refusal(self, provider: str, worst_case_microusd: int = 1) -> Refusal | None:
        """Why a provider's own daily limit stops a call that can cost this much; None where it does not."""
        limit = self._provider_limits.get(provider, 0)
        if not limit:
            return None
        committed = self._today().of_providers[provider]
        if committed + worst_case_microusd > limit:
            return errors.budget_exceeded(committed, limit, provider)
        return None

    # --- one paid call -----------------------------------------------------------------------------------------

    async def reserve(
        self,
        request_id: str,
        attempt: int,
        target: Target,
        worst_case_microusd: int,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Reservation | Refusal:
        """Sets the worst case aside; once this returns it is on disk, or within what is. A :class:`Refusal` leaves
        nothing behind.

        A caller who is cancelled meanwhile gets no reservation: it is released behind their back.
        """
        if worst_case_microusd < 0:
            raise ValueError("a reservation cannot be negative")
        if not self._started and not await self._start():
            return self._ledger_refusal()
        account = self._today()
        if refusal := self._over_limit(account, worst_case_microusd, lane):
            return refusal
        if refusal := self.provider_refusal(target.provider, worst_case_microusd):
            return refusal
        now, announced = self._clock.now(), self.announcement(request_id)
        entry = LedgerEntry(request_id, attempt, self._day, target, worst_case_microusd, now, lane, announced)
        key = entry.id
        if key in self._open:
            raise ValueError(f"{key} is already reserved")
        reservation = Reservation(key, self._day, target, worst_case_microusd, hour_of(now, self._day), lane)
        self._open[key] = reservation
        account.hold(reservation)
        try:
            if not (self._may_be_noted(entry) and self._ledger.note(entry)):
                await self._ledger.reserve(entry)
        except asyncio.CancelledError:
            self._end(_Ending(reservation, 0, None))
            raise
        except StoreError as error:
            self._forget(reservation)
            self._ledger_failed(error)
            return self._ledger_refusal()
        except BaseException:
            self._forget(reservation)
            raise
        if not self._unwritten and not self._ledger_ok:
            self._note_ledger(ok=True)
        return reservation

    async def settle(
        self, reservation: Reservation, cost_microusd: int, usage: Usage, beside: Beside | None = None
    ) -> None:
        """Charges what the call cost. Done even when the caller is cancelled; a second ending changes nothing.

        What ``beside`` makes ready is written with it: after a crash there are both or neither. It must not keep the
        money from being written: where it fails, the call is settled without it.

        Does not raise when the ledger fails: the reservation stays counted and the writing is tried again.
        """
        if cost_microusd < 0:
            raise ValueError("a cost cannot be negative")
        await self._finish(_Ending(reservation, cost_microusd, usage, beside))

    async def release(self, reservation: Reservation) -> None:
        """Nothing was sent: gives the money back. Otherwise like :meth:`settle`."""
        await self._finish(_Ending(reservation, 0, None))

    async def written(self) -> None:
        """Returns once the database has all that is known here. Raises :class:`StoreError`."""
        await self._ledger.written()

    async def retry(self) -> bool:
        """Tries now what could not be written; True when the ledger works and nothing is left."""
        try:
            if not self._started:
                return await self._start()
            for ending in list(self._unwritten.values()):
                await self._write(ending)
                self._book(ending)
            await self._ledger.written()
            await self._ledger.check()
        except StoreError as error:
            self._note_ledger(ok=False, why=str(error))
            return False
        self._note_ledger(ok=not self._unwritten)
        return self._ledger_ok

    # --- inside ------------------------------------------------------------------------------------------------

    async def _start(self) -> bool:
        """Charges orphans and reads the days from today on. Before that nothing is reserved, so no live call is hit."""
        async with self._starting:
            if self._started:
                return True
            today = day_of(self._clock.now())
            try:
                self.orphans += await self._ledger.charge_orphans()
                accounts = await self._accounts_from(today)
            except StoreError as error:
                self._ledger_failed(error)
                return False
            self._accounts = accounts
            self._day = today
            self._started = True
            self._note_ledger(ok=True)
            return True

    async def _accounts_from(self, day: str) -> dict[str, Account]:
        """The day and those after it, as the ledger has them."""
        spent = {day: 0, **await self._ledger.spent_since(day)}
        background = await self._ledger.spent_in_lane(Lane.BACKGROUND, day)
        accounts = {
            each: Account(cost, background_spent_microusd=background.get(each, 0)) for each, cost in spent.items()
        }
        for each, account in accounts.items():
            account.of_providers.update(await self._ledger.spent_by_provider(each))
            account.hours = list(await self._ledger.spent_by_hour(each))
        return accounts

    def _today(self) -> Account:
        """Today's account; a new day begins here. Days that a clock which ran ahead has reached keep their spend."""
        today = day_of(self._clock.now())
        if today > self._day:
            self._day = today
            owing = {reservation.day for reservation in self._open.values()}
            self._accounts = {day: account for day, account in self._accounts.items() if day >= today or day in owing}
        elif today < self._day and today < days_before(self._day, 1):
            self._go_back(today)
        if self._day not in self._accounts:
            self._accounts[self._day] = Account()
        return self._accounts[self._day]

    def _go_back(self, today: str) -> None:
        """The clock was ahead by days. Until the ledger has told of today the later day goes on."""
        if today in self._accounts:
            self._day = today
        elif self._started and not self._closed and (self._finding is None or self._finding.done()):
            self._finding = self._spawn(self._find(today))

    async def _find(self, day: str) -> None:
        with suppress(StoreError):
            self._accounts = {**await self._accounts_from(day), **self._accounts}

    def _over_limit(self, account: Account, worst_case_microusd: int, lane: Lane) -> Refusal | None:
        over = self._over_hard_limit(account, worst_case_microusd)
        if over is None and lane is Lane.BACKGROUND:
            return self._over_background_limit(account, worst_case_microusd)
        return over

    def _over_hard_limit(self, account: Account, worst_case_microusd: int) -> Refusal | None:
        spent, hard = account.spent_microusd, self._limits.hard_microusd
        committed = spent + account.reserved_microusd
        if hard and (spent >= hard or committed + worst_case_microusd > hard):
            return errors.budget_exceeded(committed, hard)
        return None

    def _over_background_limit(self, account: Account, worst_case_microusd: int) -> Refusal | None:
        own = account.background(self._background_microusd)
        if own.has_room(worst_case_microusd):
            return None
        return errors.background_exceeded(own.committed_microusd, own.limit_microusd, worst_case_microusd)

    def _may_be_noted(self, entry: LedgerEntry) -> bool:
        """What a power loss may take from the ledger is charged to the day and to no part of it: a call that counts
        against a limit of its own inside the day's is written before it is made."""
        own = self._provider_limits.get(entry.target.provider) or (
            entry.lane is Lane.BACKGROUND and self._background_microusd
        )
        return self._ledger_ok and not own

    async def _finish(self, ending: _Ending) -> None:
        if self._noted(ending):
            return
        task = self._end(ending)
        if task is not None:
            await asyncio.shield(task)

    def _noted(self, ending: _Ending) -> bool:
        """Whether the reservation is ended now, without waiting for the disk."""
        key = ending.reservation.id
        if ending.beside or key not in self._open or key in self._ending or key in self._unwritten:
            return False
        if not self._ledger.note_end(key, ending.cost_microusd, ending.usage):
            return False
        self._book(ending)
        return True

    def _end(self, ending: _Ending) -> asyncio.Task[None] | None:
        """The one task that ends the reservation; None when it has ended or waits for the disk."""
        key = ending.reservation.id
        if key not in self._ending and key in self._open and key not in self._unwritten:
            self._ending[key] = self._spawn(self._write_and_book(ending))
        return self._ending.get(key)

    async def _write_and_book(self, ending: _Ending) -> None:
        key = ending.reservation.id
        try:
            if not await self._written_with_its_beside(ending):
                await self._write(ending)
        except StoreError as error:
            self._unwritten[key] = ending
            self._ledger_failed(error)
        else:
            self._book(ending)
        finally:
            del self._ending[key]

    async def _written_with_its_beside(self, ending: _Ending) -> bool:
        """Whether the ending is written with what belongs to it; False where there is nothing, or it failed."""
        try:
            beside = await ending.beside() if ending.beside else None
            if beside is not None:
                await self._write(ending, beside)
        except Exception as error:
            what = error if isinstance(error, StoreError) else type(error).__name__
            log.warning("an answer was not kept with the settlement of its call: %s", what)
            return False
        return beside is not None

    async def _write(self, ending: _Ending, beside: Work[bool] | None = None) -> None:
        if ending.usage is None:
            await self._ledger.release(ending.reservation.id)
        else:
            await self._ledger.settle(ending.reservation.id, ending.cost_microusd, ending.usage, beside)

    def _book(self, ending: _Ending) -> None:
        """Once it is written, in memory too, on the day it was reserved."""
        self._unwritten.pop(ending.reservation.id, None)
        if ending.reservation.id in self._open:
            self._accounts[ending.reservation.day].charge(ending.reservation, ending.cost_microusd)
            self._forget(ending.reservation)

    def _forget(self, reservation: Reservation) -> None:
        del self._open[reservation.id]
        self._accounts[reservation.day].drop(reservation)

    def _ledger_failed(self, error: StoreError) -> None:
        self._note_ledger(ok=False, why=str(error))
        if not self._closed and (self._retrying is None or self._retrying.done()):
            self._retrying = self._spawn(self._keep_trying())

    def _note_ledger(self, *, ok: bool, why: str = "") -> None:
        changed, self._ledger_ok = ok is not self._ledger_ok, ok
        self.ledger_trouble = "" if ok else why or self.ledger_trouble
        if changed:
            self.on_ledger(ok)

    def _ledger_refusal(self) -> Refusal:
        return errors.no_provider(
            f"llmgw cannot write its ledger, so nothing paid is called: {self.ledger_trouble} `llmgw doctor` tells "
            "more; local models still answer."
        )

    async def _keep_trying(self) -> None:
        while True:
            await asyncio.sleep(self._retry_s)
            if await self.retry():
                return

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _advance_for(limits: Limits) -> int:
    """What a power loss may cost at most, in micro-dollars: what was not on the disk then is taken for spent."""
    hard = limits.hard_microusd
    return min(MOST_ADVANCE_MICROUSD, hard // ADVANCE_SHARE) if hard else MOST_ADVANCE_MICROUSD


def _at_most(limit_microusd: int, hard_microusd: int) -> int:
    return hard_microusd if hard_microusd and limit_microusd > hard_microusd else limit_microusd
