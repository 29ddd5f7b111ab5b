"""An SDK's client, the gateway, and Ollama spoken to by its own API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from gateway_core.model import RequestDetail
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, client, with_claude

MODEL = "m:1b"
TOOLS: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
DULL = "All work and no play makes Jack a dull boy. "


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        server.add(MODEL, trained=32_768, capabilities=("completion", "tools", "thinking"))
        yield server


@asynccontextmanager
async def gateway(tmp_path: Path, fake: FakeOpenAI, **more: Any) -> AsyncIterator[tuple[Client, openai.AsyncOpenAI]]:
    """A gateway whose LOCAL tier is the fake, and an SDK's client of it."""
    settings = {"local_context_tokens": 65_536, **more}
    async with (
        client(tmp_path, local_llm_enabled=True, local_llm_url=fake.base_url, builtin_model="off", **settings) as llmgw,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{llmgw.gateway.address}/v1", max_retries=0) as sdk,
    ):
        yield llmgw, sdk


async def detail(llmgw: Client) -> RequestDetail:
    (row, *_) = await llmgw.gateway.requests(1)
    found = await llmgw.gateway.detail(row.id)
    assert found
    return found


async def test_text_thinking_and_tool_calls_stream_to_the_sdk(tmp_path: Path, fake: FakeOllama) -> None:
    fake.script(Reply("I look it up.", reasoning="A tool will know.", tools=(("f", {"q": "sea"}), ("f", {}))))
    async with gateway(tmp_path, fake) as (_, sdk):
        stream = await sdk.chat.completions.create(
            model="gateway-local", messages=user("Look it up."), tools=TOOLS, reasoning_effort="high", stream=True
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == "I look it up."
    assert "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas) == "A tool will know."
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert [(call.index, call.function and call.function.arguments) for call in calls] == [
        (0, '{"q":"sea"}'),
        (1, "{}"),
    ]
    assert calls[0].id != calls[1].id
    assert chunks[-1].choices[0].finish_reason == "tool_calls" and chunks[-1].usage


async def test_a_tools_result_goes_back_under_its_name(tmp_path: Path, fake: FakeOllama) -> None:
    fake.script(Reply("", tools=(("f", {"q": "sea"}),)), Reply("It is blue."))
    async with gateway(tmp_path, fake) as (_, sdk):
        messages = user("What colour?")
        asked = await sdk.chat.completions.create(model="gateway-local", messages=messages, tools=TOOLS)
        calls = asked.choices[0].message.tool_calls
        assert calls
        messages += [
            asked.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": calls[0].id, "content": "blue"},
        ]
        told = await sdk.chat.completions.create(model="gateway-local", messages=messages, tools=TOOLS)
    assert told.choices[0].message.content == "It is blue."
    _, assistant, tool = fake.chats[-1]["messages"]
    assert assistant["tool_calls"][0]["function"]["arguments"] == {"q": "sea"}
    assert (tool["tool_name"], tool["content"], tool["tool_call_id"]) == ("f", "blue", calls[0].id)


async def test_a_schema_and_sampling_reach_the_model(tmp_path: Path, fake: FakeOllama) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    fake.script(Reply('{"n": 3}'))
    async with gateway(tmp_path, fake) as (_, sdk):
        answer = await sdk.chat.completions.create(
            model="gateway-local", messages=user("n is 3"), response_format=form, temperature=0, stop=["x"], seed=7
        )
    assert json.loads(answer.choices[0].message.content or "") == {"n": 3}
    assert fake.chats[0]["format"] == schema
    assert fake.chats[0]["options"] == {"num_ctx": 4096, "temperature": 0, "stop": ["x"], "seed": 7}


async def test_logprobs_arrive(tmp_path: Path, fake: FakeOllama) -> None:
    async with gateway(tmp_path, fake) as (_, sdk):
        answer = await sdk.chat.completions.create(
            model="gateway-local", messages=user("Hi"), logprobs=True, top_logprobs=2
        )
    logprobs = answer.choices[0].logprobs
    assert logprobs and logprobs.content
    assert "".join(token.token for token in logprobs.content) == answer.choices[0].message.content
    assert len(logprobs.content[0].top_logprobs) == 2


async def test_a_long_prompt_gets_a_context_that_holds_it(tmp_path: Path, fake: FakeOllama) -> None:
    async with gateway(tmp_path, fake) as (llmgw, sdk):
        answer = await sdk.chat.completions.create(model="gateway-local", messages=user(DULL * 1500))
        assert not (await detail(llmgw)).remarks
    assert answer.usage and answer.usage.prompt_tokens > 15_000
    assert fake.loads == [{"model": MODEL, "num_ctx": 32_768}]


async def test_a_prompt_that_is_too_long_for_the_model_goes_a_tier_up(tmp_path: Path, fake: FakeOllama) -> None:
    async with (
        FakeAnthropic(default=Reply("From Claude.")) as claude,
        gateway(tmp_path, fake, default_tier="local", **with_claude(claude)) as (_, sdk),
    ):
        answer = await sdk.chat.completions.create(model="gateway-auto", messages=user(DULL * 4000))
    assert answer.choices[0].message.content == "From Claude."
    assert fake.chats == []


async def test_a_prompt_that_only_ollama_finds_too_long_goes_a_tier_up(tmp_path: Path, fake: FakeOllama) -> None:
    """Digits: every fourth character is a token of the fake's, where the estimate takes 4.4 for one."""
    async with FakeAnthropic(default=Reply("From Claude.")) as claude:
        settings = {"default_tier": "local", "local_context_tokens": 14_500, **with_claude(claude)}
        async with gateway(tmp_path, fake, **settings) as (_, sdk):
            answer = await sdk.chat.completions.create(
                model="gateway-auto", messages=user("What is this? " + "7" * 59_000), max_tokens=100
            )
    assert answer.choices[0].message.content == "From Claude."
    assert [chat["options"]["num_ctx"] for chat in fake.chats] == [14_500]


async def test_without_another_tier_it_is_refused_with_numbers(tmp_path: Path, fake: FakeOllama) -> None:
    async with gateway(tmp_path, fake, local_context_tokens=14_500) as (_, sdk):
        with pytest.raises(openai.BadRequestError) as counted:
            await sdk.chat.completions.create(
                model="gateway-local", messages=user("What is this? " + "7" * 59_000), max_tokens=100
            )
        with pytest.raises(openai.BadRequestError) as estimated:
            await sdk.chat.completions.create(model="gateway-local", messages=user(DULL * 4000))
    assert (counted.value.code, estimated.value.code) == ("context_length_exceeded",) * 2
    assert "14500" in counted.value.message and "147" in counted.value.message
    assert "14500" in estimated.value.message and "40" in estimated.value.message


async def test_tools_on_a_model_without_them_go_a_tier_up(tmp_path: Path, fake: FakeOllama) -> None:
    fake.remove(MODEL)
    fake.add("plain:1b")
    async with (
        FakeAnthropic(default=Reply("From Claude.")) as claude,
        gateway(tmp_path, fake, default_tier="local", **with_claude(claude)) as (_, sdk),
    ):
        answer = await sdk.chat.completions.create(model="gateway-auto", messages=user("Hello"), tools=TOOLS)
        with pytest.raises(openai.APIStatusError):
            await sdk.chat.completions.create(model="gateway-local", messages=user("Hello"), tools=TOOLS)
    assert answer.choices[0].message.content == "From Claude."


async def test_a_runner_killed_in_the_middle_is_no_silent_end(tmp_path: Path, fake: FakeOllama) -> None:
    fake.script(Reply("one two three", error_after=2))
    async with gateway(tmp_path, fake) as (llmgw, sdk):
        stream = await sdk.chat.completions.create(model="gateway-local", messages=user("Hi"), stream=True)
        with pytest.raises(openai.APIError, match="unexpected EOF"):
            [chunk async for chunk in stream]
        assert (await detail(llmgw)).row.error_code == "upstream_error"


async def test_a_server_that_cuts_a_whole_answers_prompt_loses_it_to_the_next_tier(tmp_path: Path) -> None:
    """Any OpenAI-compatible server; this one tells nothing of its context."""
    async with FakeOpenAI(kind="lmstudio") as server, FakeAnthropic(default=Reply("From Claude.")) as claude:
        server.script(Reply("Nonsense.", usage={"prompt_tokens": 2050}))
        settings = {"default_tier": "local", "local_context_tokens": None, **with_claude(claude)}
        async with gateway(tmp_path, server, **settings) as (llmgw, sdk):
            answer = await sdk.chat.completions.create(model="gateway-auto", messages=user(DULL * 550))
            (remark,) = [found for found in (await detail(llmgw)).remarks if found.step == "prompt cut"]
            again = await sdk.chat.completions.create(model="gateway-auto", messages=user("Please: " + DULL * 550))
    assert answer.choices[0].message.content == again.choices[0].message.content == "From Claude."
    assert "2,050 of at least 5,500" in remark.text
    assert len(server.requests) == 1, "the router has learned what the model's context is"


async def test_a_stream_of_a_cut_prompt_is_remarked(tmp_path: Path) -> None:
    async with FakeOpenAI(kind="lmstudio") as server:
        server.script(Reply("Nonsense.", usage={"prompt_tokens": 2050}))
        async with gateway(tmp_path, server, local_context_tokens=None) as (llmgw, _):
            await llmgw.stream(DULL * 550, model="gateway-local")
            (remark,) = (await detail(llmgw)).remarks
            status, _, body = await llmgw.chat(DULL * 550, model="gateway-local")
    assert "2,050" in remark.text
    assert (status, body["error"]["code"]) == (400, "context_length_exceeded")
    assert "2050" in body["error"]["message"]
