from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import Lane, Refusal, Usage
from gateway_core.store.database import Database, Work
from gateway_core.store.days import start_of
from gateway_core.store.ledger import Ledger, Orphans
from tests.store.support import (
    DAY,
    NEXT_DAY,
    PAID,
    FakeClock,
    entry,
    fill_the_disk,
    free_the_disk,
    make_read_only,
    rows,
)

HARD = 5_000_000
USED = Usage(10, 20)


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> Ledger:
    return Ledger(database, clock)


@pytest.fixture
async def budget(ledger: Ledger, clock: FakeClock) -> AsyncIterator[Budget]:
    """Tries again only when it is told to."""
    opened = await Budget.open(ledger, clock, 1_000_000, 2_000_000, HARD, retry_s=3600)
    yield opened
    await opened.close()


async def reserve(
    budget: Budget, cost: int, name: str = "req_1", attempt: int = 1, lane: Lane = Lane.INTERACTIVE
) -> Reservation:
    reservation = await budget.reserve(name, attempt, PAID, cost, lane)
    assert isinstance(reservation, Reservation), reservation
    return reservation


async def spend(budget: Budget, cost: int, name: str, lane: Lane = Lane.INTERACTIVE) -> None:
    await budget.settle(await reserve(budget, cost, name, lane=lane), cost, USED)


def money(budget: Budget) -> tuple[int, int]:
    status = budget.status()
    return status.spent_microusd, status.reserved_microusd


# --- the limit -------------------------------------------------------------------------------------------------


async def test_what_is_reserved_counts_until_it_is_settled(budget: Budget, ledger: Ledger) -> None:
    reservation = await reserve(budget, 1000)
    assert money(budget) == (0, 1000)
    await budget.settle(reservation, 400, USED)
    assert money(budget) == (400, 0)
    assert await ledger.spent_microusd(DAY) == 400


async def test_a_reservation_is_on_the_disk_before_the_call(budget: Budget, database: Database) -> None:
    await reserve(budget, 1000)
    assert await rows(database, "SELECT id, day, reserved_microusd, state, created_at FROM reservations") == [
        ("req_1/1", DAY, 1000, "reserved", start_of(DAY) + 43_200)
    ]


async def test_what_was_not_sent_costs_nothing(budget: Budget, ledger: Ledger) -> None:
    await budget.release(await reserve(budget, 1000))
    assert money(budget) == (0, 0)
    assert await ledger.spent_microusd(DAY) == 0


async def test_of_200_at_once_only_those_with_room_pass(budget: Budget, database: Database) -> None:
    cost = HARD // 10
    results = await asyncio.gather(*(budget.reserve(f"req_{n}", 1, PAID, cost) for n in range(200)))
    assert sum(isinstance(result, Reservation) for result in results) == 10
    assert money(budget) == (0, HARD)
    assert await rows(database, "SELECT count(*), sum(reserved_microusd) FROM reservations") == [(10, HARD)]


async def test_the_limit_itself_can_be_reached_and_not_passed(budget: Budget) -> None:
    assert budget.allows(HARD) and not budget.allows(HARD + 1)
    await reserve(budget, HARD)
    assert not budget.allows(1)
    assert isinstance(await budget.reserve("req_2", 1, PAID, 1), Refusal)


async def test_a_spent_day_refuses_even_what_costs_nothing(budget: Budget) -> None:
    await spend(budget, HARD, "req_1")
    assert budget.refusal() is not None
    assert not budget.allows(0)


async def test_the_refusal_is_worded_as_openclaw_understands_it(budget: Budget) -> None:
    await budget.settle(await reserve(budget, HARD), HARD + 10_000, USED)
    refusal = await budget.reserve("req_2", 1, PAID, 1)
    assert isinstance(refusal, Refusal)
    assert (refusal.http_status, refusal.code) == (429, "budget_exceeded")
    assert refusal.message == "llmgw: daily limit reached, 5.01 of 5.00 USD spent. Resets at 00:00 UTC."
    assert re.search(r"(daily|weekly|monthly) (usage )?limit", refusal.message)


async def test_a_refusal_leaves_nothing_behind(budget: Budget, database: Database) -> None:
    assert isinstance(await budget.reserve("req_1", 1, PAID, HARD + 1), Refusal)
    assert money(budget) == (0, 0)
    assert await rows(database, "SELECT * FROM reservations") == []


async def test_a_hard_limit_of_zero_is_off(budget: Budget) -> None:
    budget.set_limits(0, 0, 0)
    await spend(budget, 10**12, "req_1")
    assert budget.allows(10**12)
    assert budget.status().level == "ok" and not budget.stops().premium


async def test_soft_and_medium_are_never_above_hard(budget: Budget) -> None:
    budget.set_limits(9, 8, 5)
    status = budget.status()
    assert (status.soft_microusd, status.medium_microusd, status.hard_microusd) == (5, 5, 5)
    budget.set_limits(9, 0, 0)
    status = budget.status()
    assert (status.soft_microusd, status.medium_microusd, status.hard_microusd) == (9, 0, 0)


async def test_levels_and_premium_follow_what_is_settled(budget: Budget) -> None:
    seen = []
    for name, cost in (("a", 999_999), ("b", 1), ("c", 999_999), ("d", 1), ("e", 3_000_000)):
        await spend(budget, cost, name)
        seen.append((budget.status().level, budget.stops().premium))
    assert seen == [("ok", False), ("soft", False), ("soft", False), ("medium", True), ("hard", True)]


async def test_a_raised_limit_lets_calls_through_again(budget: Budget) -> None:
    await spend(budget, HARD, "a")
    budget.set_limits(0, 0, HARD + 100)
    await spend(budget, 100, "b")
    assert not budget.allows(1)


async def test_what_money_stops_is_what_single_calls_would_be_told(budget: Budget, clock: FakeClock) -> None:
    """The router asks once for all of it; a call of one lane is asked for alone."""
    budget.set_limits(0, 400, 1000)
    budget.set_background_limit(300)

    def stopped() -> tuple[bool, bool, bool]:
        found = budget.stops()
        assert found.paid == budget.refusal(1)
        assert found.background == budget.refusal(1, Lane.BACKGROUND)
        return found.premium, found.paid is not None, found.background is not None

    assert stopped() == (False, False, False)
    await spend(budget, 300, "behind", Lane.BACKGROUND)
    assert stopped() == (False, False, True)
    await spend(budget, 100, "before")
    assert stopped() == (True, False, True)
    await spend(budget, 600, "last")
    assert stopped() == (True, True, True)
    clock.advance(86_400)
    assert stopped() == (False, False, False)


async def test_nonsense_is_not_booked(budget: Budget) -> None:
    with pytest.raises(ValueError, match="negative"):
        await budget.reserve("req_1", 1, PAID, -1)
    reservation = await reserve(budget, 100)
    with pytest.raises(ValueError, match="negative"):
        await budget.settle(reservation, -5, USED)
    with pytest.raises(ValueError, match="already reserved"):
        await budget.reserve("req_1", 1, PAID, 100)
    with pytest.raises(ValueError, match="negative"):
        budget.set_limits(0, 0, -1)
    assert money(budget) == (0, 100)


# --- endings ---------------------------------------------------------------------------------------------------


async def test_only_the_first_ending_counts(budget: Budget, ledger: Ledger) -> None:
    reservation = await reserve(budget, 1000)
    await asyncio.gather(*(budget.settle(reservation, 400, USED) for _ in range(5)), budget.release(reservation))
    await budget.settle(reservation, 999, USED)
    await budget.release(reservation)
    assert money(budget) == (400, 0)
    assert await ledger.spent_microusd(DAY) == 400


async def _ready(work: Work[bool]) -> Work[bool]:
    return work


@pytest.mark.parametrize("cancels", [0, 1])
async def test_what_belongs_to_a_settlement_is_written_with_it(
    budget: Budget, database: Database, cancels: int
) -> None:
    """In one transaction, also for a caller who leaves meanwhile."""

    def write(connection: sqlite3.Connection) -> bool:
        assert connection.in_transaction
        (state,) = connection.execute("SELECT state FROM reservations").fetchone()
        connection.execute("CREATE TABLE beside AS SELECT ? AS seen", (state,))
        return True

    settling = asyncio.create_task(budget.settle(await reserve(budget, 300), 120, USED, lambda: _ready(write)))
    if cancels:
        await asyncio.sleep(0)
        settling.cancel()
    await asyncio.wait({settling})
    await budget.close()
    assert await database.run(lambda connection: connection.execute("SELECT seen FROM beside").fetchall()) == [
        ("settled",)
    ]
    assert money(budget) == (120, 0)


@pytest.mark.parametrize("fails", ["as it is written", "as it is made ready"])
async def test_what_cannot_be_written_beside_a_settlement_keeps_no_money_from_it(
    budget: Budget, database: Database, fails: str
) -> None:
    def write(connection: sqlite3.Connection) -> bool:
        connection.execute("CREATE TABLE half (done)")
        connection.execute("INSERT INTO nowhere VALUES (1)")
        return True

    async def ready() -> Work[bool]:
        if fails == "as it is made ready":
            raise ValueError("no answer")
        return write

    await budget.settle(await reserve(budget, 300), 120, USED, ready)
    (row,) = await rows(database, "SELECT state, cost_microusd FROM reservations")
    tables = await rows(database, "SELECT name FROM sqlite_master WHERE name = 'half'")
    assert (tuple(row), list(tables), money(budget)) == (("settled", 120), [], (120, 0))


async def test_a_call_that_cost_more_than_its_worst_case_is_charged_in_full(budget: Budget, ledger: Ledger) -> None:
    await budget.settle(await reserve(budget, 100), 250, USED)
    assert money(budget) == (250, 0)
    assert await ledger.spent_microusd(DAY) == 250


@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_cancelled_request_settles_all_the_same(budget: Budget, ledger: Ledger, cancels: int) -> None:
    reserved = asyncio.Event()

    async def request() -> None:
        reservation = await reserve(budget, 1000)
        try:
            reserved.set()
            await asyncio.Event().wait()
        finally:
            await budget.settle(reservation, 400, USED)

    task = asyncio.create_task(request())
    await reserved.wait()
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await budget.close()
    assert money(budget) == (400, 0)
    assert await ledger.spent_microusd(DAY) == 400


async def test_a_request_cancelled_while_it_reserves_gives_the_money_back(budget: Budget, database: Database) -> None:
    tasks = [asyncio.create_task(budget.reserve(f"req_{n}", 1, PAID, 1000)) for n in range(20)]
    await asyncio.sleep(0)
    assert money(budget) == (0, 20_000)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await budget.close()
    assert money(budget) == (0, 0)
    assert await rows(database, "SELECT DISTINCT state FROM reservations") == [("released",)]


# --- a ledger that cannot be written ---------------------------------------------------------------------------


async def test_without_a_ledger_nothing_paid_is_called(budget: Budget, database: Database) -> None:
    await make_read_only(database)
    refusal = await budget.reserve("req_1", 1, PAID, 1000)
    assert isinstance(refusal, Refusal)
    assert (refusal.http_status, refusal.code) == (503, "no_provider")
    assert "ledger" in refusal.message
    assert not budget.status().ledger_ok and money(budget) == (0, 0)
    assert not budget.allows(1)
    assert not await budget.retry()
    await make_read_only(database, False)
    assert await budget.retry()
    assert budget.status().ledger_ok and budget.allows(1)
    await reserve(budget, 1000)


async def test_a_reservation_that_is_written_shows_that_the_ledger_works(budget: Budget, database: Database) -> None:
    await make_read_only(database)
    assert isinstance(await budget.reserve("req_1", 1, PAID, 1000), Refusal)
    await make_read_only(database, False)
    await reserve(budget, 1000)
    assert budget.status().ledger_ok


async def test_a_full_disk_stops_paid_calls_and_costs_nothing(budget: Budget, database: Database) -> None:
    await fill_the_disk(database)
    passed = 0
    while isinstance(await budget.reserve(f"{passed:0900}", 1, PAID, 1), Reservation):
        passed += 1
        assert passed < 100
    assert money(budget) == (0, passed)
    assert not budget.status().ledger_ok
    await free_the_disk(database)
    assert await budget.retry()
    await reserve(budget, 1)


async def test_a_settlement_that_cannot_be_written_stays_counted_and_is_tried_again(
    budget: Budget, database: Database, ledger: Ledger
) -> None:
    settled, released = await reserve(budget, 1000, "a"), await reserve(budget, 500, "b")
    await make_read_only(database)
    await budget.settle(settled, 400, USED)
    await budget.release(released)
    await budget.settle(settled, 1, USED)
    assert money(budget) == (0, 1500)
    assert not budget.status().ledger_ok
    await make_read_only(database, False)
    assert await budget.retry()
    assert money(budget) == (400, 0)
    assert budget.status().ledger_ok
    assert await ledger.spent_microusd(DAY) == 400


async def test_a_ledger_that_fails_is_told_once_with_its_reason_and_once_when_it_is_well_again(
    budget: Budget, database: Database
) -> None:
    told: list[tuple[bool, str]] = []
    budget.on_ledger = lambda ok: told.append((ok, budget.ledger_trouble))
    await make_read_only(database)
    for number in range(2):
        refused = await budget.reserve(f"req_{number}", 1, PAID, 1000)
        assert isinstance(refused, Refusal) and "is read-only" in refused.message
    assert not await budget.retry()
    await make_read_only(database, False)
    assert await budget.retry()
    await reserve(budget, 1000)
    assert [ok for ok, _ in told] == [False, True]
    assert "is read-only. Make the file" in told[0][1] and not told[1][1]


async def test_it_recovers_by_itself(ledger: Ledger, clock: FakeClock, database: Database) -> None:
    budget = await Budget.open(ledger, clock, 0, 0, HARD, retry_s=0.01)
    reservation = await reserve(budget, 1000)
    await make_read_only(database)
    await budget.settle(reservation, 400, USED)
    assert money(budget) == (0, 1000)
    await make_read_only(database, False)
    async with asyncio.timeout(10):
        await asyncio.gather(*budget._tasks)
    assert budget.status().ledger_ok
    assert money(budget) == (400, 0)
    await budget.close()


async def test_closing_writes_what_could_not_be_written_before(
    budget: Budget, database: Database, ledger: Ledger
) -> None:
    reservation = await reserve(budget, 1000)
    await make_read_only(database)
    await budget.settle(reservation, 400, USED)
    await make_read_only(database, False)
    await budget.close()
    assert await ledger.spent_microusd(DAY) == 400


async def test_a_budget_opened_on_a_dead_disk_starts_when_it_can(
    ledger: Ledger, clock: FakeClock, database: Database
) -> None:
    await ledger.reserve(entry("before", cost=HARD - 10))
    await make_read_only(database)
    budget = await Budget.open(ledger, clock, 0, 0, HARD, retry_s=3600)
    assert not budget.status().ledger_ok
    assert isinstance(await budget.reserve("req_1", 1, PAID, 1), Refusal)
    await make_read_only(database, False)
    results = await asyncio.gather(*(budget.reserve(f"req_{n}", 1, PAID, 10) for n in range(5)))
    assert sum(isinstance(result, Reservation) for result in results) == 1
    assert budget.orphans == Orphans(1, HARD - 10)
    assert money(budget) == (HARD - 10, 10)
    await budget.close()


# --- days and restarts -----------------------------------------------------------------------------------------


async def test_a_restart_goes_on_where_the_ledger_stands(budget: Budget, ledger: Ledger, clock: FakeClock) -> None:
    await spend(budget, 300, "a")
    await reserve(budget, 1000, "b")
    again = await Budget.open(ledger, clock, 0, 0, HARD)
    assert money(again) == (1300, 0)
    assert again.orphans == Orphans(1, 1000)
    await again.close()


async def test_midnight_begins_a_new_day_once(budget: Budget, clock: FakeClock) -> None:
    await spend(budget, HARD, "a")
    clock.at = start_of(NEXT_DAY) - 0.001
    assert not budget.allows(1)
    assert budget.status().resets_at == start_of(NEXT_DAY)
    clock.at = start_of(NEXT_DAY)
    assert budget.status().day == NEXT_DAY and money(budget) == (0, 0)
    await spend(budget, 70, "b")
    clock.advance(3600)
    assert money(budget) == (70, 0)


async def test_a_call_belongs_to_the_day_it_was_reserved_on(budget: Budget, clock: FakeClock, ledger: Ledger) -> None:
    late = await reserve(budget, 1000, "late")
    clock.at = start_of(NEXT_DAY) + 5
    assert money(budget) == (0, 0)
    await budget.settle(late, 800, USED)
    assert money(budget) == (0, 0)
    assert await ledger.spent_since(DAY) == {DAY: 800}
    await spend(budget, 1, "new")
    assert await ledger.spent_since(DAY) == {DAY: 800, NEXT_DAY: 1}


async def test_a_clock_that_jumps_back_opens_no_spent_day(budget: Budget, clock: FakeClock) -> None:
    await spend(budget, HARD, "a")
    clock.at = start_of(NEXT_DAY) + 1
    await spend(budget, HARD - 5, "b")
    clock.at = start_of(DAY) + 1
    assert budget.status().day == NEXT_DAY
    assert not budget.allows(6)
    await spend(budget, 5, "c")
    clock.at = start_of(NEXT_DAY) + 2
    assert money(budget) == (HARD, 0)


async def test_a_restart_with_a_clock_behind_remembers_the_later_day(ledger: Ledger, clock: FakeClock) -> None:
    await ledger.settle(await ledger.reserve(entry("a", cost=HARD, day=NEXT_DAY)), HARD, USED)
    budget = await Budget.open(ledger, clock, 0, 0, HARD)
    assert budget.status().day == DAY and money(budget) == (0, 0)
    clock.at = start_of(NEXT_DAY) + 1
    assert money(budget) == (HARD, 0)
    assert not budget.allows(1)
    await budget.close()


async def test_a_killed_process_cannot_spend_the_limit_twice(tmp_path: Path, clock: FakeClock) -> None:
    from tests.store.test_ledger import reserve_and_die

    path = tmp_path / "llmgw.db"
    await asyncio.to_thread(reserve_and_die, path)
    database = await Database.open(path, clock)
    budget = await Budget.open(Ledger(database, clock), clock, 0, 0, 5000)
    assert money(budget) == (4123, 0)
    assert budget.allows(877) and not budget.allows(878)
    await budget.close()
    await database.close()


# --- by hour ---------------------------------------------------------------------------------------------------


async def test_spend_by_hour_adds_up_to_the_day_and_survives_a_restart(
    budget: Budget, ledger: Ledger, clock: FakeClock
) -> None:
    """What a call costs belongs to the hour of its reservation, whenever it ends."""
    early = await reserve(budget, 500, "early")
    clock.advance(3600)
    await spend(budget, 70, "late")
    await budget.settle(early, 300, USED)
    hours = budget.spent_by_hour()
    assert (hours[12], hours[13], sum(hours)) == (300, 70, budget.status().spent_microusd)
    again = await Budget.open(ledger, clock, 0, 0, HARD)
    assert again.spent_by_hour() == hours
    clock.advance(86_400)
    assert sum(again.spent_by_hour()) == 0
    await again.close()


async def test_a_clock_that_jumps_back_books_in_an_hour_of_the_day_that_pays(budget: Budget, clock: FakeClock) -> None:
    clock.at = start_of(NEXT_DAY) + 60
    assert budget.status().day == NEXT_DAY
    clock.at -= 7200
    await spend(budget, 40, "back")
    assert budget.spent_by_hour()[0] == 40 == sum(budget.spent_by_hour())
