"""What once broke the advance, the spool or the ledger: two things at once, a disk that fails in between, nonsense."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.spending.reading import read_report
from gateway_core.store import database as files
from gateway_core.store import ledger as rooms
from gateway_core.store.advance import IS_ADVANCE, Advance, cut_off
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger
from gateway_core.store.spool import Spool
from tests.store.support import CHEAP, DAY, NEXT_DAY, FakeClock, entry, make_read_only, rows

MOST = 1_000
DAY_S = 86_400


def ledger_of(database: Database, clock: FakeClock, folder: Path, boot: str = "this one") -> Ledger:
    made = Ledger(database, clock, Advance(Spool(folder), boot))
    made.set_advance(MOST)
    return made


async def advances(database: Database) -> list[int]:
    return [n for (n,) in await rows(database, f"SELECT reserved_microusd FROM reservations WHERE {IS_ADVANCE}")]  # type: ignore[misc]


def held(database: Database) -> threading.Event:
    """The disk hangs until this is set."""
    go = threading.Event()
    database.begin(lambda connection: go.wait(10))
    return go


async def open_and_be_cancelled(ledger: Ledger) -> None:
    task = asyncio.create_task(ledger.reserve(entry("a", cost=5)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ledger.release("a/1")


async def test_an_opening_whose_caller_was_cancelled_is_given_back_at_close(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = ledger_of(database, clock, tmp_path)
    await open_and_be_cancelled(ledger)
    await ledger.close()
    left = await advances(database)
    charged = await ledger_of(database, clock, tmp_path, "the next").charge_orphans()
    assert (left, charged.lost_microusd) == ([], 0)


async def test_an_opening_whose_caller_was_cancelled_is_given_back_after_a_while(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "IDLE_S", 0.05)
    ledger = ledger_of(database, clock, tmp_path)
    await open_and_be_cancelled(ledger)
    await asyncio.sleep(0.3)
    assert await advances(database) == []


async def test_an_advance_whose_successor_could_not_be_written_is_given_back(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("a", cost=5))
    await ledger.settle("a/1", 5, Usage())
    await make_read_only(database)
    with pytest.raises(StoreError):
        await ledger.reserve(entry("b", cost=5, day=NEXT_DAY))
    await make_read_only(database, False)
    await ledger.close()
    assert await advances(database) == []


async def test_an_advance_that_could_not_be_given_back_is_given_back_later(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "IDLE_S", 0.05)
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("a", cost=5))
    await ledger.settle("a/1", 5, Usage())
    await make_read_only(database)
    await asyncio.sleep(0.2)
    await make_read_only(database, False)
    await asyncio.sleep(0.2)
    await ledger.close()
    assert await advances(database) == []


async def test_what_is_noted_while_the_disk_is_slow_is_written_without_anybody_asking(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PATIENCE_S", 0.05)
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("first", cost=5))
    go = held(database)
    ledger.note(entry("a", cost=10))
    ledger.flush()
    ledger.note(entry("b", cost=10))
    await asyncio.sleep(0.2)
    go.set()
    await asyncio.sleep(0.4)
    found = [n for (n,) in await rows(database, f"SELECT request_id FROM reservations WHERE NOT {IS_ADVANCE}")]
    assert sorted(found) == ["a", "b", "first"]  # type: ignore[type-var]


NONSENSE: tuple[list[Any], ...] = (
    *([[1], 2, 3], [{}, 2, 3], ["call", 5, None], ["call", "abc", None], ["call", {}, None]),
    *(["call", [[1]] * 10, None], ["call", ["x"] * 10, 7], ["end", []], ["end", {}]),
    *(["end", [1, 2, 3, 4, []]], ["end", "abcde"], ["end", None]),
    ["call", ["n/1", "n", 1, DAY, "cheap", "p", "m", 7.0, 1.0, "x"], [[], {}]],
    ["call", ["n/1", "n", 1, DAY, "cheap", "p", "m", "7", 1.0, "x"], 5],
)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
async def test_nonsense_in_the_spool_stops_neither_the_start_nor_the_doctor(
    database: Database, clock: FakeClock, tmp_path: Path, nonsense: list[Any]
) -> None:
    spool = Spool(tmp_path)
    spool.add(nonsense)
    problems: list[str] = []
    try:
        await database.run(lambda connection: cut_off(connection, spool, "this one"))
    except Exception as error:
        problems.append(f"doctor: {error!r}")
    try:
        await ledger_of(database, clock, tmp_path).charge_orphans()
    except Exception as error:
        problems.append(f"start: {error!r}")
    assert not problems


async def test_the_doctor_finds_an_end_before_its_call(database: Database, clock: FakeClock, tmp_path: Path) -> None:
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("first", cost=5))
    await ledger.settle("first/1", 5, Usage())
    ledger.note(entry("a", cost=10))
    await ledger.written()  # the second file from now on
    ledger.note_end("a/1", 1, Usage())
    ledger.note(entry("b", cost=300))
    go = held(database)
    ledger.flush()  # the first file from now on
    ledger.note_end("b/1", 40, Usage())
    # killed here: look at what is on the disk with a connection of one's own
    with sqlite3.connect(f"file:{database.path}?mode=ro", uri=True) as other:
        looked = cut_off(other, Spool(tmp_path), "this one")
    go.set()
    assert looked[:2] == (0, 0) or looked[:2] == (1, 10), looked


async def test_a_day_is_not_read_without_what_was_noted_for_it(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: what writes fails, what reads does not. The clock is three days ahead meanwhile."""

    def full(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    ledger = Ledger(database, clock, Advance(Spool(tmp_path), "this one"))
    budget = await Budget.open(ledger, clock, 0, 0, 5_000_000, retry_s=3600)
    first = await budget.reserve("first", 1, CHEAP, 5)
    assert isinstance(first, Reservation)
    await budget.settle(first, 0, Usage())
    await budget.written()
    one = await budget.reserve("a", 1, CHEAP, 40_000)
    assert isinstance(one, Reservation)
    await budget.settle(one, 40_000, Usage())
    with monkeypatch.context() as disk:
        disk.setattr(rooms, "write_calls", full)
        clock.advance(3 * DAY_S)
        budget.status()
        clock.advance(-3 * DAY_S)
        budget.status()
        await asyncio.sleep(0.2)
    assert await budget.retry()
    for _ in range(2):
        budget.status()
        await asyncio.sleep(0.1)
    assert budget.status().day == DAY
    in_memory, on_disk = budget.status().spent_microusd, await ledger.spent_microusd(DAY)
    await budget.close()
    assert (in_memory, on_disk) == (40_000, 40_000)


async def test_what_covers_calls_is_what_is_on_the_disk(database: Database, clock: FakeClock, tmp_path: Path) -> None:
    """Two calls open it at once, and the limit is lowered between them."""
    ledger = ledger_of(database, clock, tmp_path)
    one = asyncio.create_task(ledger.reserve(entry("a", cost=5)))
    await asyncio.sleep(0.0)
    await asyncio.sleep(0.0)
    time.sleep(0.1)  # noqa: ASYNC251  the first alone is on the disk
    go = held(database)
    ledger.set_advance(10)
    two = asyncio.create_task(ledger.reserve(entry("b", cost=5)))
    await one
    covered = ledger.note(entry("c", cost=400))
    go.set()
    await two
    assert not (covered and ledger._advance.is_needed) or await advances(database) == [MOST]


async def test_no_call_is_covered_by_an_advance_that_was_given_back(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    """Its time is over while the next one is written."""
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("a", cost=5))
    assert ledger.note_end("a/1", 1, Usage())
    go = held(database)
    opening = asyncio.create_task(ledger.reserve(entry("b", cost=5, day=NEXT_DAY)))
    await asyncio.sleep(0)
    ledger._rest()
    go.set()
    await opening
    await database.run(lambda connection: None)
    assert ledger.note(entry("c", cost=900, day=NEXT_DAY)) and await advances(database) == [MOST]


async def test_the_charge_of_a_power_loss_is_no_model_of_unknown_price(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("a", cost=5))
    again = ledger_of(database, clock, tmp_path / "nothing", "the next")
    assert (await again.charge_orphans()).lost_microusd == MOST
    known = Pricing().is_known
    report = await database.run(lambda connection: read_report(connection, "today", "model", DAY, known, None))
    assert [row for row in report.rows if row.model == "power loss" and not row.price_known] == []


async def test_a_start_that_is_tried_again_still_tells_what_it_charged(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("a", cost=5))
    again = ledger_of(database, clock, tmp_path / "nothing", "the next")
    spent_since = again.spent_since

    async def fails(day: str) -> dict[str, int]:
        raise StoreError("once")

    again.spent_since = fails  # type: ignore[method-assign]
    budget = await Budget.open(again, clock, 0, 0, 5_000_000, retry_s=3600)
    again.spent_since = spent_since  # type: ignore[method-assign]
    assert await budget.retry()
    orphans = budget.orphans
    await budget.close()
    assert (orphans.count, orphans.lost_microusd) == (1, MOST)


async def test_what_is_noted_meanwhile_is_written_on_a_fast_disk_too_where_others_hurry_meanwhile(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    """The request log hurries while the half that was used is written."""
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("first", cost=5))
    ledger.note(entry("a", cost=501))
    ledger.note(entry("b", cost=10))
    database.hurry()
    await asyncio.sleep(1.5)
    assert not ledger._advance.is_needed, "b is in the spool alone, for as long as nobody asks"


async def test_an_advance_whose_spool_has_gone_is_charged_in_the_same_boot_too(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    """A disk that was pulled out, or files that somebody has deleted."""
    ledger = ledger_of(database, clock, tmp_path)
    await ledger.reserve(entry("first", cost=5))
    ledger.note(entry("a", cost=400))
    Spool(tmp_path).remove()
    orphans = await ledger_of(database, clock, tmp_path).charge_orphans()
    assert orphans.cost_microusd + orphans.lost_microusd >= 405
