"""Histories out of a real store: what is read of requests and of the ledger, and by whom."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.model import CacheStatus, Counted, RequestRow, Status, Tier, Usage
from gateway_core.store.database import Database
from gateway_core.store.days import start_of
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger, LedgerEntry
from gateway_core.store.requests import RequestLog
from gateway_core.whatif.history import Decided, History, decided_by, read_history
from gateway_core.whatif.room import LEAST_FRESH_S, Surroundings, WhatIf
from gateway_core.whatif_values import Policy
from tests.store.support import DAY, NEXT_DAY, NOON, PAID, FakeClock, request_detail, request_row
from tests.whatif.support import WORLD


async def add(
    database: Database, row: RequestRow, *, difficulty: float = 0.25, usage: Usage | None = None, day: str = DAY
) -> None:
    """A request as it is logged, and what it cost in the ledger."""
    clock = FakeClock()
    detail = request_detail(row, usage=usage or Usage(row.input_tokens, row.output_tokens))
    assert detail.decision is not None
    detail = replace(detail, decision=replace(detail.decision, difficulty=difficulty))
    paid_on = day if row.cost_microusd else None
    await RequestLog(database, clock).add(row, detail, paid_on=paid_on)
    if row.cost_microusd:
        ledger = Ledger(database, clock)
        reserved = await ledger.reserve(LedgerEntry(row.id, 1, day, PAID, row.cost_microusd, row.at))
        await ledger.settle(reserved, row.cost_microusd, detail.usage)


async def history(database: Database, first: str = DAY, last: str = DAY) -> History:
    return await database.run(lambda connection: read_history(connection, first, last))


async def test_requests_are_read_with_their_difficulty_tokens_and_costs(database: Database) -> None:
    row = replace(request_row("r1", tier=Tier.PREMIUM, route="hard"), cost_microusd=700, no_prompt_cache_microusd=900)
    await add(database, row, difficulty=0.81, usage=Usage(60, 20, 30, 10))
    hit = replace(request_row("r2", cache=CacheStatus.SEMANTIC, route="cache:semantic"), no_answer_cache_microusd=55)
    await add(database, hit)
    found = await history(database)
    assert found.many == 2 and found.days == (DAY,) and found.lanes == ("interactive",)
    assert found.difficulty[0] == 0.81 and found.decided.tolist() == [Decided.HARD, Decided.OTHERWISE]
    assert found.went_to.tolist() == [2, 3] and found.made_by.tolist() == [2, 1]
    assert (found.read_tokens[0], found.write_tokens[0]) == (30, 10)
    assert found.no_prompt_cache.tolist() == [900, -1] and found.no_answer_cache.tolist() == [-1, 55]
    assert found.tools.all() and found.cost.tolist() == [700, 0] and found.other_cost.tolist() == [0]


async def test_what_the_ledger_holds_of_no_answered_request_is_apart(database: Database) -> None:
    await add(database, replace(request_row("r1"), cost_microusd=700))
    await add(database, replace(request_row("r2", status=Status.FAILED), cost_microusd=40))
    await add(database, request_row("r3", status=Status.REFUSED, tier=None, model=None, provider=None))
    await add(database, request_row("r4", status=Status.RUNNING))
    ledger = Ledger(database, FakeClock())
    await ledger.settle(await ledger.reserve(LedgerEntry("judge", 1, DAY, PAID, 9, NOON)), 9, Usage())
    found = await history(database)
    assert found.many == 1 and found.other_cost.tolist() == [49]
    assert (found.not_answered, found.not_answered_microusd) == (2, 40)


async def test_a_request_counts_on_the_day_that_paid_for_it(database: Database) -> None:
    late = replace(request_row("r1", at=start_of(NEXT_DAY) - 1), cost_microusd=5)
    await add(database, late, day=NEXT_DAY)
    await add(database, replace(request_row("r2", at=start_of(NEXT_DAY) + 5), cost_microusd=3), day=NEXT_DAY)
    both = await history(database, DAY, NEXT_DAY)
    assert both.day.tolist() == [1, 1] and both.days == (DAY, NEXT_DAY) and both.other_cost.tolist() == [0, 0]
    assert (await history(database)).many == 0
    assert (await history(database, NEXT_DAY, NEXT_DAY)).cost.tolist() == [5, 3]


async def test_how_tokens_are_known_is_read(database: Database) -> None:
    row = replace(request_row(), input_counted=Counted.ESTIMATED, output_counted=Counted.CEILING)
    await add(database, row)
    found = await history(database)
    assert (found.input_counted[0], found.output_counted[0]) == (1, 2)


async def test_a_request_without_a_decision_has_no_difficulty(database: Database) -> None:
    row = request_row()
    await RequestLog(database, FakeClock()).add(row, replace(request_detail(row), decision=None))
    assert math.isnan((await history(database)).difficulty[0])


async def test_only_the_index_is_read(database: Database) -> None:
    """The rows themselves are ten times as large."""
    seen: list[str] = []

    def look(connection):  # type: ignore[no-untyped-def]
        connection.set_trace_callback(seen.append)
        read_history(connection, DAY, DAY)
        connection.set_trace_callback(None)
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in seen if "FROM requests" in sql]
        return [str(plan) for plan in plans]

    plans = await database.run(look)
    assert len(plans) == 2 and all("USING COVERING INDEX requests_overview" in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan for plan in plans)


@pytest.mark.parametrize(
    ("route", "decided"),
    [
        ("simple", Decided.EASY),
        ("simple>cheap", Decided.EASY),
        ("default>groq", Decided.UNCLEAR),
        ("hard", Decided.HARD),
        ("judged:easy", Decided.JUDGED_EASY),
        ("judged:medium>premium", Decided.JUDGED_UNCLEAR),
        ("judged:hard", Decided.JUDGED_HARD),
        ("background:heartbeat>cheap", Decided.BACKGROUND),
        ("session:tool-loop", Decided.OTHERWISE),
        ("budget:medium>cheap", Decided.OTHERWISE),
        ("", Decided.OTHERWISE),
    ],
)
def test_a_route_says_what_decided(route: str, decided: Decided) -> None:
    assert decided_by(route) is decided


# --- the room ---------------------------------------------------------------------------------------------------------


async def nothing_waits() -> None:
    return None


@asynccontextmanager
async def room_on(database: Database, clock: FakeClock) -> AsyncIterator[WhatIf]:
    room = WhatIf(database, Surroundings(lambda: WORLD, dict), nothing_waits, clock)
    yield room
    await room.close()


async def test_the_log_is_read_once_until_it_is_old_or_asked_for_anew(database: Database, clock: FakeClock) -> None:
    async with room_on(database, clock) as room:
        assert (await room.outcome(Policy())).requests == 0
        await add(database, request_row())
        assert (await room.outcome(Policy(premium_share=0.5))).requests == 0
        assert (await room.outcome(Policy(), anew=True)).requests == 1
        await add(database, request_row("r2"))
        clock.advance(LEAST_FRESH_S)
        assert (await room.outcome(Policy())).requests == 2
        assert (await room.outcome(Policy(days=2))).first_day == "2026-11-22"


async def test_who_leaves_while_the_log_is_read_does_not_have_it_read_twice(
    database: Database, clock: FakeClock
) -> None:
    waits, held = asyncio.Event(), asyncio.Event()
    begun = 0

    async def written() -> None:
        nonlocal begun
        begun += 1
        held.set()
        await waits.wait()

    room = WhatIf(database, Surroundings(lambda: WORLD, dict), written, clock)
    left = asyncio.create_task(room.outcome(Policy()))
    await held.wait()
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    stays = asyncio.create_task(room.outcome(Policy(premium_share=0.1)))
    waits.set()
    assert (await stays).requests == 0 and begun == 1
    await room.close()


async def test_an_older_history_answers_while_a_newer_one_takes_its_time(database: Database, clock: FakeClock) -> None:
    waits = asyncio.Event()
    waits.set()
    room = WhatIf(database, Surroundings(lambda: WORLD, dict), lambda: waits.wait(), clock)  # type: ignore[arg-type,return-value]
    assert (await room.outcome(Policy())).requests == 0
    await add(database, request_row())
    clock.advance(LEAST_FRESH_S)
    waits.clear()
    assert (await room.outcome(Policy(premium_share=0.3))).requests == 0
    waits.set()
    assert (await room.outcome(Policy(premium_share=0.3))).requests == 1
    await room.close()


async def test_what_cannot_be_read_is_said_and_tried_again(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    async with room_on(Database(tmp_path / "none.db", clock), clock) as room:
        with pytest.raises(StoreError):
            await room.outcome(Policy())
        looked = await room.look(Policy())
        assert looked.problem and looked.requests == 0
        unknown = await room.look(Policy(local_model="nobody"))
        assert "give it as nobody@TOKENS" in unknown.problem
        room._kept_in = database
        assert not (await room.look(Policy())).problem


async def test_a_room_can_be_closed_while_it_reads(database: Database, clock: FakeClock) -> None:
    held = asyncio.Event()

    async def written() -> None:
        held.set()
        await asyncio.Event().wait()

    room = WhatIf(database, Surroundings(lambda: WORLD, dict), written, clock)
    asked = asyncio.create_task(room.outcome(Policy()))
    await held.wait()
    await room.close()
    assert isinstance((await asyncio.gather(asked, return_exceptions=True))[0], asyncio.CancelledError)


def test_a_gateway_imports_no_numpy_for_it() -> None:
    script = "import sys; import gateway_core.gateway, llmgw_tui.screens.what_if; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
