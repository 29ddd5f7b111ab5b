"""The limit of what nobody waits for: inside the hard one, with the same guarantees, and in nobody's way who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import takewhile
from pathlib import Path

import pytest

from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import Lane, LaneSpend, Refusal, Usage
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.days import start_of
from gateway_core.store.ledger import Ledger
from gateway_core.store.migrations import MIGRATIONS
from tests.fakes.openclaw_rules import disables, shows_verbatim
from tests.store.support import DAY, NEXT_DAY, PAID, FakeClock, entry, make_read_only, rows

HARD, OWN = 5_000_000, 500_000
USED = Usage(10, 20)
BEHIND, WAITED = Lane.BACKGROUND, Lane.INTERACTIVE


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> Ledger:
    return Ledger(database, clock)


async def opened(ledger: Ledger, clock: FakeClock, own: int = OWN) -> Budget:
    return await Budget.open(ledger, clock, 0, 0, HARD, background_microusd=own, retry_s=3600)


@pytest.fixture
async def budget(ledger: Ledger, clock: FakeClock) -> AsyncIterator[Budget]:
    made = await opened(ledger, clock)
    yield made
    await made.close()


async def reserve(budget: Budget, cost: int, name: str, lane: Lane = BEHIND) -> Reservation:
    reservation = await budget.reserve(name, 1, PAID, cost, lane)
    assert isinstance(reservation, Reservation), reservation
    return reservation


async def spend(budget: Budget, cost: int, name: str, lane: Lane = BEHIND) -> None:
    await budget.settle(await reserve(budget, cost, name, lane), cost, USED)


async def test_of_100_at_once_only_those_inside_the_limit_pass_and_all_that_are_waited_for(budget: Budget) -> None:
    cost = OWN // 10
    behind, waited = await asyncio.gather(
        asyncio.gather(*(budget.reserve(f"b{n}", 1, PAID, cost, BEHIND) for n in range(100))),
        asyncio.gather(*(budget.reserve(f"w{n}", 1, PAID, HARD // 100, WAITED) for n in range(50))),
    )
    passed = [result for result in behind if isinstance(result, Reservation)]
    assert len(passed) == 10 and all(isinstance(result, Reservation) for result in waited)
    assert budget.status().background == LaneSpend(0, OWN, OWN)
    assert budget.status().reserved_microusd == OWN + HARD // 2
    await asyncio.gather(*(budget.settle(reservation, cost, USED) for reservation in passed))
    assert budget.status().background == LaneSpend(OWN, 0, OWN)
    assert isinstance(await budget.reserve("more", 1, PAID, 0, BEHIND), Refusal)
    await reserve(budget, 1000, "person", WAITED)


async def test_it_is_inside_the_hard_limit_and_not_beside_it(budget: Budget) -> None:
    await spend(budget, HARD - 1000, "person", WAITED)
    refusal = await budget.reserve("beat", 1, PAID, 1001, BEHIND)
    assert isinstance(refusal, Refusal) and "background" not in refusal.message
    await spend(budget, 1000, "beat")
    assert isinstance(await budget.reserve("person_2", 1, PAID, 1, WAITED), Refusal)


async def test_a_limit_above_the_hard_one_ends_there_and_none_is_off(budget: Budget) -> None:
    budget.set_background_limit(10 * HARD)
    assert budget.status().background.limit_microusd == HARD
    budget.set_limits(0, 0, 0)
    assert budget.status().background.limit_microusd == 10 * HARD
    budget.set_background_limit(0)
    await spend(budget, 10**12, "beat")
    assert not budget.status().background.reached and budget.refusal(10**12, BEHIND) is None
    with pytest.raises(ValueError, match="negative"):
        budget.set_background_limit(-1)


async def test_a_limit_that_is_moved_is_in_force_at_once(budget: Budget) -> None:
    await spend(budget, OWN, "beat")
    assert budget.refusal(1, BEHIND) and not budget.refusal(1)
    budget.set_background_limit(OWN + 10)
    await spend(budget, 10, "beat_2")
    assert budget.refusal(1, BEHIND)


async def test_the_refusal_is_one_that_openclaw_falls_back_on(budget: Budget) -> None:
    await spend(budget, OWN, "beat")
    refusal = budget.refusal(1, BEHIND)
    assert refusal and (refusal.http_status, refusal.code) == (429, "budget_exceeded")
    assert refusal.message == (
        "llmgw: daily limit for background work reached, 0.5000 of 0.5000 USD spent. Resets at 00:00 UTC."
    )
    budget.set_background_limit(3 * OWN)
    close = budget.refusal(3 * OWN, BEHIND)
    assert close and "0.50 of 1.50 USD spent, and this request may cost 1.50. Resets at" in close.message
    for message in (refusal.message, close.message):
        assert shows_verbatim(429, message) and not disables(429, message)


# --- days, crashes, restarts ---------------------------------------------------------------------------------------


async def test_midnight_begins_it_anew(budget: Budget, clock: FakeClock) -> None:
    late = await reserve(budget, OWN, "late")
    clock.at = start_of(NEXT_DAY) + 1
    assert budget.status().background == LaneSpend(0, 0, OWN)
    await budget.settle(late, OWN, USED)
    assert budget.status().background == LaneSpend(0, 0, OWN), "it belongs to the day it was reserved on"
    await spend(budget, OWN, "new")
    assert budget.refusal(1, BEHIND)


async def test_a_restart_and_a_crash_leave_it_where_it_was(budget: Budget, ledger: Ledger, clock: FakeClock) -> None:
    await spend(budget, 1000, "beat")
    await spend(budget, 5000, "person", WAITED)
    await reserve(budget, 200, "cut off")
    again = await opened(ledger, clock)
    assert again.status().background == LaneSpend(1200, 0, OWN) and again.status().spent_microusd == 6200
    await again.close()


async def test_a_cancelled_or_failed_reservation_leaves_nothing_behind(budget: Budget, database: Database) -> None:
    task = asyncio.create_task(budget.reserve("beat", 1, PAID, 1000, BEHIND))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(*budget._tasks, return_exceptions=True)
    await make_read_only(database)
    assert isinstance(await budget.reserve("beat_2", 1, PAID, 1000, BEHIND), Refusal)
    assert budget.status().background == LaneSpend(0, 0, OWN)


async def test_the_ledger_knows_the_lane_before_the_call(budget: Budget, database: Database) -> None:
    await reserve(budget, 1000, "beat")
    await reserve(budget, 1000, "person", WAITED)
    found = await rows(database, "SELECT request_id, lane FROM reservations ORDER BY request_id")
    assert found == [("beat", "background"), ("person", "interactive")]


async def test_what_an_older_llmgw_spent_counts_as_waited_for(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tuple(takewhile(lambda step: not any("ADD COLUMN lane" in statement for statement in step), MIGRATIONS))
    assert len(older) < len(MIGRATIONS)
    with monkeypatch.context() as before:
        before.setattr("gateway_core.store.migrations.MIGRATIONS", older)
        database = await Database.open(tmp_path / FILE_NAME, clock)
        kept = entry("old")
        await database.run(
            lambda connection: (
                connection.execute(
                    "INSERT INTO reservations (id, request_id, attempt, day, tier, provider, model, reserved_microusd,"
                    f" created_at, state, cost_microusd) VALUES ('old/1', 'old', 1, '{DAY}', 'cheap', 'groq', 'm', 900,"
                    f" {kept.created_at}, 'settled', 900)"
                )
                and None
            )
        )
        await database.close()
    database = await Database.open(tmp_path / FILE_NAME, clock)
    budget = await opened(Ledger(database, clock), clock)
    assert (budget.status().spent_microusd, budget.status().background) == (900, LaneSpend(0, 0, OWN))
    await budget.close()
    await database.close()
