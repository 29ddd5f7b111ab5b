"""What the ledger notes without waiting for the disk."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway_core.model import Usage
from gateway_core.store import ledger as rooms
from gateway_core.store.advance import IS_ADVANCE, Advance, cut_off
from gateway_core.store.boot import boot_id
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger, Orphans
from gateway_core.store.spool import NAMES, Spool
from tests.store.support import DAY, NEXT_DAY, FakeClock, entry, make_read_only, rows

MOST = 1_000
STATES = f"SELECT request_id, state, cost_microusd FROM reservations WHERE NOT {IS_ADVANCE} ORDER BY request_id"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


@pytest.fixture
async def ledger(database: Database, clock: FakeClock, spool: Spool) -> Ledger:
    """The first call sets the advance aside."""
    made = ledger_of(database, clock, spool)
    await made.reserve(entry("first", cost=5))
    return made


def ledger_of(database: Database, clock: FakeClock, spool: Spool, boot: str = "this one") -> Ledger:
    made = Ledger(database, clock, Advance(spool, boot))
    made.set_advance(MOST)
    return made


async def advances(database: Database) -> list[int]:
    found = await rows(database, f"SELECT reserved_microusd FROM reservations WHERE {IS_ADVANCE}")
    return [reserved for (reserved,) in found]  # type: ignore[misc]


async def test_before_an_advance_is_on_the_disk_nothing_is_noted(
    database: Database, clock: FakeClock, spool: Spool
) -> None:
    ledger = ledger_of(database, clock, spool)
    assert not ledger.note(entry(cost=1))
    await ledger.reserve(entry(cost=1))
    assert await advances(database) == [MOST]
    assert ledger.note(entry("second", cost=1))


async def test_calls_are_noted_up_to_the_advance_and_again_once_they_are_written(
    ledger: Ledger, database: Database
) -> None:
    assert ledger.note(entry("a", cost=400)) and ledger.note(entry("b", cost=100))
    assert not ledger.note(entry("c", cost=501))
    assert ledger.note(entry("c", cost=500)) and not ledger.note(entry("d", cost=1))
    await ledger.written()
    assert ledger.note(entry("d", cost=MOST))
    await ledger.written()
    assert [name for name, *_ in await rows(database, STATES)] == ["a", "b", "c", "d", "first"]


async def test_half_of_the_advance_is_written_before_all_is_needed(ledger: Ledger, database: Database) -> None:
    ledger.note(entry("a", cost=501))
    async with asyncio.timeout(10):
        while len(await rows(database, STATES)) < 2:  # noqa: ASYNC110  a thread writes
            await asyncio.sleep(0.01)


async def test_what_was_noted_is_read_at_once(ledger: Ledger) -> None:
    ledger.note(entry("a", cost=100))
    assert ledger.note_end("a/1", 40, Usage(1, 2)) and ledger.note_end("first/1", 3, Usage())
    assert await ledger.spent_microusd(DAY) == 43
    assert not await ledger.settle("a/1", 99, Usage()) and not ledger.note_end("a/1", 99, Usage())
    assert await ledger.spent_microusd(DAY) == 43


async def test_an_end_is_noted_only_where_it_costs_no_more_than_was_reserved(ledger: Ledger) -> None:
    ledger.note(entry("a", cost=100))
    assert not ledger.note_end("a/1", 101, Usage())
    assert await ledger.settle("a/1", 101, Usage())
    assert not ledger.note_end("unknown/1", 0, None)
    assert await ledger.spent_microusd(DAY) == 101


async def test_an_advance_is_of_its_day(ledger: Ledger, database: Database) -> None:
    assert not ledger.note(entry("b", cost=1, day=NEXT_DAY))
    ledger.note(entry("a", cost=100))
    await ledger.reserve(entry("c", cost=1, day=NEXT_DAY))
    assert not ledger.note(entry("d", cost=1, day=NEXT_DAY)), "the other day's is needed still"
    await ledger.written()
    await ledger.reserve(entry("e", cost=1, day=NEXT_DAY))
    assert ledger.note(entry("f", cost=1, day=NEXT_DAY)) and not ledger.note(entry("g", cost=1))
    assert await advances(database) == [MOST]


async def test_while_the_next_advance_is_written_nothing_is_noted(ledger: Ledger) -> None:
    opening = asyncio.create_task(ledger.reserve(entry("b", cost=1, day=NEXT_DAY)))
    await asyncio.sleep(0)
    assert not ledger.note(entry("c", cost=1)) and not ledger.note(entry("c", cost=1, day=NEXT_DAY))
    await opening
    assert ledger.note(entry("c", cost=1, day=NEXT_DAY))


async def test_what_cannot_be_written_is_told_kept_and_written_once_it_can(
    ledger: Ledger, database: Database, spool: Spool
) -> None:
    told: list[StoreError] = []
    ledger.on_failure = told.append
    ledger.note(entry("a", cost=100))
    await make_read_only(database)
    with pytest.raises(StoreError):
        await ledger.written()
    ledger.note_end("a/1", 30, Usage())
    ledger.note_end("first/1", 2, Usage())
    with pytest.raises(StoreError):
        await ledger.written()
    assert len(told) == 2 and len(spool.read()) == 3
    assert ledger.note(entry("b", cost=MOST - 100)) and not ledger.note(entry("c", cost=1)), "it needs its room still"
    with pytest.raises(StoreError):
        await ledger.settle("b/1", 7, Usage())
    await make_read_only(database, False)
    await ledger.settle("b/1", 7, Usage())
    await ledger.written()
    assert await rows(database, STATES) == [("a", "settled", 30), ("b", "settled", 7), ("first", "settled", 2)]
    assert ledger.note(entry("c", cost=MOST))


async def test_what_is_noted_while_others_are_written_is_written_after_them(
    ledger: Ledger, database: Database, spool: Spool
) -> None:
    ledger.note(entry("a", cost=100))
    ledger.flush()
    ledger.note_end("a/1", 30, Usage())
    ledger.note(entry("b", cost=100))
    assert await asyncio.wait_for(ledger.settle("b/1", 120, Usage()), 10) is not False
    await ledger.written()
    assert await rows(database, STATES) == [("a", "settled", 30), ("b", "settled", 120), ("first", "reserved", 0)]


async def test_a_call_whose_note_could_not_be_written_meanwhile_is_not_ended(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise StoreError("not this one")

    ledger.note(entry("a", cost=100))
    with monkeypatch.context() as disk:
        disk.setattr(rooms, "write_calls", fails)
        ledger.flush()
        with pytest.raises(StoreError):
            await ledger.settle("a/1", 120, Usage())
        await database.run(lambda connection: None)
    assert await ledger.settle("a/1", 120, Usage())
    assert await rows(database, STATES) == [("a", "settled", 120), ("first", "reserved", 0)]


async def test_who_waits_for_what_was_noted_does_not_wait_for_what_comes_after(ledger: Ledger) -> None:
    going = True

    async def more() -> None:
        number = 0
        while going:
            ledger.note(entry(f"more {number}", cost=300))
            number += 1
            await asyncio.sleep(0)

    noting = asyncio.create_task(more())
    async with asyncio.timeout(10):
        for _ in range(5):
            await ledger.written()
    going = False
    await noting
    await ledger.close()


async def test_a_spool_that_takes_nothing_makes_calls_wait_for_the_disk(
    ledger: Ledger, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.note(entry("a", cost=100))
    monkeypatch.setattr(spool, "add", lambda noted: False)
    assert not ledger.note(entry("b", cost=1)) and not ledger.note_end("a/1", 40, Usage())
    assert await ledger.settle("a/1", 40, Usage())
    assert await ledger.spent_microusd(DAY) == 40


async def test_without_a_boot_id_calls_wait_for_the_disk_and_their_ends_do_not(
    database: Database, clock: FakeClock, spool: Spool
) -> None:
    ledger = ledger_of(database, clock, spool, boot="")
    await ledger.reserve(entry("a", cost=100))
    assert not ledger.note(entry("b", cost=1)) and await advances(database) == []
    assert ledger.note_end("a/1", 40, Usage())
    assert await ledger.spent_microusd(DAY) == 40


async def test_a_killed_process_leaves_its_notes_to_the_next(
    ledger: Ledger, database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    ledger.note(replace(entry("a", cost=100), announcement='{"id": "a"}'))
    ledger.note_end("a/1", 40, Usage(1, 2))
    ledger.note(entry("b", cost=70))
    again = ledger_of(database, clock, Spool(tmp_path))
    looked = await database.run(lambda connection: cut_off(connection, Spool(tmp_path), "this one"))
    assert await again.charge_orphans() == Orphans(2, 75) and looked == (2, 75, 0)
    expected = [("a", "settled", 40), ("b", "orphaned", 70), ("first", "orphaned", 5)]
    assert await rows(database, STATES) == expected and await advances(database) == []
    assert await rows(database, "SELECT id, value FROM begun") == [("a", '{"id": "a"}')]
    assert not [name for name in NAMES if (tmp_path / name).exists()]
    assert await again.charge_orphans() == Orphans(0, 0)
    assert await rows(database, STATES) == expected


async def test_notes_that_were_written_already_change_nothing(
    ledger: Ledger, database: Database, clock: FakeClock, spool: Spool, tmp_path: Path
) -> None:
    """It died after the commit and before it forgot them."""
    ledger.note(entry("a", cost=100))
    ledger.note_end("a/1", 40, Usage())
    noted = spool.read()
    await ledger.written()
    assert spool.read() == []
    for one in noted:
        spool.add(one)
    assert await ledger_of(database, clock, Spool(tmp_path)).charge_orphans() == Orphans(1, 5)
    assert await rows(database, STATES) == [("a", "settled", 40), ("first", "orphaned", 5)]


async def test_after_a_power_loss_what_was_not_found_again_is_charged(
    ledger: Ledger, database: Database, clock: FakeClock, spool: Spool
) -> None:
    ledger.note(entry("a", cost=100))
    ledger.note(entry("b", cost=70))
    found = [one for one in spool.read() if one[1][0] == "a/1"]
    spool.remove()
    spool.add(*found)
    looked = await database.run(lambda connection: cut_off(connection, spool, "the next"))
    again = ledger_of(database, clock, spool, "the next")
    assert await again.charge_orphans() == Orphans(2, 105, MOST - 100) and looked == (2, 105, MOST - 100)
    assert await again.spent_microusd(DAY) == 5 + MOST
    assert await again.charge_orphans() == Orphans(0, 0)


async def test_nonsense_among_the_notes_is_passed_over(
    database: Database, clock: FakeClock, spool: Spool, ledger: Ledger
) -> None:
    entries: tuple[list[Any], ...] = (
        *(["call"], ["call", [], None], ["call", ["x"] * 10, None]),
        *(["end", [1, 2]], ["end", 5], ["odd", 1]),
    )
    for nonsense in entries:
        spool.add(nonsense)
    ledger.note(entry("a", cost=100))
    assert await ledger_of(database, clock, spool).charge_orphans() == Orphans(2, 105)


async def test_closing_writes_all_and_gives_the_advance_back(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    ledger.note(entry("a", cost=100))
    ledger.note_end("a/1", 40, Usage())
    await ledger.close()
    assert await rows(database, STATES) == [("a", "settled", 40), ("first", "reserved", 0)]
    assert await advances(database) == [] and not [name for name in NAMES if (tmp_path / name).exists()]


async def test_an_advance_that_nobody_needs_is_given_back_after_a_while(
    database: Database, clock: FakeClock, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "IDLE_S", 0.05)
    ledger = ledger_of(database, clock, spool)
    await ledger.reserve(entry("a", cost=1))
    await asyncio.sleep(0.2)
    assert await advances(database) == [MOST], "a call is under way"
    ledger.note_end("a/1", 1, Usage())
    async with asyncio.timeout(10):
        while await advances(database):  # noqa: ASYNC110  a timer gives it back
            await asyncio.sleep(0.01)
    assert not ledger.note(entry("b", cost=1))
    await ledger.reserve(entry("b", cost=1))
    assert await advances(database) == [MOST] and ledger.note(entry("c", cost=1))


def test_this_computer_says_which_run_of_it_this_is() -> None:
    assert boot_id() == boot_id() != ""
