"""What comes at once goes out at once, to callers of every protocol, and no word waits for the next."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Raw, Reply
from tests.http.inside import Client, chat_body, client, with_claude, with_groq

WORDS = [f"word{number} " for number in range(200)]
GROQ_MODEL = "openai/gpt-oss-120b"
MOST_WRITES = 8
"""Of the 200 words: the network may cut a burst, and a stream has an end of its own."""
MESSAGES = {"model": "gateway-cheap", "max_tokens": 2000, "messages": [{"role": "user", "content": "Count."}]}


def burst(events: list[Any]) -> Raw:
    data = "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)
    return Raw(data.encode(), content_type="text/event-stream")


def chunks() -> Raw:
    def chunk(delta: Any, finish: str | None = None) -> Any:
        return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    return burst([*(chunk({"content": word}) for word in WORDS), chunk({}, "stop"), "[DONE]"])


def claudes() -> Raw:
    start = {"type": "message_start", "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 9}}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    words = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS
    ]
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}}
    stop = {"type": "content_block_stop", "index": 0}
    return burst([start, block, *words, stop, ending, {"type": "message_stop"}])


@contextmanager
def counted_writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of what the gateway writes of its streams."""
    sizes: list[int] = []
    write = web.StreamResponse.write

    async def counting(self: web.StreamResponse, data: Any) -> None:
        if self.headers.get("x-llmgw-request-id"):
            sizes.append(len(data))
        await write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(web.StreamResponse, "write", counting)
        yield sizes


async def answer_of(llmgw: Client, path: str, body: Any) -> str:
    async with llmgw.http.post(path, json={**body, "stream": True}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {**chat_body("Count."), "model": "gateway-cheap"}),
        ("/v1/messages", MESSAGES),
        ("/v1/responses", {"model": "gateway-cheap", "input": "Count."}),
    ],
)
async def test_a_burst_of_chunks_is_written_in_few_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: Any
) -> None:
    async with FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as groq, client(tmp_path, **with_groq(groq)) as llmgw:
        groq.script(chunks())
        with counted_writes(monkeypatch) as sizes:
            text = await answer_of(llmgw, path, body)
    assert all(word in text for word in WORDS)
    assert 1 <= len(sizes) <= MOST_WRITES


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", chat_body("Count.")),
        ("/v1/messages", {**MESSAGES, "model": "gateway-premium"}),
    ],
)
async def test_a_burst_of_claudes_events_is_written_in_few_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: Any
) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(claudes())
        with counted_writes(monkeypatch) as sizes:
            text = await answer_of(llmgw, path, body)
    assert all(word in text for word in WORDS)
    assert 1 <= len(sizes) <= MOST_WRITES


async def test_a_word_is_sent_while_the_next_one_has_not_come(tmp_path: Path) -> None:
    async with FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as groq, client(tmp_path, **with_groq(groq)) as llmgw:
        groq.script(Reply(text="Hello there, you.", stall_after=3))
        body = chat_body("Hello.", stream=True, model="gateway-cheap")
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            seen = b""
            async with asyncio.timeout(10):
                while b"there" not in seen:
                    seen += await answer.content.readany()
    assert b"you" not in seen and b"[DONE]" not in seen
