"""What an upstream sends at once is handed on at once, and what came before a failure is not lost with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.base import MOST_AT_ONCE, Piece, Provider, UpstreamError
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.wire.openai_chat import finish_reason, text_of
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Raw
from tests.providers.calls import make_call

WORDS = [f"word{number} " for number in range(200)]


@pytest.fixture
async def openai() -> AsyncIterator[tuple[FakeOpenAI, OpenAICompatible]]:
    async with FakeOpenAI(kind="openai") as fake:
        provider = OpenAICompatible(name="local", kind="ollama", base_url=fake.base_url, free=True)
        yield fake, provider
        await provider.close()


@pytest.fixture
async def claude() -> AsyncIterator[tuple[FakeAnthropic, AnthropicProvider]]:
    async with FakeAnthropic() as fake:
        provider = AnthropicProvider(base_url=fake.base_url, api_key=fake.key)
        yield fake, provider
        await provider.close()


def stream(*events: Any) -> Raw:
    """The events in one piece."""
    data = "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)
    return Raw(data.encode(), content_type="text/event-stream")


def chunk(delta: Any, finish: str | None = None) -> Any:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CHUNKS = [chunk({"content": word}) for word in WORDS]
EVENTS: list[Any] = [
    {"type": "message_start", "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 9}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
]


async def batches_of(provider: Provider) -> tuple[list[list[Piece]], UpstreamError | None]:
    """What came, each batch by itself, and what ended it."""
    got: list[list[Piece]] = []
    try:
        async for batch in provider.send(make_call(limit=1000)):
            got.append(list(batch))
    except UpstreamError as error:
        return got, error
    return got, None


def text(batches: list[list[Piece]]) -> str:
    return "".join(text_of(piece.body) for batch in batches for piece in batch)


async def test_a_burst_of_chunks_is_a_few_batches(openai: tuple[FakeOpenAI, OpenAICompatible]) -> None:
    fake, provider = openai
    fake.script(stream(*CHUNKS, chunk({}, "stop"), "[DONE]"))
    batches, error = await batches_of(provider)
    assert error is None and text(batches) == "".join(WORDS)
    assert 1 <= len(batches) <= 4 and all(batches)


async def test_others_have_their_turn_within_a_large_burst(openai: tuple[FakeOpenAI, OpenAICompatible]) -> None:
    fake, provider = openai
    fake.script(stream(*CHUNKS * 5, chunk({}, "stop"), "[DONE]"))
    batches, error = await batches_of(provider)
    assert error is None and text(batches) == "".join(WORDS * 5)
    assert max(map(len, batches)) <= MOST_AT_ONCE


async def test_a_burst_of_claudes_events_is_a_few_batches(claude: tuple[FakeAnthropic, AnthropicProvider]) -> None:
    fake, provider = claude
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}}
    fake.script(stream(*EVENTS, {"type": "content_block_stop", "index": 0}, ending, {"type": "message_stop"}))
    batches, error = await batches_of(provider)
    assert error is None and text(batches) == "".join(WORDS)
    assert 1 <= len(batches) <= 4 and finish_reason(batches[-1][-2].body) == "stop"


@pytest.mark.parametrize("broken", [{"error": {"message": "overloaded"}}, "{broken", "[1]"])
async def test_chunks_that_came_with_an_error_come_before_it(
    openai: tuple[FakeOpenAI, OpenAICompatible], broken: Any
) -> None:
    fake, provider = openai
    fake.script(stream(*CHUNKS, broken, chunk({"content": "never"})))
    batches, error = await batches_of(provider)
    assert error is not None and text(batches) == "".join(WORDS)


@pytest.mark.parametrize("broken", [{"type": "error", "error": {"type": "overloaded_error"}}, "{broken"])
async def test_claudes_events_that_came_with_an_error_come_before_it(
    claude: tuple[FakeAnthropic, AnthropicProvider], broken: Any
) -> None:
    fake, provider = claude
    fake.script(stream(*EVENTS, broken))
    batches, error = await batches_of(provider)
    assert error is not None and text(batches) == "".join(WORDS)


async def test_what_follows_the_end_in_the_same_burst_is_nothing(openai: tuple[FakeOpenAI, OpenAICompatible]) -> None:
    fake, provider = openai
    fake.script(stream(*CHUNKS, chunk({}, "stop"), "[DONE]", chunk({"content": "never"}), "{broken"))
    batches, error = await batches_of(provider)
    assert error is None and text(batches) == "".join(WORDS)
