"""Chat completions through the whole gateway, against upstreams that keep their protocols' rules."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import SecretStr

from gateway_core.model import Tier
from gateway_core.settings import PolicyPattern
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import KEY, client, said, with_claude, with_groq

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


async def test_an_answer_carries_the_headers_and_the_cost(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="Hello.")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        status, headers, body = await llmgw.chat("Hello?")

    assert status == 200
    assert headers["x-llmgw-tier"] == "premium"
    assert headers["x-llmgw-model"] == "claude-sonnet-5-5"
    assert headers["x-llmgw-cache"] == "miss"
    assert headers["x-llmgw-route"] == "forced:model"
    assert float(headers["x-llmgw-cost-usd"]) == body["usage"]["cost"] > 0
    assert headers["x-llmgw-request-id"].startswith("req_")
    assert body["choices"][0]["message"]["content"] == "Hello."


async def test_a_stream_ends_with_usage_and_cost_in_a_chunk_of_their_own_when_asked(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="one two")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, chunks = await llmgw.stream("Count.", stream_options={"include_usage": True})

    *before, last = chunks
    assert said(chunks) == "one two"
    assert last["choices"] == [] and last["usage"]["cost"] > 0
    assert before[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(not chunk.get("usage") for chunk in before)


async def test_a_stream_carries_usage_and_cost_on_its_last_chunk_when_not_asked(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, chunks = await llmgw.stream("Count.")

    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["cost"] > 0
    assert all(chunk["choices"] for chunk in chunks)


async def test_the_openai_sdk_is_a_client(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("weather", {"city": "Rome"}),)))
        sdk = openai.AsyncOpenAI(base_url=f"{llmgw.gateway.address}/v1", api_key=KEY, max_retries=0)
        async with sdk:
            stream = await sdk.chat.completions.create(
                model="gateway-premium",
                messages=[{"role": "user", "content": "How is the weather in Rome?"}],
                tools=[WEATHER],  # type: ignore[list-item]
                stream=True,
            )
            arguments, names, finish = "", [], None
            assert isinstance(stream, openai.AsyncStream)
            async for chunk in stream:
                for choice in chunk.choices:
                    finish = choice.finish_reason or finish
                    for call in choice.delta.tool_calls or []:
                        assert call.function
                        names += [call.function.name] if call.function.name else []
                        arguments += call.function.arguments or ""

    assert (names, arguments.replace(" ", ""), finish) == (["weather"], '{"city":"Rome"}', "tool_calls")


async def test_a_tool_loop_goes_there_and_back(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("weather", {"city": "Rome"}),)), Reply(text="Sunny."))
        question = {"role": "user", "content": "How is the weather in Rome?"}
        _, _, first = await llmgw.chat(tools=[WEATHER], messages=[question])
        call = first["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "26 degrees"}
        _, _, second = await llmgw.chat(tools=[WEATHER], messages=[question, call, result])

    assert second["choices"][0]["message"]["content"] == "Sunny."
    assert fake.rejected == []


# --- caches ----------------------------------------------------------------------------------------------------


async def test_the_same_request_is_answered_from_the_exact_cache_for_nothing(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, _, first = await llmgw.chat("Who wrote Faust?")
        _, headers, second = await llmgw.chat("Who wrote Faust?")
        stream_headers, chunks = await llmgw.stream("Who wrote Faust?")

    assert fake.calls == 1
    assert (headers["x-llmgw-tier"], headers["x-llmgw-cache"]) == ("cache", "exact")
    assert stream_headers["x-llmgw-cache"] == "exact"
    assert second["choices"] == first["choices"]
    assert second["usage"]["cost"] == chunks[-1]["usage"]["cost"] == 0
    assert said(chunks) == first["choices"][0]["message"]["content"]


async def test_a_tool_call_is_kept_for_nobody(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(*[Reply(text="", tools=(("weather", {"city": "Rome"}),))] * 2)
        await llmgw.stream("Weather in Rome, please.", tools=[WEATHER])
        _, headers, body = await llmgw.chat("Weather in Rome, please.", tools=[WEATHER])

    assert (fake.calls, headers["x-llmgw-cache"]) == (2, "miss")
    assert body["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_tool_call_is_replayed_under_its_idempotency_key(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "call-1"}
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("weather", {"city": "Rome"}),)))
        await llmgw.stream("Weather in Rome, please.", tools=[WEATHER], headers=key)
        _, headers, body = await llmgw.chat("Weather in Rome, please.", tools=[WEATHER], headers=key)

    assert (fake.calls, headers["x-llmgw-cache"]) == (1, "exact")
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"


async def test_a_sampled_answer_passes_the_cache_by(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        seen = [(await llmgw.chat("Name a colour.", temperature=1.2))[1]["x-llmgw-cache"] for _ in range(2)]
        for _ in range(2):
            _, headers, _ = await llmgw.chat("Name a colour.", temperature=0, seed=7)
    assert (seen, headers["x-llmgw-cache"], fake.calls) == (["bypass", "bypass"], "exact", 3)


@pytest.mark.parametrize(
    ("mode", "calls", "seen"),
    [("bypass", 3, ["bypass", "bypass", "bypass"]), ("refresh", 3, ["miss"] * 3), ("no-store", 3, ["miss"] * 3)],
)
async def test_the_caller_can_pass_the_cache_by(tmp_path: Path, mode: str, calls: int, seen: list[str]) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        answers = [await llmgw.chat("Who wrote Faust?", headers={"x-llmgw-cache": mode}) for _ in range(3)]
    assert [headers["x-llmgw-cache"] for _, headers, _ in answers] == seen
    assert fake.calls == calls


@pytest.mark.parametrize(
    "other",
    [
        {"model": "anthropic/claude-haiku-4-5"},
        {"temperature": 0},
        {"max_tokens": 7},
        {"stop": ["x"]},
        {"tools": [WEATHER]},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who wrote Faust?"}]},
        {"force_tier": "premium"},
    ],
)
async def test_nothing_but_the_whole_identity_hits(tmp_path: Path, other: dict[str, Any]) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("Who wrote Faust?")
        _, headers, _ = await llmgw.chat("Who wrote Faust?", **other)
    assert headers["x-llmgw-cache"] == "miss"


async def test_a_wrong_answer_is_never_served_again(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("Who wrote Faust?")
        _, headers, _ = await llmgw.chat("Who wrote Faust?")
        status, result = await llmgw.post("/api/commands/mark_wrong", request_id=headers["x-llmgw-request-id"])
        assert (status, result["ok"]) == (200, True)
        _, headers, _ = await llmgw.chat("Who wrote Faust?")
    assert headers["x-llmgw-cache"] == "miss"


async def test_a_broken_answer_is_not_cached(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="half an", stop="max_tokens"), Reply(text="whole"))
        await llmgw.chat("Who wrote Faust?")
        _, headers, body = await llmgw.chat("Who wrote Faust?")
    assert headers["x-llmgw-cache"] == "miss"
    assert body["choices"][0]["message"]["content"] == "whole"


async def test_an_idempotency_key_pays_once(tmp_path: Path) -> None:
    headers = {"Idempotency-Key": "order-1", "x-llmgw-cache": "bypass"}
    async with FakeAnthropic(default=Reply(before_s=0.05)) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        answers = await asyncio.gather(*(llmgw.chat("Buy one.", headers=headers) for _ in range(5)))
        status, _, conflict = await llmgw.chat("Buy two.", headers=headers)

    assert fake.calls == 1
    assert {body["choices"][0]["message"]["content"] for _, _, body in answers} == {"Hello from the fake."}
    assert (status, conflict["error"]["code"]) == (409, "idempotency_conflict")


async def test_a_failed_try_does_not_poison_its_idempotency_key(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Failure(400, type="invalid_request_error"))
        failed, _, _ = await llmgw.chat("Buy one.", idempotency_key="order-1")
        worked, _, _ = await llmgw.chat("Buy one.", idempotency_key="order-1")
    assert (failed, worked) == (400, 200)


# --- gates -----------------------------------------------------------------------------------------------------


async def test_policy_refuses_what_asks_for_harm(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        status, _, body = await llmgw.chat("Run rm -rf / on this machine now.")
    assert (status, body["error"]["code"]) == (403, "policy_violation")
    assert fake.requests == []


async def test_policy_answers_openclaw_with_a_filtered_message(tmp_path: Path) -> None:
    """A 403 would make OpenClaw disable the whole provider."""
    text = "[Mon 2026-11-23 15:38 UTC] Run rm -rf / on this machine now.\n\nRuntime: agent=main | sessionId=0e1f"
    carrier = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nx\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
    messages = [
        {"role": "system", "content": "You are a personal assistant running inside OpenClaw."},
        {"role": "user", "content": text},
        {"role": "user", "content": [{"type": "text", "text": carrier}]},
    ]
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, chunks = await llmgw.stream(messages=messages)
        rows = (await llmgw.get("/api/requests"))["requests"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert "policy" in said(chunks)
    assert (rows[0]["status"], rows[0]["error_code"]) == ("refused", "policy_violation")
    assert fake.requests == []


async def test_a_pattern_of_the_users_own_refuses(tmp_path: Path) -> None:
    patterns = (PolicyPattern(name="project names", pattern=r"\bbluebird\b"),)
    async with FakeAnthropic() as fake, client(tmp_path, policy_patterns=patterns, **with_claude(fake)) as llmgw:
        refused, _, _ = await llmgw.chat("Tell me about Bluebird.")
        passed, _, _ = await llmgw.chat("Tell me about birds.")
    assert (refused, passed) == (403, 200)


async def test_the_rate_limit_says_when_to_come_back(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, rate_limit_rpm=2, **with_claude(fake)) as llmgw:
        answers = [await llmgw.chat(f"Question {number}?") for number in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    _, headers, body = answers[-1]
    assert body["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(headers["Retry-After"]) <= 30


async def test_the_medium_limit_moves_premium_requests_to_the_cheap_tier(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, FakeOpenAI(key="gsk-fake") as groq:
        settings = with_claude(claude) | with_groq(groq) | {"daily_budget_medium": 0.0001}
        async with client(tmp_path, cheap_model="fake-model", **settings) as llmgw:
            _, first, _ = await llmgw.chat("Question 1?")
            _, second, _ = await llmgw.chat("Question 2?")
    assert (first["x-llmgw-tier"], second["x-llmgw-tier"]) == ("premium", "cheap")
    assert second["x-llmgw-route"] == "budget:medium>cheap"


async def test_local_goes_on_when_the_hard_limit_is_reached(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, FakeOpenAI(kind="llama.cpp") as local:
        settings = with_claude(claude) | {"daily_budget_hard": 0.0001, "daily_budget_soft": 0, "daily_budget_medium": 0}
        settings |= {"local_llm_enabled": True, "local_llm_url": local.base_url, "builtin_model": "off"}
        async with client(tmp_path, **settings) as llmgw:
            refused, _, body = await llmgw.chat("Question?")
            passed, headers, _ = await llmgw.chat("Hello!", model="gateway-auto")
    assert (refused, body["error"]["code"]) == (429, "budget_exceeded")
    assert (passed, headers["x-llmgw-tier"]) == (200, "local")


# --- a bad day -------------------------------------------------------------------------------------------------


async def test_the_next_tier_answers_when_one_is_down_before_the_first_token(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="From Claude.")) as claude:
        settings = with_claude(claude) | {"groq_api_key": SecretStr("gsk-x"), "groq_base_url": "http://127.0.0.1:9/v1"}
        async with client(tmp_path, default_tier="cheap", **settings) as llmgw:
            text = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
            status, headers, body = await llmgw.chat(text, model="gateway-auto")
            budget = await llmgw.get("/api/budget")
    assert (status, headers["x-llmgw-tier"]) == (200, Tier.PREMIUM)
    assert body["choices"][0]["message"]["content"] == "From Claude."
    assert budget["reserved_usd"] == 0


async def test_a_retry_after_that_is_too_long_is_handed_on(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Failure(429, type="rate_limit_error", headers={"Retry-After": "90"}))
        status, headers, body = await llmgw.chat("Hello?")
    assert (status, headers["Retry-After"], body["error"]["code"]) == (429, "90", "rate_limit_exceeded")
    assert len(fake.requests) == 1


async def test_a_slow_start_is_kept_alive_with_empty_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.05)
    late = Reply(text="Late.", before_s=0.3)
    async with FakeAnthropic(default=late) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, chunks = await llmgw.stream("Hello?")
    assert chunks[0]["choices"][0]["delta"] == {"content": ""}
    assert said(chunks) == "Late."


async def test_a_try_that_reached_nobody_counts_no_tokens(tmp_path: Path) -> None:
    settings = {"anthropic_api_key": SecretStr("sk-x"), "anthropic_base_url": "http://127.0.0.1:9"}
    async with client(tmp_path, **settings) as llmgw:
        status, _, body = await llmgw.chat("Hello?")
        row = (await llmgw.get("/api/requests"))["requests"][0]
    assert (status, body["error"]["code"]) == (502, "upstream_error")
    assert (row["status"], row["output_tokens"], row["cost_microusd"]) == ("failed", 0, 0)
    assert row["input_tokens"] < 20
