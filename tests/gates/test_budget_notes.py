"""Which calls need not wait for the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import Lane, Target, Usage
from gateway_core.store.advance import Advance
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger
from gateway_core.store.spool import Spool
from tests.store.support import CHEAP, PAID, FakeClock, make_read_only

HARD = 5_000_000
ADVANCE = 50_000


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


@pytest.fixture
async def budget(database: Database, clock: FakeClock, spool: Spool) -> AsyncIterator[Budget]:
    ledger = Ledger(database, clock, Advance(spool, "this one"))
    opened = await Budget.open(ledger, clock, 0, 0, HARD, retry_s=3600)
    await opened.settle(await reserve(opened, "first", 1), 0, Usage())
    await opened.written()
    yield opened
    await opened.close()


async def reserve(
    budget: Budget, name: str, cost: int, target: Target = CHEAP, lane: Lane = Lane.INTERACTIVE
) -> Reservation:
    reserved = await budget.reserve(name, 1, target, cost, lane)
    assert isinstance(reserved, Reservation), reserved
    return reserved


def noted(spool: Spool) -> list[str]:
    return [values[0] for kind, values, *_ in spool.read() if kind == "call"]


async def test_a_small_call_is_noted_and_a_large_one_waits_for_the_disk(budget: Budget, spool: Spool) -> None:
    await reserve(budget, "small", ADVANCE)
    assert noted(spool) == ["small/1"]
    await budget.written()
    await reserve(budget, "large", ADVANCE + 1)
    assert noted(spool) == []


async def test_a_lower_limit_is_a_smaller_advance_and_none_is_the_largest(
    database: Database, clock: FakeClock, spool: Spool
) -> None:
    sizes = []
    for hard in (100, 200_000, HARD, 10**9, 0):
        ledger = Ledger(database, clock, Advance(spool, "this one"))
        budget = await Budget.open(ledger, clock, 0, 0, hard, retry_s=3600)
        sizes.append(ledger._advance.most_microusd)
        await budget.close()
    budget.set_limits(0, 0, 1_000_000)
    assert (sizes, ledger._advance.most_microusd) == ([1, 2_000, ADVANCE, 500_000, 500_000], 10_000)


async def test_what_counts_against_a_limit_of_its_own_is_written_before_it_is_called(
    budget: Budget, spool: Spool
) -> None:
    await reserve(budget, "a", 10, lane=Lane.BACKGROUND)
    assert noted(spool) == ["a/1"], "the background has no limit of its own yet"
    await budget.written()
    budget.set_background_limit(1_000)
    budget.set_provider_limits({PAID.provider: 1_000})
    await reserve(budget, "b", 10, lane=Lane.BACKGROUND)
    await reserve(budget, "c", 10, PAID)
    assert noted(spool) == []
    await reserve(budget, "d", 10)
    assert noted(spool) == ["d/1"]


async def test_while_the_ledger_cannot_be_written_nothing_is_noted(
    budget: Budget, database: Database, spool: Spool
) -> None:
    reserved = await reserve(budget, "a", 10)
    await make_read_only(database)
    await budget.settle(reserved, 7, Usage())
    assert not await budget.retry()
    assert not isinstance(await budget.reserve("b", 1, CHEAP, 10), Reservation)
    assert budget.status().spent_microusd == 7 and noted(spool) == ["a/1"]
    await make_read_only(database, False)
    assert await budget.retry()
    await reserve(budget, "c", 10)
    await budget.written()
    assert noted(spool) == []


async def test_notes_that_cannot_be_written_stop_paid_calls_without_anybody_asking(
    budget: Budget, database: Database
) -> None:
    told: list[bool] = []
    budget.on_ledger = told.append
    await reserve(budget, "a", 10)
    await make_read_only(database)
    database.hurry()
    with suppress(StoreError):
        await database.run(lambda connection: None)
    assert told == [False] and "read-only" in budget.ledger_trouble
    await make_read_only(database, False)
    assert await budget.retry() and told == [False, True]
