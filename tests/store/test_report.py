"""Sums over the request log and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway_core.model import CacheStatus, RequestRow, SpendRow, Tier, Usage
from gateway_core.spend_values import BY
from gateway_core.spending.reading import Span, read_rows
from gateway_core.store.database import Database
from gateway_core.store.days import days_before, start_of
from gateway_core.store.ledger import Ledger, LedgerEntry
from gateway_core.store.report import KEYS, cost_by_hour
from gateway_core.store.requests import RequestLog
from tests.store.support import DAY, NEXT_DAY, PAID, FakeClock, add_a_day, entry, request_detail, request_row, rows


@pytest.fixture
def log(database: Database, clock: FakeClock) -> RequestLog:
    return RequestLog(database, clock)


async def report(database: Database, first: str, last: str = "", by: Sequence[str] = KEYS) -> list[SpendRow]:
    """The rows of ``llmgw report``, of these days."""
    span = Span(first, last or first)
    return await database.run(lambda connection: read_rows(connection, span, by, lambda *_: True))


async def test_the_report_adds_up_to_the_ledger(log: RequestLog, database: Database, clock: FakeClock) -> None:
    await add_a_day(log, database, clock)
    found = await report(database, DAY)
    assert {row.day for row in found} == {DAY}
    premium = next(row for row in found if row.tier == "premium")
    assert (premium.model, premium.requests, premium.cost_microusd, premium.saved_microusd) == (PAID.model, 1, 520, 5)
    cheap = next(row for row in found if row.tier == "cheap")
    assert (cheap.requests, cheap.cache_hits, cheap.input_tokens, cheap.saved_microusd) == (2, 2, 200, 340)
    assert sum(row.cost_microusd for row in found) == await Ledger(database, clock).spent_microusd(DAY)
    assert sum(row.requests for row in found) == 5
    two_days = await report(database, days_before(DAY, 1), DAY)
    assert [row.day for row in two_days][-1] == days_before(DAY, 1)
    assert len(two_days) == len(found) + 1


async def test_a_paid_call_whose_row_was_never_written_is_in_the_report(database: Database, clock: FakeClock) -> None:
    ledger = Ledger(database, clock)
    await ledger.settle(await ledger.reserve(entry("lost")), 77, Usage())
    (row,) = await report(database, DAY)
    assert (row.requests, row.cost_microusd, row.provider) == (0, 77, "anthropic")


async def test_the_report_says_what_saved_how_much(log: RequestLog, database: Database) -> None:
    def made(row: RequestRow, **more: int) -> RequestRow:
        return replace(row, premium_microusd=1000, no_prompt_cache_microusd=300, **more)  # type: ignore[arg-type]

    rows = [
        made(request_row("miss", saved_microusd=880), cost_microusd=120),
        made(request_row("hit", cache=CacheStatus.EXACT, saved_microusd=1000), no_answer_cache_microusd=350),
        request_row("old", saved_microusd=77),
    ]
    for row in rows:
        await log.add(row, request_detail(row))
    (sums,) = await report(database, DAY)
    assert sums.saved_by_answer_cache_microusd == 350
    assert sums.saved_by_prompt_cache_microusd == 180 - 50
    assert sums.saved_by_routing_microusd == 700 + 700
    assert sums.saved_unsplit_microusd == 77
    assert sums.saved_microusd == 350 + 130 + 1400 + 77


@pytest.mark.parametrize(
    ("by", "names"),
    [
        *(("day", 1), ("hour", 2), ("tier", 4), ("provider", 4), ("model", 4), ("lane", 1), ("session", 1)),
        *(("client", 1), ("purpose", 1)),
    ],
)
async def test_the_report_goes_by_one_thing_and_still_adds_up(
    log: RequestLog, database: Database, clock: FakeClock, by: str, names: int
) -> None:
    await add_a_day(log, database, clock)
    whole, parts = await report(database, DAY), await report(database, DAY, by=BY[by])
    assert len(parts) == names
    for name in ("requests", "cost_microusd", "saved_microusd", "input_tokens", "cache_hits"):
        assert sum(getattr(row, name) for row in parts) == sum(getattr(row, name) for row in whole)


async def test_a_request_belongs_to_the_day_that_paid_for_it(
    log: RequestLog, database: Database, clock: FakeClock
) -> None:
    """One came a moment before midnight and was paid for after it; one was paid for before it and ended after; one was
    paid for on a later day by a clock that has jumped back since."""
    ledger = Ledger(database, clock)
    before = start_of(NEXT_DAY) - 0.01
    for request_id, at, reserved_at, day in (
        ("late", before, start_of(NEXT_DAY) + 1, NEXT_DAY),
        ("long", before, before, DAY),
        ("jumped", before - 3600, before - 3599, NEXT_DAY),
    ):
        row = request_row(request_id, at=at, tier=Tier.PREMIUM, provider="anthropic", model=PAID.model)
        await log.add(row, request_detail(row), paid_on=day)
        reserved = await ledger.reserve(LedgerEntry(request_id, 1, day, PAID, 1000, reserved_at))
        await ledger.settle(reserved, 100, Usage())
    for days, by in (((DAY, NEXT_DAY), ("day",)), ((NEXT_DAY, NEXT_DAY), ("tier",)), ((DAY, DAY), ("session",))):
        found = {row.day: (row.requests, row.cost_microusd) for row in await report(database, *days, by=by)}
        expected = {DAY: (1, 100), NEXT_DAY: (2, 200)} if by == ("day",) else {"": (len(days) and 2, 200)}
        assert found == (expected if days != (DAY, DAY) else {"": (1, 100)})
    hours = await report(database, NEXT_DAY, by=("hour",))
    assert {row.hour: (row.requests, row.cost_microusd) for row in hours} == {"00": (2, 200)}
    by_hour = await database.run(lambda connection: cost_by_hour(connection, DAY, NEXT_DAY))
    assert (by_hour[DAY][23], by_hour[NEXT_DAY][0], sum(by_hour[DAY]), sum(by_hour[NEXT_DAY])) == (100, 200, 100, 200)


async def test_a_report_reads_its_indexes_alone(database: Database) -> None:
    """The rows themselves are larger: of 500,000 with 2 kB each, 1.1 GB against 0.1 GB of indexes."""
    for query in (
        "SELECT count(*) FROM requests WHERE at >= 0 AND at < 1 AND status != 'running' AND session > ''",
        "SELECT sum(cost_microusd) FROM reservations WHERE day BETWEEN 'a' AND 'b' AND state = 'settled'",
    ):
        plan = str(await rows(database, f"EXPLAIN QUERY PLAN {query}"))
        assert "USING COVERING INDEX" in plan, plan
