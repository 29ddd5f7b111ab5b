"""Anthropic's SDK as a client of the gateway, to every kind of upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, client, with_claude, with_groq

TOOL: Any = {
    "name": "read",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
HELLO: Any = [{"role": "user", "content": "Say hello to Köln."}]


def sdk_of(llmgw: Client) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        api_key=KEY,
        base_url=llmgw.gateway.address,
        max_retries=0,
        default_headers={"x-llmgw-cache": "bypass"},
        http_client=anthropic.DefaultAioHttpClient(trust_env=False),
        open_telemetry=False,
    )


@asynccontextmanager
async def sdk(data_dir: Path, **more: Any) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with client(data_dir, **more) as llmgw, sdk_of(llmgw) as made:
        yield made


async def streamed(made: anthropic.AsyncAnthropic, **more: Any) -> tuple[list[Any], anthropic.types.Message]:
    """The events of a stream, checked to be legal, and the message that the SDK makes of them."""
    raw = await made.messages.create(**{"max_tokens": 500, "messages": HELLO, **more}, stream=True)
    events = [event async for event in raw]
    legal(events)
    async with made.messages.stream(**{"max_tokens": 500, "messages": HELLO, **more}) as stream:
        return events, await stream.get_final_message()


def legal(events: list[Any]) -> None:
    """Holds the order of events against the protocol: start, blocks one after the other, delta, stop."""
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("message_start") == kinds.count("message_stop") == 1
    index, opened = -1, False
    for event in events[1:-2]:
        if event.type == "content_block_start":
            assert not opened
            index, opened = index + 1, True
        elif event.type == "content_block_stop":
            assert opened
            opened = False
        else:
            assert event.type == "content_block_delta" and opened
        assert event.index == index
    assert not opened


def cost_of(usage: Any) -> float:
    return float(usage.to_dict()["cost"])


async def test_claude_answers_a_messages_caller_in_its_own_words(tmp_path: Path) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 50, "new_counter": 7}
    answer = Reply("Hallo!", reasoning="hm", usage=usage)
    async with FakeAnthropic(default=answer) as fake, sdk(tmp_path, **with_claude(fake)) as made:
        whole = await made.messages.create(model="claude-sonnet-5-5", max_tokens=500, messages=HELLO)
        events, message = await streamed(made, model="claude-sonnet-5-5")
    assert [block.type for block in whole.content] == ["thinking", "text"] == [block.type for block in message.content]
    assert (whole.content[0].signature, whole.id) == ("sig1", "msg_fake0001")  # type: ignore[union-attr]
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (1000, 50)
    assert whole.usage.to_dict()["new_counter"] == 7
    assert cost_of(whole.usage) == cost_of(events[-2].usage) > 0
    assert fake.requests[0] == {"model": "claude-sonnet-5-5", "max_tokens": 500, "messages": HELLO}
    assert fake.rejected == []


async def test_another_model_answers_a_messages_caller(tmp_path: Path) -> None:
    answer = Reply("Hallo!", reasoning="Let me see.", tools=(("read", {"path": "ä.md"}), ("read", {"path": "b"})))
    groq = FakeOpenAI(key="gsk-fake", default=answer)
    async with groq, sdk(tmp_path, cheap_model="fake-model", **with_groq(groq)) as made:
        whole = await made.messages.create(
            model="gateway-cheap", max_tokens=500, messages=HELLO, tools=[TOOL], system="Be kind."
        )
        events, message = await streamed(made, model="gateway-cheap", tools=[TOOL])
    for answered in (whole, message):
        kinds = [block.type for block in answered.content]
        assert kinds == ["thinking", "text", "tool_use", "tool_use"]
        assert [block.input for block in answered.content[2:]] == [{"path": "ä.md"}, {"path": "b"}]  # type: ignore[union-attr]
        assert (answered.stop_reason, answered.model) == ("tool_use", "fake-model")
        assert answered.usage.input_tokens > 0
    assert cost_of(whole.usage) > 0
    assert cost_of(events[-2].usage) > 0
    assert events[0].message.usage.input_tokens > 0
    sent = groq.requests[0]
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["tools"][0]["function"]["parameters"] == TOOL["input_schema"]
    assert "thinking" not in sent


async def test_a_tier_gets_its_thinking_back_from_a_caller_that_drops_it(tmp_path: Path) -> None:
    """As OpenClaw does over Messages where the model's name is not Claude's; it drops underscores from ids, too."""
    asked: Any = {"model": "gateway-premium", "max_tokens": 500, "tools": [TOOL], "thinking": {"type": "adaptive"}}
    look = Reply(text="I look.", reasoning="Hm.", tools=(("read", {"path": "a"}),))
    async with FakeAnthropic(default=Reply(text="Plum.")) as claude, sdk(tmp_path, **with_claude(claude)) as made:
        for said, thinks in (("I look.", True), ("I looked.", False)):
            claude.script(look)
            first = await made.messages.create(**asked, messages=HELLO)
            call = first.content[-1].model_copy(update={"id": first.content[-1].id.replace("_", "")})
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "ok"}
            back: Any = [
                *HELLO,
                {"role": "assistant", "content": [{"type": "text", "text": said}, call]},
                {"role": "user", "content": [result]},
            ]
            await made.messages.create(**asked, messages=back)
            sent = claude.requests[-1]["messages"][1]["content"]
            thought = {"type": "thinking", "thinking": "Hm.", "signature": f"sig{len(claude.requests) - 1}"}
            assert (sent[0] == thought) is thinks
            assert [block["type"] for block in sent[-2:]] == ["text", "tool_use"]
            assert sent[-1]["id"] == call.id
            named = {**asked, "model": claude.requests[-1]["model"]}
            await made.messages.create(**named, messages=back)
            assert claude.requests[-1]["messages"][1]["content"][0]["type"] == "text", "its own words stand"
    assert claude.rejected == []
