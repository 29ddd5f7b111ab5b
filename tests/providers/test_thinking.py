"""Thinking is given back to the model that wrote it, also where the client has dropped it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.thinking import ThinkingMemory
from tests.fakes.anthropic import FakeAnthropic, events_of
from tests.fakes.script import Raw, Reply
from tests.providers.calls import collect, make_call, whole

Json = dict[str, Any]
HAIKU = "claude-haiku-4-5"
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
USER = {"role": "user", "content": "Read it."}
ASKED: Json = {"model": HAIKU, "tools": [TOOL], "max_tokens": 8000, "reasoning_effort": "medium"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic() as server:
        yield server


@pytest.fixture
async def claude(fake: FakeAnthropic) -> AsyncIterator[AnthropicProvider]:
    provider = AnthropicProvider(base_url=fake.base_url, api_key=fake.key, first_byte_s=30)
    yield provider
    await provider.close()


async def answer(claude: AnthropicProvider, *messages: Json, **more: Any) -> Json:
    made = whole(await collect(claude, make_call(*messages, **{**ASKED, **more})))
    return made["choices"][0]["message"]  # type: ignore[no-any-return]


def as_openclaw(message: Json) -> list[Json]:
    """An answer and its results as OpenClaw sends them back: no thinking, ids without underscores."""
    calls = [{**call, "id": call["id"].replace("_", "")} for call in message["tool_calls"]]
    said = {"role": "assistant", "content": message.get("content"), "tool_calls": calls}
    return [said, *({"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls)]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_loop_goes_on_thinking_though_the_client_drops_it(
    fake: FakeAnthropic, claude: AnthropicProvider, stream: bool
) -> None:
    fake.script(Reply(text="I look.", reasoning="Hm.", tools=(("read", {"path": "a"}),)))
    [*pieces] = await collect(claude, make_call(USER, **{**ASKED, "stream": stream}))
    first = whole(pieces)["choices"][0]["message"] if stream else pieces[0].body["choices"][0]["message"]
    await answer(claude, USER, *as_openclaw(first))
    sent = fake.requests[1]
    assert sent["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig1"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu10", "name": "read", "input": {"path": "a"}},
    ]
    assert sent["thinking"]["type"] == "enabled"
    assert fake.rejected == []


async def test_a_client_that_returns_thinking_gets_it_to_claude_unchanged(
    fake: FakeAnthropic, claude: AnthropicProvider
) -> None:
    fake.script(Reply(reasoning="Hm.", tools=(("read", {}),)))
    first = await answer(claude, USER)
    assert first["thinking_blocks"] == [{"type": "thinking", "thinking": "Hm.", "signature": "sig1"}]
    result = {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "ok"}
    fresh = AnthropicProvider(base_url=fake.base_url, api_key=fake.key)
    await answer(fresh, USER, first, result)
    await fresh.close()
    assert fake.requests[1]["messages"][1]["content"][0] == first["thinking_blocks"][0]
    assert fake.requests[1]["thinking"]["type"] == "enabled"


async def test_thinking_between_calls_is_put_back_where_it_stood(
    fake: FakeAnthropic, claude: AnthropicProvider
) -> None:
    content: list[Json] = [
        {"type": "thinking", "thinking": "One.", "signature": "s1"},
        {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {}},
    ]
    usage = {"input_tokens": 3, "output_tokens": 3}
    message = {"id": "m", "type": "message", "role": "assistant", "model": HAIKU, "content": content, "usage": usage}
    events = events_of({**message, "stop_reason": "tool_use"})
    fake.script(Raw(b"".join(_sse(event) for event in events), content_type="text/event-stream"))
    first = await answer(claude, USER)
    await answer(claude, USER, *as_openclaw(first))
    sent = fake.requests[1]["messages"][1]["content"]
    assert [block.get("id") or block["type"] for block in sent] == [
        "thinking",
        "toolu1",
        "redacted_thinking",
        "toolu2",
    ]


def _sse(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


async def test_thinking_is_not_given_to_another_model(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    fake.script(Reply(reasoning="Hm.", tools=(("read", {}),)))
    first = await answer(claude, USER)
    await answer(claude, USER, *as_openclaw(first), model="claude-sonnet-5-5")
    result = {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "ok"}
    await answer(claude, USER, first, result, model="claude-sonnet-5-5")
    for sent in fake.requests[1:]:
        assert [block["type"] for block in sent["messages"][1]["content"]] == ["text", "tool_use"]


async def test_a_loop_whose_thinking_is_lost_goes_on_without(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    call = {"id": "call1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    await answer(claude, USER, said, {"role": "tool", "tool_call_id": "call1", "content": "ok"})
    assert "thinking" not in fake.requests[0]
    assert fake.rejected == []


def turn(number: int, size: int = 10) -> list[Json]:
    thought = {"type": "thinking", "thinking": "x" * size, "signature": f"s{number}"}
    return [thought, {"type": "tool_use", "id": f"toolu_{number}", "name": "f", "input": {}}]


def thinking_after(memory: ThinkingMemory, number: int, caller: str = "c") -> bool:
    call = {"id": f"toolu{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    [made] = memory.restored(caller, "m", [{"role": "assistant", "content": None, "tool_calls": [call]}])
    return bool(made.get("thinking_blocks"))


def test_the_memory_is_bounded_in_turns_and_bytes() -> None:
    few = ThinkingMemory(turns=2)
    small = ThinkingMemory(size_bytes=10_000)
    for number in range(3):
        few.remember("c", "m", turn(number))
        small.remember("c", "m", turn(number, size=4000))
    assert [thinking_after(few, number) for number in range(3)] == [False, True, True]
    assert [thinking_after(small, number) for number in range(3)] == [False, True, True]


def test_the_memory_is_each_callers_own() -> None:
    memory = ThinkingMemory()
    memory.remember("c", "m", turn(1))
    assert (thinking_after(memory, 1), thinking_after(memory, 1, caller="other")) == (True, False)


def test_a_turn_that_the_client_has_changed_keeps_what_it_says() -> None:
    memory = ThinkingMemory()
    memory.remember("c", "m", [{"type": "text", "text": "First."}, *turn(1)])
    call = {"id": "toolu1", "type": "function", "function": {"name": "f", "arguments": '{"new": 1}'}}
    said = {"role": "assistant", "content": "Second.", "tool_calls": [call]}
    [made] = memory.restored("c", "m", [said])
    assert made == {**said, "thinking_blocks": [turn(1)[0]]}


def test_a_turn_nested_too_deeply_is_forgotten_at_once() -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"a": deep}
    memory = ThinkingMemory()
    memory.remember("c", "m", [*turn(1)[:1], {**turn(1)[1], "input": deep}])
    assert not thinking_after(memory, 1)
