"""SIGKILL and a power loss around what the ledger has noted and not written: no micro-dollar is lost in either, and the
kill charges none twice."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway_core.gates.budget import ADVANCE_SHARE
from gateway_core.store.advance import IS_ADVANCE
from gateway_core.store.database import FILE_NAME
from gateway_core.store.spool import NAMES
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.faults.mortal import Mortals, charged, ledger_of, mortal_env, spent_microusd
from tests.http.inside import Client, client, with_claude

pytestmark = pytest.mark.asyncio(loop_scope="module")

HARD_MICROUSD = 40_000_000
ADVANCE_MICROUSD = HARD_MICROUSD // ADVANCE_SHARE
ORPHANED, SETTLED = "orphaned", "settled"
POINTS = {
    "before the second reservation is noted": [SETTLED],
    "after the second reservation is noted": [SETTLED, ORPHANED],
    "before the upstream is called again": [SETTLED, ORPHANED],
    "before the second settlement": [SETTLED, ORPHANED],
    "after the second settlement": [SETTLED, SETTLED],
    "before what was noted is committed": [SETTLED, SETTLED],
    "after what was noted is committed": [SETTLED, SETTLED],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def claude() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic(default=Reply(text="one two three four five")) as fake:
        yield fake


def survivor(folder: Path, fake: FakeAnthropic) -> AbstractAsyncContextManager[Client]:
    return client(folder, daily_budget_hard=HARD_MICROUSD / 1e6, **with_claude(fake))


async def ask(http: aiohttp.ClientSession, text: str) -> Any:
    """The answer's JSON, None where the gateway died before it had one."""
    body = {"model": "gateway-premium", "messages": [{"role": "user", "content": text}], "max_tokens": 100}
    with suppress(aiohttp.ClientError):
        async with http.post("/v1/chat/completions", json=body) as answer:
            return await answer.json()
    return None


async def die(mortals: Mortals, claude: FakeAnthropic, folder: Path, point: str) -> None:
    """Two calls, of which the first sets the advance aside and the second needs it."""
    env = {**mortal_env(claude), "DAILY_BUDGET_HARD": str(HARD_MICROUSD / 1e6)}
    async with mortals.gateway(point, folder, env) as http:
        assert await ask(http, "Count to five.")
        await ask(http, "Count to five once more.")


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_9_charges_what_was_noted_once(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, point: str
) -> None:
    await die(mortals, claude, tmp_path, point)
    async with survivor(tmp_path, claude) as llmgw:
        entries = ledger_of(tmp_path)
        assert [entry.state for entry in entries] == POINTS[point]
        assert all(0 < entry.cost_microusd <= entry.reserved_microusd for entry in entries)
        assert await spent_microusd(llmgw) == charged(entries)
        rows = (await llmgw.get("/api/requests"))["requests"]
        assert {row["id"]: row["cost_microusd"] for row in rows if row["cost_microusd"]} == {
            entry.request_id: entry.cost_microusd for entry in entries
        }, "each is logged, at what the ledger charged"
        notices = (await llmgw.get("/api/snapshot"))["notices"]
        assert not [text for text in notices if "went off" in text]
    assert not [name for name in NAMES if (tmp_path / name).exists()]
    assert advances(tmp_path) == []


async def test_a_power_loss_takes_the_notes_and_charges_what_the_ledger_may_have_lost(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic
) -> None:
    await die(mortals, claude, tmp_path, "after the second settlement")
    for name in NAMES:
        (tmp_path / name).unlink(missing_ok=True)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute(f"UPDATE reservations SET id = 'advance/another boot' WHERE {IS_ADVANCE}")
    async with survivor(tmp_path, claude) as llmgw:
        (first,) = ledger_of(tmp_path)
        assert first.state == ORPHANED, "how it ended was noted alone"
        assert await spent_microusd(llmgw) == first.reserved_microusd + ADVANCE_MICROUSD
        notices = (await llmgw.get("/api/snapshot"))["notices"]
        (told,) = [text for text in notices if "went off" in text]
        assert f"{ADVANCE_MICROUSD / 1e6:.4f} USD" in told
        report = await llmgw.get("/api/budget")
        assert report["spent_usd"] < report["hard_usd"]
    assert advances(tmp_path) == [(ORPHANED, ADVANCE_MICROUSD)]


async def test_what_is_found_again_after_a_power_loss_is_not_charged_with_what_may_be_lost(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic
) -> None:
    """The system may have written the notes before."""
    await die(mortals, claude, tmp_path, "after the second settlement")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute(f"UPDATE reservations SET id = 'advance/another boot' WHERE {IS_ADVANCE}")
    async with survivor(tmp_path, claude) as llmgw:
        first, second = ledger_of(tmp_path)
        lost = ADVANCE_MICROUSD - second.reserved_microusd
        assert await spent_microusd(llmgw) == first.cost_microusd + second.cost_microusd + lost


def advances(folder: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        query = f"SELECT state, cost_microusd FROM reservations WHERE {IS_ADVANCE}"
        return connection.execute(query).fetchall()
