"""ROUTER_PROVIDER: a small model judges what the rules leave open, and never holds a request up."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway_core import judge as judge_module
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import Client, client, with_claude, with_groq

UNCLEAR = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
JUDGE, CHEAP = "openai/gpt-oss-20b", "openai/gpt-oss-120b"
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
MARK = "Judge how hard"


@pytest.fixture(autouse=True)
def time_to_think(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' machine may take its time, importing an SDK for one."""
    monkeypatch.setattr(judge_module, "TIMEOUT_S", 60.0)


def judged(fake: FakeOpenAI, **more: Any) -> dict[str, Any]:
    return {**with_groq(fake), "router_provider": "groq", **more}


def questions(fake: FakeOpenAI) -> list[dict[str, Any]]:
    return [body for body in fake.requests if MARK in str(body["messages"][0]["content"])]


async def decision(llmgw: Client, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await llmgw.get(f"/api/requests/{request_id}"))["decision"]
    return found


async def test_groq_judges_once_for_each_text_and_the_reason_names_it(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP), default=Reply(text="hard", usage=USAGE)) as groq,
        FakeAnthropic() as claude,
        client(tmp_path, **judged(groq), **with_claude(claude), exact_cache="off") as llmgw,
    ):
        _, headers, _ = await llmgw.chat(UNCLEAR, model="gateway-auto")
        found = await decision(llmgw, headers["x-llmgw-request-id"])
        reasons, otherwise = found["reasons"], found["record"]["otherwise"]
        await llmgw.chat(UNCLEAR, model="gateway-auto")
        asked = len(groq.requests)
        await llmgw.chat("Hello!", model="gateway-auto")
    assert (headers["x-llmgw-tier"], headers["x-llmgw-route"]) == ("premium", "judged:hard")
    assert any("groq's openai/gpt-oss-20b says hard" in reason["text"] for reason in reasons)
    assert asked == 1 and len(questions(groq)) == 1, "a greeting needs no judge"
    local, cheap = otherwise
    assert local.startswith("LOCAL if it had been judged easy, or its difficulty were below 0.35")
    assert cheap == "CHEAP if it had been judged medium, or not at all", "the difficulty is unclear already"


async def test_the_judge_sees_the_users_words_and_nothing_else(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "secret_tool", "parameters": {}}}]
    text = f"{UNCLEAR}\n" * 100
    messages = [
        {"role": "system", "content": "SYSTEM-CANARY"},
        {"role": "user", "content": "HISTORY-CANARY"},
        {"role": "assistant", "content": "ANSWER-CANARY"},
        {"role": "user", "content": text},
    ]
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP), default=Reply(text="easy", usage=USAGE)) as groq,
        client(tmp_path, **judged(groq)) as llmgw,
    ):
        await llmgw.chat(model="gateway-auto", messages=messages, tools=tools)
        (question,) = questions(groq)
    assert "CANARY" not in str(question) and "secret_tool" not in str(question)
    assert len(question["messages"]) == 2 and len(question["messages"][1]["content"]) < 2_100
    assert (question["reasoning_effort"], question["max_completion_tokens"]) == ("low", 256)


async def test_what_it_costs_is_reserved_settled_and_counted(tmp_path: Path) -> None:
    prices = {f"groq/{JUDGE}": {"input": 1, "output": 10}, f"groq/{CHEAP}": {"input": 2, "output": 3}}
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP), default=Reply(text="medium", usage=USAGE)) as groq,
        client(tmp_path, **judged(groq), prices=prices) as llmgw,
    ):
        _, headers, body = await llmgw.chat(UNCLEAR, model="gateway-auto")
        budget = await llmgw.get("/api/budget")
        (row,) = await llmgw.gateway.requests(1)
    assert headers["x-llmgw-route"] == "judged:medium"
    assert row.cost_microusd == (100 + 200) + (200 + 60)
    assert budget["spent_usd"] == body["usage"]["cost"] == row.cost_microusd / 1e6
    assert budget["reserved_usd"] == 0


async def test_a_judge_that_reports_what_cannot_be_true_is_charged_as_much_as_can(tmp_path: Path) -> None:
    lie = {"prompt_tokens": 500_000_000, "completion_tokens": 500_000_000}
    prices = {f"groq/{JUDGE}": {"input": 0.1, "output": 1}, f"groq/{CHEAP}": {"input": 2, "output": 3}}
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP), default=Reply(text="medium", usage=USAGE)) as groq,
        client(tmp_path, **judged(groq), prices=prices) as llmgw,
    ):
        groq.script(Reply(text="medium", usage=lie))
        status, headers, _ = await llmgw.chat(UNCLEAR, model="gateway-auto")
        detail = await llmgw.get(f"/api/requests/{headers['x-llmgw-request-id']}")
        spent = (await llmgw.get("/api/budget"))["spent_usd"]
    assert (status, headers["x-llmgw-route"]) == (200, "judged:medium") and 0 < spent < 1
    assert any("500,000,000 prompt" in remark["text"] for remark in detail["remarks"])


@pytest.mark.parametrize(
    "step",
    [Failure(500), Failure(401), Failure(429, headers={"Retry-After": "1"}), Reply(text="who knows?"), Reply(text="")],
)
async def test_a_judge_that_fails_leaves_it_to_the_rules_and_rests(tmp_path: Path, step: Any) -> None:
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP)) as groq,
        client(tmp_path, **judged(groq), exact_cache="off") as llmgw,
    ):
        groq.script(step)
        status, headers, _ = await llmgw.chat(UNCLEAR, model="gateway-auto")
        detail = await llmgw.get(f"/api/requests/{headers['x-llmgw-request-id']}")
        await llmgw.chat(UNCLEAR, model="gateway-auto")
        reserved = (await llmgw.get("/api/budget"))["reserved_usd"]
    assert (status, headers["x-llmgw-route"], headers["x-llmgw-tier"]) == (200, "default", "cheap")
    assert len(questions(groq)) == 1 and reserved == 0
    said = next(one["text"] for one in detail["remarks"] if one["step"] == "judge")
    assert said.startswith("groq's openai/gpt-oss-20b did not say within") and "left alone for 30 s" in said


async def test_a_judge_that_is_slow_is_not_waited_for_and_stays_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_module, "TIMEOUT_S", 0.3)
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP)) as groq,
        client(tmp_path, **judged(groq)) as llmgw,
    ):
        await llmgw.chat("Warm the client up.", model=f"groq/{CHEAP}")
        before = (await llmgw.get("/api/budget"))["spent_usd"]
        groq.script(Reply(before_s=30), Reply(text="Nice.", usage=USAGE))
        began = time.monotonic()
        _, headers, body = await llmgw.chat(UNCLEAR, model="gateway-auto")
        took = time.monotonic() - began
        await groq.wait_for_disconnects(1)
        await llmgw.gateway.pipeline.judge.close()
        budget = await llmgw.get("/api/budget")
    assert headers["x-llmgw-route"] == "default" and took < 5
    assert budget["reserved_usd"] == 0
    cost = round(body["usage"]["cost"] * 1e6)
    assert round((budget["spent_usd"] - before) * 1e6) == cost, "the request's row has what the ledger has"
    assert cost > 100 * 0.15 + 20 * 0.60, "the judge may have been charged"


async def test_the_hard_limit_leaves_it_to_the_rules(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(models=("qwen3:8b",)) as local,
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP)) as groq,
        client(
            tmp_path,
            **judged(groq),
            daily_budget_hard=0.000001,
            local_llm_enabled=True,
            local_llm_url=local.base_url,
            builtin_model="off",
        ) as llmgw,
    ):
        _, headers, _ = await llmgw.chat(UNCLEAR, model="gateway-auto")
    assert (headers["x-llmgw-tier"], groq.requests) == ("local", [])


async def test_the_kill_switch_ends_the_question_too(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP)) as groq,
        client(tmp_path, **judged(groq)) as llmgw,
    ):
        groq.script(Reply(before_s=30))
        asking = asyncio.create_task(llmgw.chat(UNCLEAR, model="gateway-auto"))
        await groq.wait_for_requests(1)
        await llmgw.gateway.commands.run("kill", {})
        status, _, body = await asking
        await groq.wait_for_disconnects(1)
    assert (status, body["error"]["code"]) == (503, "kill_switch")


async def test_the_local_model_judges_while_it_is_idle(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="ollama", models=("qwen3:8b",), default=Reply(text="hard")) as local,
        FakeOpenAI(key="gsk", models=(CHEAP,)) as groq,
        client(
            tmp_path,
            **with_groq(groq),
            router_provider="local",
            local_llm_enabled=True,
            local_llm_url=local.base_url,
            builtin_model="off",
        ) as llmgw,
    ):
        await llmgw.chat("Hello?", model="gateway-local")
        _, judged_at, _ = await llmgw.chat(UNCLEAR, model="gateway-auto")
        local.script(Reply(text="once upon a time", stall_after=3))
        body = {"model": "gateway-local", "stream": True, "messages": [{"role": "user", "content": "Tell a story."}]}
        async with llmgw.http.post("/v1/chat/completions", json=body) as busy:
            await busy.content.readline()
            _, while_busy, _ = await llmgw.chat(UNCLEAR + " Please.", model="gateway-auto")
            local.resume()
            await busy.read()
    assert judged_at["x-llmgw-route"] == "judged:hard>cheap", "nothing serves the premium tier"
    assert while_busy["x-llmgw-route"] == "default"


async def test_a_judge_without_a_key_is_said(tmp_path: Path) -> None:
    async with client(tmp_path, router_provider="groq") as llmgw:
        assert llmgw.gateway.snapshot().notices == (
            "ROUTER_PROVIDER is groq, which has no key: the built-in rules decide.",
        )


def test_no_model_that_has_ended_is_the_default() -> None:
    assert judge_module.DEFAULT_MODELS["groq"] == JUDGE
