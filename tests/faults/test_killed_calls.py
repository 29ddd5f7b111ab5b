"""SIGKILL in calls that are no plain answer: embeddings, a judge's, the background's, one that runs again, and while
llmgw is stopped. No committed micro-dollar is lost and none is charged twice."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.faults.mortal import HARD_MICROUSD, Entry, Mortals, charged, ledger_of, mortal_env, spent_microusd
from tests.http.inside import Client, client, with_claude

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL, JUDGE, CHEAP = "text-embedding-3-small", "openai/gpt-oss-20b", "openai/gpt-oss-120b"
ORPHANED, SETTLED = "orphaned", "settled"
AFTER = "after the settlement and its key are durable"
UNCLEAR = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def claude() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic(default=Reply(text="one two three four five")) as fake:
        yield fake


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def others() -> AsyncIterator[FakeOpenAI]:
    """OpenAI for embeddings, Groq for the judge."""
    used = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}
    async with FakeOpenAI(
        key="sk-others", models=(SMALL, JUDGE, CHEAP), default=Reply(text="hard", usage=used)
    ) as fake:
        yield fake


def survivor(folder: Path, claude: FakeAnthropic, others: FakeOpenAI) -> AbstractAsyncContextManager[Client]:
    """The next gateway on the same folder, with the same secret and limit."""
    openai: dict[str, Any] = {"openai_api_key": SecretStr("sk-others"), "openai_base_url": others.base_url}
    return client(folder, daily_budget_hard=HARD_MICROUSD / 1e6, **with_claude(claude), **openai)


async def ask(http: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """The answer's JSON, None where the gateway died before it had one."""
    with suppress(aiohttp.ClientError):
        async with http.post(path, json=body, headers=headers) as answer:
            return await answer.json()
    return None


def words(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 100}


async def accounts(llmgw: Client) -> tuple[int, int]:
    """What the day has cost, and what the log says that its requests have."""
    rows = (await llmgw.get("/api/requests"))["requests"]
    return await spent_microusd(llmgw), sum(row["cost_microusd"] for row in rows)


def states(entries: list[Entry]) -> list[str]:
    return [entry.state for entry in entries]


@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("before the settlement", ORPHANED),
        ("between the settlement and its key", ORPHANED),
        (AFTER, SETTLED),
    ],
)
async def test_a_kill_9_in_embeddings_loses_no_money_and_charges_none_twice(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, others: FakeOpenAI, point: str, state: str
) -> None:
    """Vectors whose call is settled are given again for their key, and are not paid again."""
    env = {**mortal_env(claude), "OPENAI_API_KEY": "sk-others", "OPENAI_BASE_URL": others.base_url}
    asked: dict[str, Any] = {"model": f"openai/{SMALL}", "input": ["Some notes. " * 40, "More."]}
    calls, key = others.calls, {"Idempotency-Key": "notes"}
    async with mortals.gateway(point, tmp_path, env) as http:
        await ask(http, "/v1/embeddings", key, **asked)
    async with survivor(tmp_path, claude, others) as llmgw:
        (entry,) = first = ledger_of(tmp_path)
        assert (entry.state, others.calls - calls) == (state, 1)
        assert 0 < entry.cost_microusd <= entry.reserved_microusd
        assert await accounts(llmgw) == (entry.cost_microusd, entry.cost_microusd)
        again = await ask(llmgw.http, "/v1/embeddings", key, **asked)
        both = ledger_of(tmp_path)
        assert len(again["data"]) == 2 and both[:1] == first
        assert states(both[1:]) == ([] if state == SETTLED else [SETTLED])
        assert others.calls - calls == len(both)
        assert await accounts(llmgw) == (charged(both), charged(both))


@pytest.mark.parametrize(
    ("point", "left"),
    [("before the settlement", [ORPHANED]), ("before the second settlement", [SETTLED, ORPHANED])],
    ids=["in the judge's call", "in the call after it"],
)
async def test_a_kill_9_beside_a_paid_judge_charges_each_call_once_to_the_request(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, others: FakeOpenAI, point: str, left: list[str]
) -> None:
    groq = {"GROQ_API_KEY": "sk-others", "GROQ_BASE_URL": others.base_url, "ROUTER_PROVIDER": "groq"}
    async with mortals.gateway(point, tmp_path, {**mortal_env(claude), **groq}) as http:
        await ask(http, "/v1/chat/completions", model="gateway-auto", **words(UNCLEAR))
    async with survivor(tmp_path, claude, others) as llmgw:
        entries = ledger_of(tmp_path)
        assert states(entries) == left and len({entry.request_id for entry in entries}) == 1
        assert all(0 < entry.cost_microusd <= entry.reserved_microusd for entry in entries)
        assert await accounts(llmgw) == (charged(entries), charged(entries))


@pytest.mark.parametrize(("point", "state"), [("at the first byte", ORPHANED), (AFTER, SETTLED)])
async def test_a_kill_9_in_the_background_counts_against_the_limit_of_the_background(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, others: FakeOpenAI, point: str, state: str
) -> None:
    background = {"x-llmgw-lane": "background"}
    async with mortals.gateway(point, tmp_path, mortal_env(claude)) as http:
        await ask(http, "/v1/chat/completions", background, model="gateway-premium", **words("Sum this up."))
    async with survivor(tmp_path, claude, others) as llmgw:
        (entry,) = ledger_of(tmp_path)
        budget = await llmgw.get("/api/budget")
        assert entry.state == state and entry.cost_microusd > 0
        assert round(budget["background"]["spent_usd"] * 1e6) == entry.cost_microusd
        assert await accounts(llmgw) == (entry.cost_microusd, entry.cost_microusd)


@pytest.mark.parametrize(("when", "state"), [("before", ORPHANED), ("after", SETTLED)])
async def test_a_kill_9_in_a_request_that_runs_again_charges_the_run_once_and_the_first_not_again(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, others: FakeOpenAI, when: str, state: str
) -> None:
    async with mortals.gateway(f"{when} the second settlement", tmp_path, mortal_env(claude)) as http:
        first = await ask(http, "/v1/chat/completions", model="gateway-premium", **words("Count."))
        async with http.get("/api/requests") as answer:
            (row,) = (await answer.json())["requests"]
        assert first["usage"]["cost"] > 0
        await ask(http, "/api/commands/replay", request_id=row["id"], tier="premium")
    async with survivor(tmp_path, claude, others) as llmgw:
        once, again = ledger_of(tmp_path)
        rows = {row["id"]: row for row in (await llmgw.get("/api/requests"))["requests"]}
        assert (once.state, once.cost_microusd) == (SETTLED, row["cost_microusd"])
        assert again.state == state and rows[again.request_id]["replay_of"] == once.request_id
        assert await accounts(llmgw) == (charged([once, again]), charged([once, again]))


@pytest.mark.parametrize(("point", "state"), [("before the settlement", ORPHANED), (AFTER, SETTLED)])
async def test_a_kill_9_while_llmgw_is_stopped_charges_what_the_stop_cut_off_once(
    tmp_path: Path, mortals: Mortals, claude: FakeAnthropic, others: FakeOpenAI, point: str, state: str
) -> None:
    claude.script(Reply(text="one two three four five", stall_after=4))
    async with mortals.gateway(point, tmp_path, mortal_env(claude)) as http:
        body = {"model": "gateway-premium", "stream": True, **words("Count.")}
        async with http.post("/v1/chat/completions", json=body) as answer:
            while b"one" not in await answer.content.readline():
                pass
            os.kill(mortals.pid, signal.SIGTERM)
            with suppress(aiohttp.ClientError):
                await answer.read()
    async with survivor(tmp_path, claude, others) as llmgw:
        (entry,) = ledger_of(tmp_path)
        assert entry.state == state and 0 < entry.cost_microusd <= entry.reserved_microusd
        assert await accounts(llmgw) == (entry.cost_microusd, entry.cost_microusd)
