from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway_core.model import Usage
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger, Orphans
from tests.store.support import DAY, NEXT_DAY, FakeClock, entry, make_read_only, rows


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> Ledger:
    return Ledger(database, clock)


async def test_a_settled_call_costs_what_it_cost(ledger: Ledger) -> None:
    reservation = await ledger.reserve(entry(cost=1000))
    assert await ledger.spent_microusd(DAY) == 0
    assert await ledger.settle(reservation, 400, Usage(10, 20))
    assert await ledger.spent_microusd(DAY) == 400


async def test_a_second_ending_changes_nothing(ledger: Ledger) -> None:
    settled, released = await ledger.reserve(entry("a")), await ledger.reserve(entry("b"))
    await ledger.settle(settled, 400, Usage())
    await ledger.release(released)
    assert not await ledger.settle(settled, 999, Usage())
    assert not await ledger.release(settled)
    assert not await ledger.settle(released, 999, Usage())
    assert await ledger.spent_microusd(DAY) == 400


async def test_attempts_of_one_request_are_charged_apart(ledger: Ledger, database: Database) -> None:
    first, second = await ledger.reserve(entry(attempt=1)), await ledger.reserve(entry(attempt=2))
    await ledger.settle(first, 100, Usage())
    await ledger.settle(second, 20, Usage(3, 4, reasoning_tokens=1))
    assert await ledger.spent_microusd(DAY) == 120
    usage = (await rows(database, "SELECT usage FROM reservations WHERE attempt = 2"))[0][0]
    assert isinstance(usage, str) and '"reasoning_tokens":1' in usage


async def test_orphans_cost_what_was_reserved_on_the_day_it_was(ledger: Ledger, clock: FakeClock) -> None:
    await ledger.reserve(entry("old", cost=700, day=DAY))
    await ledger.reserve(entry("new", cost=50, day=NEXT_DAY))
    done = await ledger.reserve(entry("done", cost=900, day=NEXT_DAY))
    await ledger.settle(done, 5, Usage())
    clock.advance(5 * 86_400)
    assert await ledger.charge_orphans() == Orphans(2, 750)
    assert await ledger.charge_orphans() == Orphans(0, 0)
    assert await ledger.spent_since(DAY) == {DAY: 700, NEXT_DAY: 55}
    assert await ledger.spent_since(NEXT_DAY) == {NEXT_DAY: 55}
    assert not await ledger.settle("old/1", 1, Usage())


async def test_a_ledger_that_cannot_be_written_says_so(ledger: Ledger, database: Database) -> None:
    await ledger.check()
    assert await rows(database, "SELECT * FROM reservations") == []
    await make_read_only(database)
    for attempt in (ledger.reserve(entry()), ledger.settle("x", 1, Usage()), ledger.check()):
        with pytest.raises(StoreError):
            await attempt
    await make_read_only(database, False)
    await ledger.reserve(entry())


DIE = """
import asyncio, os, pathlib, signal, sys
from gateway_core.model import Usage
from gateway_core.store.database import Database
from gateway_core.store.ledger import Ledger
from tests.store.support import FakeClock, entry

async def main():
    clock = FakeClock()
    ledger = Ledger(await Database.open(pathlib.Path(sys.argv[1]), clock), clock)
    await ledger.settle(await ledger.reserve(entry("settled", cost=500)), 123, Usage())
    await ledger.release(await ledger.reserve(entry("released", cost=500)))
    await ledger.reserve(entry("running", cost=4000))
    print("reserved", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def reserve_and_die(path: Path) -> None:
    """A real process that is killed between reserving and settling."""
    with subprocess.Popen([sys.executable, "-c", DIE, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"reserved\n"
        child.kill()
        child.wait()


async def test_a_call_cut_off_by_sigkill_is_charged_at_the_next_start(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "llmgw.db"
    await asyncio.to_thread(reserve_and_die, path)
    database = await Database.open(path, clock)
    ledger = Ledger(database, clock)
    assert database.notices == []
    assert await ledger.charge_orphans() == Orphans(1, 4000)
    assert await ledger.spent_microusd(DAY) == 4123
    await database.close()
