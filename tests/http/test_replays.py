"""A kept request run again on another tier: through every gate, paid, never cached, never a lesson."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_core.events import RequestFinished
from gateway_core.model import CacheStatus, Lane, RequestDetail, Status
from llmgw_tui.source_http import HttpSource
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, client, with_claude, with_groq

MODEL = "llama-oss"
QUESTION = "Which river runs through Vienna?"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@asynccontextmanager
async def setting(
    tmp_path: Path, premium: Reply | None = None, **more: Any
) -> AsyncIterator[tuple[FakeAnthropic, FakeOpenAI, Client]]:
    """A gateway whose cheap tier has answered something, and whose premium tier will."""
    async with (
        FakeAnthropic(default=premium or Reply(text="The Danube, says Claude.")) as claude,
        FakeOpenAI(key="groq-key", models=(MODEL,), default=Reply(text="The Danube.")) as groq,
        client(tmp_path, **with_claude(claude), **with_groq(groq), cheap_model=MODEL, **more) as llmgw,
    ):
        yield claude, groq, llmgw


async def asked(llmgw: Client, **body: Any) -> str:
    _, headers, _ = await llmgw.chat(QUESTION, model="gateway-cheap", **body)
    return str(headers["x-llmgw-request-id"])


async def finished(llmgw: Client, request_id: str, tier: str) -> RequestDetail:
    """The replay on ``tier``, when it has ended."""
    with llmgw.gateway.bus.subscribe() as events:
        status, result = await llmgw.post("/api/commands/replay", request_id=request_id, tier=tier)
        assert (status, result["ok"]) == (200, True), result
        async for event in events:
            if isinstance(event, RequestFinished) and event.row.id == result["value"]:
                break
    detail = await llmgw.gateway.detail(result["value"])
    assert detail is not None
    return detail


async def test_a_request_runs_again_on_another_tier_and_says_what_it_repeats(tmp_path: Path) -> None:
    async with setting(tmp_path) as (claude, _, llmgw):
        original = await asked(llmgw, temperature=0.25)
        again = await finished(llmgw, original, "premium")
        progress = await llmgw.get(f"/api/replays/{again.row.id}")
    assert again.answer and again.answer["content"] == "The Danube, says Claude."
    assert (again.row.replay_of, again.row.purpose, again.row.tier) == (original, "replay", "premium")
    assert again.row.cost_microusd > 0 and "budget" in [step.name for step in again.timeline.steps]
    assert claude.requests[-1]["messages"][0]["content"] in (QUESTION, [{"type": "text", "text": QUESTION}])
    assert progress["text"] == "The Danube, says Claude." and progress["done"]


async def test_no_cache_answers_it_and_none_keeps_it(tmp_path: Path) -> None:
    async with setting(tmp_path) as (_, groq, llmgw):
        original = await asked(llmgw)
        again = await finished(llmgw, original, "cheap")
        assert again.row.cache is CacheStatus.BYPASS and groq.calls == 2
        entries = llmgw.gateway.snapshot().cache.entries
        _, headers, _ = await llmgw.chat(QUESTION, model="gateway-cheap")
        first = await llmgw.gateway.detail(headers["x-llmgw-request-id"])
    assert entries == 1 and first is not None and first.row.cache is CacheStatus.EXACT


async def test_the_kill_switch_the_budget_and_read_only_stop_it(tmp_path: Path) -> None:
    async with setting(tmp_path) as (claude, _, llmgw):
        original = await asked(llmgw)
        await llmgw.post("/api/commands/kill")
        _, killed = await llmgw.post("/api/commands/replay", request_id=original, tier="premium")
        await llmgw.post("/api/commands/release")
        await llmgw.post("/api/commands/set_budget", hard=0.000001)
        _, begun = await llmgw.post("/api/commands/replay", request_id=original, tier="premium")
        progress: Any = {"done": False}
        while begun["ok"] and not progress["done"]:
            await asyncio.sleep(0.01)
            progress = await llmgw.get(f"/api/replays/{begun['value']}")
        llmgw.gateway.commands.read_only = True
        _, read_only = await llmgw.post("/api/commands/replay", request_id=original, tier="premium")
    assert not killed["ok"] and "kill switch" in killed["message"].lower()
    assert not begun["ok"] or progress["problem"]
    assert not read_only["ok"] and claude.calls == 0


async def test_the_kill_switch_stops_one_that_streams(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(stall_after=5)) as (claude, _, llmgw):
        original = await asked(llmgw)
        with llmgw.gateway.bus.subscribe() as events:
            _, begun = await llmgw.post("/api/commands/replay", request_id=original, tier="premium")
            await claude.wait_for_requests(1)
            await llmgw.post("/api/commands/kill")
            async for event in events:
                if isinstance(event, RequestFinished) and event.row.id == begun["value"]:
                    assert event.row.status is Status.KILLED
                    break


async def test_a_tool_call_is_the_answer_and_nothing_runs(tmp_path: Path) -> None:
    async with setting(tmp_path, Reply(text="", tools=(("look", {}),))) as (claude, _, llmgw):
        original = await asked(llmgw, tools=[TOOL])
        again = await finished(llmgw, original, "premium")
    assert again.answer and again.answer["tool_calls"][0]["function"]["name"] == "look"
    assert again.row.finish_reason == "tool_calls" and claude.calls == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
async def test_other_protocols_run_again_too(tmp_path: Path, path: str) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    body = {"max_tokens": 50, "messages": messages} if path == "/v1/messages" else {"input": QUESTION}
    async with setting(tmp_path) as (claude, _, llmgw):
        await llmgw.post(path, model="gateway-cheap", **body)
        (row,) = await llmgw.gateway.requests(1)
        again = await finished(llmgw, row.id, "premium")
    assert again.row.status is Status.OK and again.answer is not None
    assert claude.requests[-1]["max_tokens"] == 50 or path == "/v1/responses"


async def test_what_it_would_cost_at_most_is_told_before(tmp_path: Path) -> None:
    async with setting(tmp_path) as (_, _, llmgw):
        original = await asked(llmgw, max_tokens=100)
        offers = await llmgw.get(f"/api/requests/{original}/replays")
        again = await finished(llmgw, original, "premium")
    by_tier = {offer["tier"]: offer for offer in offers["offers"]}
    assert list(by_tier) == ["local", "cheap", "premium"] and by_tier["local"]["problem"]
    assert by_tier["premium"]["most_microusd"] >= again.row.cost_microusd > 0
    assert by_tier["cheap"]["target"] == f"groq/{MODEL}"


async def test_what_is_not_kept_or_not_what_was_sent_is_refused(tmp_path: Path) -> None:
    async with setting(tmp_path) as (_, _, llmgw):
        masked = await asked(llmgw, user="sk-proj-abc123abc123abc123abc123")
        refusals = [
            (await llmgw.post("/api/commands/replay", request_id=request_id, tier="premium"))[1]
            for request_id in (masked, "req_unknown")
        ]
    assert [refusal["ok"] for refusal in refusals] == [False, False]
    assert "secret" in refusals[0]["message"] and "no request" in refusals[1]["message"]
    async with setting(tmp_path / "other", keep_bodies_days=0) as (_, _, llmgw):
        original = await asked(llmgw)
        _, result = await llmgw.post("/api/commands/replay", request_id=original, tier="premium")
    assert not result["ok"] and "KEEP_BODIES_DAYS" in result["message"]


async def test_a_background_request_run_again_is_waited_for(tmp_path: Path) -> None:
    async with setting(tmp_path) as (_, _, llmgw):
        original = await asked(llmgw, context="heartbeat")
        again = await finished(llmgw, original, "cheap")
    assert again.row.lane is Lane.INTERACTIVE


async def test_over_http_a_screen_sees_the_same(tmp_path: Path) -> None:
    async with setting(tmp_path) as (_, _, llmgw):
        original = await asked(llmgw)
        source = HttpSource(llmgw.gateway.address, KEY)
        source.open()
        parts, offers = await source.parts(original), await source.replay_offers(original)
        assert parts is not None and parts == await llmgw.gateway.parts(original)
        assert offers == await llmgw.gateway.replays.offers(original) and len(offers.offers) == 3
        begun = await source.run("replay", request_id=original, tier="premium")
        assert begun.ok and begun.value in begun.message
        progress = await source.replay_progress(begun.value)
        assert progress is not None and progress.replay_of == original
        assert await source.replay_progress("req_unknown") is None
        assert await source.parts("req_unknown") is None
        assert "no request" in (await source.replay_offers("req_unknown")).problem
        await source.close()
