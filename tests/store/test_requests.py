from __future__ import annotations

from dataclasses import fields, replace

import pytest

from gateway_core.model import RequestRow, Status, Tier, TierCost, Usage
from gateway_core.store.database import Database
from gateway_core.store.days import start_of
from gateway_core.store.ledger import Ledger
from gateway_core.store.requests import RequestLog
from tests.store.support import (
    DAY,
    NEXT_DAY,
    NOON,
    FakeClock,
    add_a_day,
    entry,
    request_detail,
    request_row,
    rows,
)


@pytest.fixture
def log(database: Database, clock: FakeClock) -> RequestLog:
    return RequestLog(database, clock)


async def test_the_table_has_a_column_for_every_field_of_a_row(database: Database) -> None:
    columns = {row[1] for row in await rows(database, "PRAGMA table_info(requests)")}
    assert {field.name for field in fields(RequestRow)} <= columns


async def test_a_row_and_its_detail_come_back_as_they_were(log: RequestLog) -> None:
    row = replace(request_row(), first_token_ms=3.5, finish_reason="stop", error_code=None, cost_microusd=7)
    row = replace(row, repaired=True)
    detail = request_detail(row, usage=Usage(1, 2, 3, 4, 5, 1, estimated=True))
    detail = replace(detail, elsewhere=(TierCost(Tier.LOCAL, "ollama", "qwen3:8b", 0),))
    await log.add(row, detail)
    assert await log.recent(10) == (row,)
    assert await log.detail(row.id) == detail
    assert await log.detail("req_none") is None


async def test_a_row_is_written_over_as_the_request_moves_on(log: RequestLog) -> None:
    started = request_row(status=Status.RUNNING, tier=None)
    await log.add(started, request_detail(started, answer=None))
    ended = request_row(status=Status.OK)
    await log.add(ended, request_detail(ended))
    assert await log.recent(10) == (ended,)
    kept = await log.detail(ended.id)
    assert kept is not None and kept.answer == {"role": "assistant", "content": "Paris"}
    assert len(kept.messages) == 2
    await log.add(ended, replace(kept, messages=()))
    await log.add(started)
    assert (await log.recent(10))[0].status is Status.OK
    assert await log.detail(ended.id) == kept


async def test_recent_is_newest_first_and_bounded(log: RequestLog) -> None:
    for number in (2, 0, 3, 1):
        await log.add(request_row(f"req_{number}", at=NOON + number))
    assert [row.id for row in await log.recent(3)] == ["req_3", "req_2", "req_1"]
    assert await log.recent(0) == ()
    assert await log.recent(-1) == ()


async def test_foreign_text_never_costs_a_row(log: RequestLog) -> None:
    row = request_row(preview="broken \ud800 text\x00 \x1b[31m")
    detail = replace(
        request_detail(row),
        messages=({"role": "user", "content": "\udfff", "n": 2**80},),
        error_message="bad \ud800",
    )
    await log.add(row, detail)
    assert (await log.recent(10))[0].preview == "broken ? text\x00 \x1b[31m"
    kept = await log.detail(row.id)
    assert kept is not None
    assert kept.messages[0]["content"] == "?"
    assert kept.error_message == "bad ?"
    assert kept.usage == detail.usage


async def test_what_was_running_when_llmgw_died_is_shown_as_interrupted(
    log: RequestLog, database: Database, clock: FakeClock
) -> None:
    running = request_row("req_1", status=Status.RUNNING)
    await log.add(running, request_detail(running, answer=None))
    await log.add(request_row("req_2", status=Status.RUNNING))
    await log.add(request_row("req_3"))
    ledger = Ledger(database, clock)
    await ledger.reserve(entry("req_1", 1, cost=900))
    await ledger.charge_orphans()
    assert await log.fail_interrupted() == 2
    assert await log.fail_interrupted() == 0
    found = {row.id: row for row in await log.recent(10)}
    assert {row.status for row in found.values()} == {Status.FAILED, Status.OK}
    assert found["req_1"].error_code == "interrupted"
    assert found["req_1"].cost_microusd == 900
    assert found["req_2"].cost_microusd == 0
    kept = await log.detail("req_1")
    assert kept is not None and kept.error_message is not None and "stopped" in kept.error_message
    assert len(kept.messages) == 2


async def test_bodies_go_after_their_days_and_rows_stay(log: RequestLog, clock: FakeClock) -> None:
    for number, age_days in enumerate((0, 6, 8, 500)):
        row = request_row(f"req_{number}", at=NOON - age_days * 86_400)
        await log.add(row, request_detail(row))
    assert await log.prune(clock.now(), 7) == 2
    assert [row.id for row in await log.recent(10)] == ["req_0", "req_1", "req_2"]
    young, old = await log.detail("req_1"), await log.detail("req_2")
    assert young is not None and len(young.messages) == 2
    assert old is not None and old.messages == () and old.answer is None and old.decision is not None
    assert await log.prune(clock.now(), 0) == 2


async def test_too_many_bodies_go_oldest_first(
    log: RequestLog, clock: FakeClock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        row = request_row(f"req_{number}", at=NOON + number)
        await log.add(row, request_detail(row))
    size = (await rows(database, "SELECT size_bytes FROM bodies"))[0][0]
    assert isinstance(size, int) and size > 50
    monkeypatch.setattr("gateway_core.store.requests.KEEP_BODIES_BYTES", 2 * size)
    assert await log.prune(clock.now(), 7) == 2
    assert await rows(database, "SELECT request_id FROM bodies ORDER BY at") == [("req_2",), ("req_3",)]


async def test_with_bodies_off_none_is_ever_written(database: Database, clock: FakeClock) -> None:
    log = RequestLog(database, clock, keep_bodies=False)
    row = request_row()
    await log.add(row, request_detail(row))
    assert await rows(database, "SELECT * FROM bodies") == []
    kept = await log.detail(row.id)
    assert kept is not None and kept.messages == () and kept.usage == Usage(100, 20)


async def test_the_sums_of_a_day_are_of_what_ended_in_it(log: RequestLog, database: Database, clock: FakeClock) -> None:
    await add_a_day(log, database, clock)
    day = (await log.tallies(NOON)).day
    assert (day.date, day.requests, day.saved_microusd) == (DAY, 5, 345)
    assert day.tiers == {
        "cache": [2, 200, 40, 0],
        "premium": [1, 100, 20, 0],
        "local": [1, 100, 20, 0],
    }
    assert (day.cache.exact_hits, day.cache.semantic_hits, day.cache.misses, day.cache.bypassed) == (1, 1, 1, 1)
    assert (day.cache.prompt_cache_read_tokens, day.cache.prompt_cache_write_tokens) == (30, 20)


async def test_the_sums_of_a_day_are_of_what_it_paid_for(log: RequestLog) -> None:
    """One came a moment before midnight and was paid for after it; one was paid for before it and ended after."""
    before = start_of(NEXT_DAY) - 0.01
    for request_id, saved, day in (("late", 3, NEXT_DAY), ("long", 5, DAY)):
        row = request_row(request_id, at=before, tier=Tier.PREMIUM, provider="anthropic", saved_microusd=saved)
        await log.add(row, request_detail(row), paid_on=day)
    found = [(await log.tallies(start_of(day))).day for day in (DAY, NEXT_DAY)]
    assert [(day.requests, day.saved_microusd) for day in found] == [(1, 5), (1, 3)]


async def test_what_a_crash_cut_off_belongs_to_the_day_that_paid_for_it(
    log: RequestLog, database: Database, clock: FakeClock
) -> None:
    running = request_row("req_1", at=start_of(NEXT_DAY) - 0.01, status=Status.RUNNING)
    await log.add(running, request_detail(running, answer=None))
    ledger = Ledger(database, clock)
    await ledger.reserve(entry("req_1", 1, cost=900, day=NEXT_DAY))
    await ledger.charge_orphans()
    await log.fail_interrupted()
    found = [(await log.tallies(start_of(day))).day for day in (DAY, NEXT_DAY)]
    assert [(day.requests, day.tiers.get("cheap", [0])[-1]) for day in found] == [(0, 0), (1, 900)]


async def test_a_request_that_money_was_set_aside_for_is_logged_after_a_crash_and_costs_it(
    log: RequestLog, database: Database, clock: FakeClock
) -> None:
    """It was not logged yet, as most are not while they run; one that was logged since stays as it is."""
    ledger = Ledger(database, clock)
    for name in ("req_1", "req_2"):
        announcement = log.announcement(request_row(name, status=Status.RUNNING))
        await ledger.reserve(replace(entry(name, 1, cost=900), announcement=announcement))
    assert await log.recent(10) == ()
    ended = request_row("req_2")
    await log.add(ended, request_detail(ended))
    await ledger.charge_orphans()
    assert await log.fail_interrupted() == 1
    found = {row.id: (row.status, row.cost_microusd, row.preview) for row in await log.recent(10)}
    assert found == {"req_1": (Status.FAILED, 900, ended.preview), "req_2": (Status.OK, 0, ended.preview)}
    assert await rows(database, "SELECT * FROM begun") == []


async def test_a_request_is_announced_whatever_is_written_in_it(
    log: RequestLog, database: Database, clock: FakeClock
) -> None:
    announcement = log.announcement(request_row(preview="broken \ud800 text\x00", status=Status.RUNNING))
    await Ledger(database, clock).reserve(replace(entry(), announcement=announcement))
    assert await log.fail_interrupted() == 1
    assert (await log.recent(1))[0].preview == "broken ? text\x00"
