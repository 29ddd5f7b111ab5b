"""What becomes of rows that the disk does not take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway_core import journal
from gateway_core.activity import Activity
from gateway_core.bus import Bus
from gateway_core.events import Event, Notice, RequestFinished, RequestRouted
from gateway_core.exchange import Exchange
from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.journal import Journal
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import Cost, Status, Target, Tier, Usage
from gateway_core.store import request_index
from gateway_core.store.answers import AnswerStore
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.ledger import Ledger
from gateway_core.store.operator import Limits
from gateway_core.store.requests import Logged, RequestLog
from tests.routing.requests import CHEAP, request
from tests.store.support import NOON, FakeClock, make_read_only, rows, stored_answer


class Kept:
    """A journal over a disk that can be made to take nothing. ``told`` is what a person heard last."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database, self.log, self.bus = database, RequestLog(database, clock), Bus()
        self.clock = clock
        self.told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.bus.listen(self._hear)
        self.journal = Journal(self.bus, Activity(clock.now()), self.log, clock, KnownSecrets(), retry_s=0.01)
        self.journal.start()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.told.set_result(f"{event.level}: {event.text}")

    async def ended(self, *names: str) -> None:
        """Requests that come and go, one after the other, and are all noted."""
        for name in names:
            exchange = Exchange(replace(request(f"I ask {name}"), id=name), time.monotonic())
            self.journal.started(exchange)
            exchange.end(Status.OK)
            self.journal.finished(exchange)
            await self.journal.settled()

    async def written(self) -> list[str]:
        return sorted(row.id for row in await self.log.recent(100) if row.status is Status.OK)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    clock = FakeClock()
    database = await Database.open(tmp_path / FILE_NAME, clock)
    kept = Kept(database, clock)
    yield kept
    await kept.journal.close()
    await database.close()


async def test_rows_that_a_full_disk_did_not_take_are_written_once_there_is_room(kept: Kept) -> None:
    await kept.ended("before")
    await make_read_only(kept.database)
    await kept.ended("a", "b")
    await make_read_only(kept.database, False)
    async with asyncio.timeout(30):
        told = await kept.told
    assert told == "info: 2 of the request log's rows were written late, now that the disk has room."
    assert await kept.written() == ["a", "b", "before"]
    detail = await kept.log.detail("b")
    assert detail and "I ask b" in str(detail.messages), "what was said too"


async def test_the_oldest_are_lost_where_there_are_too_many_and_how_many_is_told(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_UNWRITTEN", 3)
    monkeypatch.setattr(journal, "MOST_BODIES", 1)
    await make_read_only(kept.database)
    await kept.ended("a", "b", "c", "d", "e")
    await make_read_only(kept.database, False)
    async with asyncio.timeout(30):
        told = await kept.told
    assert told.startswith("warning: 3 of") and "2 older ones are lost to the log, their money is not." in told
    assert await kept.written() == ["c", "d", "e"]
    details = [await kept.log.detail(name) for name in ("d", "e")]
    assert [bool(detail and detail.messages) for detail in details] == [False, True], "the newest keep what was said"


async def test_an_end_writes_what_the_disk_did_not_take_before(kept: Kept) -> None:
    await make_read_only(kept.database)
    await kept.ended("a")
    await make_read_only(kept.database, False)
    await kept.journal.close()
    assert await kept.written() == ["a"]


async def test_a_request_that_ends_at_once_is_written_once_and_nobody_who_asks_waits(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "GATHER_S", 3600.0)
    written: list[tuple[str, Status]] = []
    begin = RequestLog.begin

    def counted(log: RequestLog, noted: Sequence[Logged]) -> asyncio.Future[None]:
        written.extend((row.id, row.status) for row, *_ in noted)
        return begin(log, noted)

    monkeypatch.setattr(RequestLog, "begin", counted)
    await kept.ended("a")
    assert written == [("a", Status.OK)]
    async with asyncio.timeout(30):
        await asyncio.gather(kept.ended("b"), kept.ended("c"))
    assert await kept.written() == ["a", "b", "c"]


async def test_an_end_is_told_afterwards_as_it_was_and_at_once_where_somebody_asks(kept: Kept) -> None:
    heard: list[float] = []
    kept.bus.listen(lambda event: heard.append(event.at) if isinstance(event, RequestFinished) else None)
    told = asyncio.Event()
    for name in ("asked for", "left alone"):
        exchange = Exchange(replace(request("I ask"), id=name), time.monotonic())
        kept.journal.started(exchange)
        exchange.end(Status.OK)
        kept.journal.finished(exchange)
        kept.clock.advance(60)
        assert len(heard) == (name == "left alone"), "who has the answer does not wait for who is told of it"
        if name == "asked for":
            kept.journal.tell()
        kept.journal.hearers.append(lambda _, at: told.set())
    async with asyncio.timeout(30):
        await told.wait()
    assert heard == [NOON, NOON + 60]


async def test_a_request_that_goes_on_is_written_before_it_has_ended(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "GATHER_S", 0.01)
    exchange = Exchange(replace(request("I ask for long"), id="long"), time.monotonic())
    kept.journal.started(exchange)
    async with asyncio.timeout(30):
        while not await kept.log.recent(1):  # noqa: ASYNC110 - the journal writes when it is time
            await asyncio.sleep(0.01)
    assert (await kept.log.recent(1))[0].status is Status.RUNNING


async def _set_aside(budget: Budget, request_id: str) -> Reservation:
    reserved = await budget.reserve(request_id, 1, Target(Tier.CHEAP, "groq", "m", free=False), 100)
    assert isinstance(reserved, Reservation)
    return reserved


async def test_the_row_of_a_request_is_written_with_the_money_that_is_set_aside_for_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[list[str]] = []
    transact = Database._transact

    def noted(database: Database, jobs: Iterable[Any], taken: list[Any]) -> None:
        transact(database, jobs, taken)
        written.append([job._work.__qualname__.partition(".<")[0] for job in taken])

    monkeypatch.setattr(journal, "GATHER_S", 3600.0)
    monkeypatch.setattr(Database, "_transact", noted)
    ledger = Ledger(kept.database, FakeClock())
    budget = Budget(ledger, FakeClock(), Limits(0, 0, 10_000))
    budget.announcement = kept.journal.announcement
    exchange = Exchange(replace(request("I ask for money"), id="paid"), time.monotonic())
    kept.journal.started(exchange)
    await _set_aside(budget, "paid")
    assert written[-1] == ["Ledger.reserve"], "in one commit"
    assert await kept.log.fail_interrupted() == 1, "as the next start would"
    assert [row.id for row in await kept.log.recent(1)] == ["paid"]


async def test_a_request_is_announced_until_the_log_has_it(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may be noted beside the database, and a crash come before the row is in it."""
    monkeypatch.setattr(journal, "GATHER_S", 3600.0)
    kept.journal.started(Exchange(replace(request("I ask for money"), id="paid"), time.monotonic()))
    assert kept.journal.announcement("another") is None
    writing = asyncio.create_task(kept.journal.settled())
    await asyncio.sleep(0)
    assert not kept.journal._noted, "its row is on its way to the disk"
    assert kept.journal.announcement("paid") is not None
    await writing
    assert [row.id for row in await kept.log.recent(1)] == ["paid"]
    assert kept.journal.announcement("paid") is None


async def test_a_request_that_the_disk_did_not_take_is_announced_still(kept: Kept) -> None:
    await make_read_only(kept.database)
    kept.journal.started(Exchange(replace(request("I ask for money"), id="paid"), time.monotonic()))
    await kept.journal.settled()
    assert kept.journal.announcement("paid") is not None


async def test_a_paid_request_takes_two_commits_on_its_way_and_all_else_of_many_takes_one(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    transact = Database._transact

    def counted(database: Database, jobs: Iterable[Any], taken: list[Any]) -> None:
        nonlocal commits
        transact(database, jobs, taken)
        commits += 1

    monkeypatch.setattr(journal, "GATHER_S", 3600.0)
    budget = Budget(Ledger(kept.database, FakeClock()), FakeClock(), Limits(0, 0, 10_000))
    budget.announcement = kept.journal.announcement
    await budget.release(await _set_aside(budget, "the first, which asks what was spent before"))
    answers = AnswerStore(kept.database)
    monkeypatch.setattr(Database, "_transact", counted)
    for number in range(1, 4):
        exchange = Exchange(replace(request("I ask for money"), id=f"paid {number}"), time.monotonic())
        kept.journal.started(exchange)
        reserved = await _set_aside(budget, exchange.request.id)
        assert commits == 2 * number - 1
        await budget.settle(reserved, 50, Usage(1, 1))
        await answers.put(str(number), stored_answer(), NOON + 60)
        exchange.end(Status.OK)
        kept.journal.finished(exchange)
        assert commits == 2 * number
    await kept.journal.settled()
    assert (commits, len(await kept.written())) == (7, 3)
    assert await rows(kept.database, "SELECT count(*) FROM answers") == [(3,)], "in the same one"


async def test_a_request_that_has_just_begun_is_written_once_when_it_has_ended(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, Status]] = []
    one_is = asyncio.Event()
    begin = kept.log.begin

    def begins(noted: Sequence[Logged]) -> asyncio.Future[None]:
        written.extend((row.id, row.status) for row, *_ in noted)
        one_is.set()
        return begin(noted)

    monkeypatch.setattr(kept.log, "begin", begins)
    began = {"new": time.monotonic() + 60, "old": time.monotonic() - 60}
    new, old = (Exchange(replace(request("I run"), id=name), at) for name, at in began.items())
    kept.journal.started(new)
    kept.journal.started(old)
    async with asyncio.timeout(30):
        await one_is.wait()
    assert written == [("old", Status.RUNNING)]
    new.end(Status.OK)
    kept.journal.finished(new)
    await kept.journal.settled()
    assert written == [("old", Status.RUNNING), ("new", Status.OK)]


async def test_a_request_that_cannot_be_written_keeps_no_other_from_the_log(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "GATHER_S", 3600.0)
    for name in ("first", "too dear for SQLite", "last"):
        exchange = Exchange(replace(request("I ask"), id=name), time.monotonic())
        kept.journal.started(exchange)
        exchange.charge(Cost(2**64 if "dear" in name else 1), "1970-01-01")
        exchange.end(Status.OK)
        kept.journal.finished(exchange)
    await kept.journal.settled()
    assert {row.id for row in await kept.log.recent(9)} == {"first", "last"}
    assert caplog.messages == ["a row of the request log was lost: OverflowError"]
    assert await kept.database.run(request_index.kept) == 2


@pytest.mark.parametrize("somebody_listens", [True, False])
async def test_where_a_request_goes_is_known_whether_anybody_listens_or_not(kept: Kept, somebody_listens: bool) -> None:
    bus, activity, heard = Bus(), Activity(kept.clock.now()), list[Event]()
    if somebody_listens:
        bus.listen(heard.append, RequestRouted)
    told = Journal(bus, activity, kept.log, kept.clock, KnownSecrets())
    exchange = Exchange(request("I ask"), time.monotonic())
    told.started(exchange)
    exchange.target = CHEAP
    told.routed(exchange)
    told.tell()
    (row,) = activity.rows(1)
    assert (row.status, row.provider, row.model) == (Status.RUNNING, CHEAP.provider, CHEAP.model)
    assert [event.row for event in heard if isinstance(event, RequestRouted)] == [row] * somebody_listens
