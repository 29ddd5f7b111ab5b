"""The simulated upstreams, called with the real SDKs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from gateway_core.demo.openclaw import Session, tools
from gateway_core.demo.script import TURNS
from gateway_core.demo.upstreams import SimulatedUpstreams

CLAUDE = "claude-sonnet-5-5"
OSS = "openai/gpt-oss-120b"
WITH_TOOL = next(turn for turn in TURNS if turn.tool)
WITHOUT_TOOL = next(turn for turn in TURNS if not turn.tool)


@pytest.fixture
async def upstreams() -> AsyncIterator[SimulatedUpstreams]:
    async with SimulatedUpstreams(seed=1, speed=0) as running:
        yield running


@pytest.fixture
async def claude(upstreams: SimulatedUpstreams) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=upstreams.anthropic_key,
        base_url=upstreams.anthropic_url,
        max_retries=0,
        http_client=anthropic.DefaultAioHttpClient(),
    ) as client:
        yield client


@pytest.fixture
async def groq(upstreams: SimulatedUpstreams) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=upstreams.groq_key,
        base_url=upstreams.groq_url,
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(),
    ) as client:
        yield client


def _claude_tools() -> Any:
    functions = [tool["function"] for tool in tools()]
    return [{"name": f["name"], "description": f["description"], "input_schema": f["parameters"]} for f in functions]


async def test_claude_answers_with_a_label_and_counts(claude: anthropic.AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model=CLAUDE, max_tokens=500, messages=[{"role": "user", "content": WITHOUT_TOOL.question}]
    )
    assert message.content[0].type == "text"
    assert message.content[0].text == f"[simulated Claude] {WITHOUT_TOOL.answer}"
    assert message.stop_reason == "end_turn" and message.model == CLAUDE
    assert message.usage.input_tokens >= 5 and message.usage.output_tokens >= 10


async def test_claude_streams_text_and_a_tool_call(claude: anthropic.AsyncAnthropic) -> None:
    assert WITH_TOOL.tool
    async with claude.messages.stream(
        model=CLAUDE,
        max_tokens=500,
        tools=_claude_tools(),
        messages=[{"role": "user", "content": WITH_TOOL.question}],
    ) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()
    assert text.startswith("[simulated Claude] ") and message.stop_reason == "tool_use"
    call = message.content[1]
    assert call.type == "tool_use" and (call.name, call.input) == WITH_TOOL.tool


async def test_claude_goes_on_after_a_tool_result(claude: anthropic.AsyncAnthropic) -> None:
    assert WITH_TOOL.tool
    name, arguments = WITH_TOOL.tool
    message = await claude.messages.create(
        model=CLAUDE,
        max_tokens=500,
        tools=_claude_tools(),
        messages=[
            {"role": "user", "content": WITH_TOOL.question},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": name, "input": arguments}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]},
        ],
    )
    assert message.stop_reason == "end_turn" and message.content[0].type == "text"
    assert message.content[0].text == f"[simulated Claude] {WITH_TOOL.answer}"


async def test_claude_stops_at_max_tokens(claude: anthropic.AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model=CLAUDE, max_tokens=6, messages=[{"role": "user", "content": WITHOUT_TOOL.question}]
    )
    assert message.stop_reason == "max_tokens" and message.usage.output_tokens <= 6


async def test_claudes_prompt_cache_is_written_once_then_read(claude: anthropic.AsyncAnthropic) -> None:
    async def usage(question: str) -> tuple[int, int]:
        message = await claude.messages.create(
            model=CLAUDE,
            max_tokens=50,
            system=[{"type": "text", "text": "rule " * 4000, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": question}],
        )
        return message.usage.cache_creation_input_tokens or 0, message.usage.cache_read_input_tokens or 0

    written, read = await usage("First?")
    assert written > 4000 and read == 0
    assert await usage("Second?") == (0, written)


async def test_claude_counts_tokens(claude: anthropic.AsyncAnthropic) -> None:
    counted = await claude.messages.count_tokens(model=CLAUDE, messages=[{"role": "user", "content": "word " * 1000}])
    assert 1000 <= counted.input_tokens <= 1400


async def test_claude_lists_models_and_refuses_a_wrong_key(
    claude: anthropic.AsyncAnthropic, upstreams: SimulatedUpstreams
) -> None:
    assert CLAUDE in [model.id async for model in claude.models.list()]
    with pytest.raises(anthropic.AuthenticationError):
        await claude.with_options(api_key="wrong").models.list()
    with pytest.raises(anthropic.BadRequestError, match="messages: Field required"):
        await claude.messages.create(model=CLAUDE, max_tokens=5, messages=[])


async def test_groq_answers_with_a_label_and_counts(groq: openai.AsyncOpenAI) -> None:
    completion = await groq.chat.completions.create(
        model=OSS, messages=[{"role": "user", "content": WITHOUT_TOOL.question}]
    )
    assert completion.choices[0].message.content == f"[simulated Groq] {WITHOUT_TOOL.answer}"
    assert completion.usage and completion.usage.total_tokens > completion.usage.completion_tokens > 5


async def test_groq_streams_a_whole_openclaw_turn(groq: openai.AsyncOpenAI) -> None:
    assert WITH_TOOL.tool
    body: Any = {**Session("s", lambda: 1_795_000_000.0).ask(WITH_TOOL.question), "model": OSS}
    text, names, arguments, finish, prompt_tokens = "", [], "", None, 0
    async for chunk in await groq.chat.completions.create(**body):
        if chunk.usage:
            prompt_tokens = chunk.usage.prompt_tokens
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or ():
                assert call.function
                names.append(call.function.name)
                arguments += call.function.arguments or ""
    assert text.startswith("[simulated Groq] ") and finish == "tool_calls"
    assert names == [WITH_TOOL.tool[0]] and arguments
    assert 10_000 < prompt_tokens < 20_000


async def test_groq_lists_models_and_refuses_a_wrong_key(groq: openai.AsyncOpenAI) -> None:
    assert OSS in [model.id async for model in groq.models.list()]
    with pytest.raises(openai.AuthenticationError):
        await groq.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.BadRequestError):
        await groq.chat.completions.create(model=OSS, messages=[])


async def test_they_listen_on_loopback_only(upstreams: SimulatedUpstreams) -> None:
    assert upstreams.anthropic_url.startswith("http://127.0.0.1:")
    assert upstreams.groq_url.startswith("http://127.0.0.1:")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{upstreams.groq_url}/chat/completions", data=b"no json") as response,
    ):
        assert response.status == 401
