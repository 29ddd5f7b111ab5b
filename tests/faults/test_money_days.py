"""Midnight, daylight saving time and clocks that jump: the day of the budget is UTC's, and it rolls over once.

A whole gateway at midnight is in ``test_killed.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import Usage
from gateway_core.store.database import Database
from gateway_core.store.days import day_of, start_of
from gateway_core.store.ledger import Ledger
from tests.store.support import DAY, NEXT_DAY, PAID, FakeClock

HARD = 1_000
USED = Usage(10, 20)
ZONES = ("Europe/Berlin", "America/New_York")
CHANGES = ("2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01")
"""The days on which clocks are put forward and back in New York and Berlin."""


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest_asyncio.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    clock = FakeClock()
    database = await Database.open(tmp_path / "llmgw.db", clock)
    yield Ledger(database, clock)
    await database.close()


async def open_budget(ledger: Ledger, clock: FakeClock) -> Budget:
    return await Budget.open(ledger, clock, 0, 0, HARD, retry_s=3600)


async def spend(budget: Budget, microusd: int, name: str) -> None:
    reservation = await budget.reserve(name, 1, PAID, microusd)
    assert isinstance(reservation, Reservation), reservation
    await budget.settle(reservation, microusd, USED)


async def settled_day(budget: Budget) -> str:
    """The day it counts on, once it has looked at the ledger where it has to."""
    budget.status()
    await asyncio.gather(*budget._tasks)
    return budget.status().day


@pytest.mark.parametrize("change", CHANGES)
async def test_daylight_saving_time_rolls_no_day_over_and_skips_none(ledger: Ledger, zone: str, change: str) -> None:
    """Every quarter of an hour for two days: a day ends at midnight UTC, once, and each has one limit."""
    clock = FakeClock()
    clock.at = start_of(change) - 3600
    budget = await open_budget(ledger, clock)
    seen = [budget.status().day]
    for quarter in range(50 * 4):
        clock.advance(900)
        status = budget.status()
        if status.day != seen[-1]:
            seen.append(status.day)
            assert clock.at == start_of(status.day)
        if clock.at == start_of(status.day) + 7_200:
            await spend(budget, HARD, f"{quarter}")
        assert status.resets_at == start_of(status.day) + 86_400
    first = datetime.fromisoformat(change).replace(tzinfo=UTC)
    assert seen == [day_of((first + timedelta(days=days)).timestamp()) for days in (-1, 0, 1, 2)]
    assert await ledger.spent_since(seen[0]) == {seen[1]: HARD, seen[2]: HARD}
    await budget.close()


async def test_a_clock_put_back_and_forth_over_midnight_rolls_the_day_over_once(ledger: Ledger) -> None:
    clock = FakeClock()
    clock.at = start_of(NEXT_DAY) - 1
    budget = await open_budget(ledger, clock)
    await spend(budget, HARD, "before midnight")
    days, allowed = [], []
    for step in (2, -2, 2, -3, 3):
        clock.advance(step)
        days.append(await settled_day(budget))
        allowed.append(budget.allows(1))
        if len(days) == 1:
            await spend(budget, HARD, "after midnight")
            assert not budget.allows(1)
    assert days == [NEXT_DAY] * 5 and allowed == [True, False, False, False, False]
    await budget.close()


@pytest.mark.parametrize("years", [0, 4], ids=["three days", "four years"])
async def test_a_clock_that_was_days_ahead_goes_back_to_a_day_that_stays_as_spent_as_it_was(
    ledger: Ledger, years: int
) -> None:
    """Or all the days to come would share the limit of the one that it was ahead to."""
    clock = FakeClock()
    budget = await open_budget(ledger, clock)
    await spend(budget, 400, "today")
    now = clock.at
    clock.advance(3 * 86_400 + years * 365 * 86_400)
    ahead = budget.status().day
    await spend(budget, HARD, "ahead")
    clock.at = now + 60
    assert await settled_day(budget) == DAY
    assert (budget.status().spent_microusd, sum(budget.spent_by_hour())) == (400, 400)
    assert budget.committed_to(PAID.provider) == 400
    assert budget.allows(600) and not budget.allows(601)
    clock.at = start_of(NEXT_DAY)
    assert budget.status().day == NEXT_DAY and budget.allows(HARD)
    clock.at = start_of(ahead) + 1
    assert budget.status().day == ahead and not budget.allows(1), "that day has been spent"
    await budget.close()


async def test_a_clock_that_was_ahead_when_llmgw_started_finds_what_the_day_has_cost(ledger: Ledger) -> None:
    clock = FakeClock()
    early = await open_budget(ledger, clock)
    await spend(early, 400, "today")
    await early.close()
    now = clock.at
    clock.advance(30 * 86_400)
    budget = await open_budget(ledger, clock)
    clock.at = now
    assert await settled_day(budget) == DAY
    assert budget.allows(600) and not budget.allows(601)
    await budget.close()


async def test_a_call_from_before_a_jump_of_days_is_charged_to_its_own_day(ledger: Ledger) -> None:
    clock = FakeClock()
    budget = await open_budget(ledger, clock)
    reservation = await budget.reserve("long", 1, PAID, 700)
    assert isinstance(reservation, Reservation)
    now = clock.at
    clock.advance(9 * 86_400)
    assert budget.status().reserved_microusd == 0
    clock.at = now
    assert await settled_day(budget) == DAY
    assert not budget.allows(301), "it is still set aside"
    await budget.settle(reservation, 500, USED)
    assert (budget.status().spent_microusd, budget.status().reserved_microusd) == (500, 0)
    assert await ledger.spent_since(DAY) == {DAY: 500}
    await budget.close()


async def test_a_clock_that_went_two_days_on_and_three_back_finds_every_day_as_it_was(ledger: Ledger) -> None:
    """On the way back the day between is passed over, and comes again."""
    clock = FakeClock()
    budget = await open_budget(ledger, clock)
    await spend(budget, HARD, "today")
    spent = budget.status(), budget.committed_to(PAID.provider), budget.spent_by_hour()
    found = []
    for days in (2, -3, 1):
        clock.advance(days * 86_400)
        found.append(await settled_day(budget))
    assert found == ["2026-11-25", "2026-11-22", DAY]
    assert not budget.allows(1)
    assert (budget.status(), budget.committed_to(PAID.provider), budget.spent_by_hour()) == spent
    await budget.close()
