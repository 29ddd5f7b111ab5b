"""A disk that is full while llmgw runs, and has room again: paid tiers stop and start, the rest goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway_core.store.advance import IS_ADVANCE
from tests.e2e.harness import GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.faults.disk import LONGEST_S, MOVABLE, fill, free, line_with

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAID: dict[str, Any] = {"model": "gateway-premium", "max_tokens": 50}


async def until_state(llmgw: GatewayProcess, state: str) -> Any:
    """The status once the gateway is in a state."""
    async with asyncio.timeout(LONGEST_S):
        while (status := await llmgw.get("/api/status"))["state"] != state:  # noqa: ASYNC110  another process's
            await asyncio.sleep(0.1)
    return status


@dataclass
class Paid:
    folder: Path
    llmgw: GatewayProcess
    fake: FakeAnthropic


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Paid]:
    """One gateway for all of them: each leaves it as it was, with room on its disk."""
    folder = tmp_path_factory.mktemp("paid")
    async with FakeAnthropic() as fake, gateway(folder, before=MOVABLE, **anthropic_env(fake)) as llmgw:
        yield Paid(folder, llmgw, fake)


async def test_a_disk_that_is_full_stops_paid_tiers_and_nothing_else_until_it_has_room(paid: Paid) -> None:
    llmgw, calls, said = paid.llmgw, paid.fake.calls, len(paid.llmgw.lines)
    assert (await llmgw.chat("before", **PAID)).status == 200
    spent = (await llmgw.get("/api/budget"))["spent_usd"]
    await fill(llmgw)
    refused = [await llmgw.chat(f"meanwhile {number}", **PAID) for number in range(2)]
    cached = await llmgw.chat("before", **PAID)
    status = await llmgw.get("/api/status")
    await free(llmgw)
    budget = (await until_state(llmgw, "running"))["budget"]
    after = await llmgw.chat("after", **PAID)
    assert [(answer.status, "ledger" in answer.body["error"]["message"]) for answer in refused] == [(503, True)] * 2
    assert cached.status == 200 and cached.tier == "cache"
    assert status["state"] == "degraded" and "paid tiers are stopped" in status["state_detail"]
    assert budget["spent_usd"] == spent and budget["reserved_usd"] == 0
    assert after.status == 200 and paid.fake.calls == calls + 2
    await line_with(llmgw, "info: The ledger can be written again", since=said)
    assert not [line for line in llmgw.lines if "Traceback" in line or "Error" in line]


async def test_serve_prints_a_line_when_a_full_disk_stops_paid_calls_and_one_when_it_is_well_again(paid: Paid) -> None:
    llmgw = paid.llmgw
    before = len(llmgw.lines)
    await fill(llmgw)
    assert (await llmgw.chat("while it is full", **PAID)).status == 503
    notices = (await llmgw.get("/api/snapshot"))["notices"]
    await llmgw.get("/api/requests?limit=1")  # has what waits written, which the disk does not take
    await free(llmgw)
    await until_state(llmgw, "running")
    await line_with(llmgw, "info: The ledger can be written again", since=before)
    told = [line for line in llmgw.lines[before:] if "ledger" in line]
    late = await line_with(llmgw, "rows were written late", since=before)
    assert late.startswith("info: ") and late.endswith("now that the disk has room.")
    rows = (await llmgw.get("/api/requests?limit=1"))["requests"]
    assert [row["preview"] for row in rows] == ["while it is full"]
    assert rows[0]["status"] in ("failed", "refused"), "by the ledger itself, or by who had heard of it"
    stopped = "The ledger cannot be written: paid tiers are stopped."
    assert [line.startswith(f"error: {stopped}") and "disk is full" in line for line in told] == [True, False]
    assert [text.startswith(stopped) for text in notices] == [True]
    assert (await llmgw.get("/api/snapshot"))["notices"] == []


async def test_money_that_falls_due_on_a_full_disk_stays_reserved_and_is_written_once_there_is_room(paid: Paid) -> None:
    llmgw, fake, calls = paid.llmgw, paid.fake, paid.fake.calls
    before = (await llmgw.get("/api/budget"))["spent_usd"]
    fake.default = Reply(held=True)
    under_way = asyncio.create_task(llmgw.chat("one call", **PAID))
    while fake.calls == calls:  # noqa: ASYNC110  another process calls
        await asyncio.sleep(0.02)
    await fill(llmgw)
    fake.resume()
    answer = await under_way
    meanwhile = await llmgw.get("/api/budget")
    await free(llmgw)
    after = (await until_state(llmgw, "running"))["budget"]
    fake.default = Reply()
    assert answer.status == 200
    assert meanwhile["spent_usd"] == before and meanwhile["reserved_usd"] > 0 and not meanwhile["ledger_ok"]
    assert after["spent_usd"] > before and after["reserved_usd"] == 0
    ledger = _ledger(paid.folder)
    assert {state for state, _ in ledger} == {"settled"}
    assert sum(cost for _, cost in ledger) == round(after["spent_usd"] * 1e6)


async def test_a_kill_switch_works_on_a_full_disk_and_is_kept_for_a_restart_once_there_is_room(paid: Paid) -> None:
    llmgw = paid.llmgw
    await fill(llmgw)
    killed = await llmgw.command("kill")
    refused = await llmgw.chat("while it is on", **PAID)
    await free(llmgw)
    async with asyncio.timeout(LONGEST_S):
        while not _kill_is_kept(paid.folder):  # noqa: ASYNC110  another process writes
            await asyncio.sleep(0.1)
    await fill(llmgw)
    released = await llmgw.command("release")
    state = (await llmgw.get("/api/status"))["state"]
    await free(llmgw)
    await until_state(llmgw, "running")
    assert not killed["ok"] and "In force now" in killed["message"] and refused.code == "kill_switch"
    assert not released["ok"] and "In force now" in released["message"] and state != "killed"


def _ledger(folder: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(folder / "llmgw.db")) as connection:
        query = f"SELECT state, cost_microusd FROM reservations WHERE state != 'released' AND NOT {IS_ADVANCE}"
        return connection.execute(query).fetchall()


def _kill_is_kept(folder: Path) -> bool:
    with closing(sqlite3.connect(f"file:{folder / 'llmgw.db'}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT value FROM operator WHERE name = 'kill'").fetchone()
    return found is not None and '"on":true' in found[0]
