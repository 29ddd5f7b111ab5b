"""Claude behind chat completions, against a server that keeps Anthropic's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from gateway_core.model import Usage
from gateway_core.providers.anthropic import AnthropicProvider
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Failure, Raw, Reply
from tests.providers.calls import collect, failure, make_call, text, whole

MODEL = "claude-sonnet-5-5"
TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}


def call(*messages: Any, **more: Any) -> Any:
    return make_call(*messages, model=MODEL, **more)


@pytest.fixture
async def fake() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic() as server:
        yield server


@pytest.fixture
async def claude(fake: FakeAnthropic) -> AsyncIterator[AnthropicProvider]:
    provider = AnthropicProvider(base_url=fake.base_url, api_key=fake.key, first_byte_s=30)
    yield provider
    await provider.close()


async def test_a_stream_becomes_chunks_with_usage_from_the_first_on(
    fake: FakeAnthropic, claude: AnthropicProvider
) -> None:
    fake.script(
        Reply(text="Hello there.", usage={"input_tokens": 20, "output_tokens": 9, "cache_read_input_tokens": 5})
    )
    pieces = await collect(claude, call(temperature=0.2, limit=50))
    assert whole(pieces)["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello there."},
        "finish_reason": "stop",
    }
    assert pieces[0].usage == Usage(20, 1, cache_read_tokens=5)
    assert pieces[-1].usage == Usage(20, 9, cache_read_tokens=5)
    assert pieces[-1].body["usage"]["prompt_tokens"] == 25
    assert (fake.requests[0]["max_tokens"], fake.rejected) == (50, [])


async def test_a_tool_loop_runs_both_ways(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    fake.script(Reply(text="Let me look.", tools=(("read", {"path": "ä.md"}), ("read", {}))), Reply(text="Done."))
    user = {"role": "user", "content": "Read it."}
    first = whole(await collect(claude, call(user, tools=[TOOL])))["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    assert json.loads(first["message"]["tool_calls"][0]["function"]["arguments"]) == {"path": "ä.md"}
    results = [
        {"role": "tool", "tool_call_id": made["id"], "content": "text"} for made in first["message"]["tool_calls"]
    ]
    assert await text(claude, call(user, first["message"], *results, tools=[TOOL], stream=False)) == "Done."
    assert fake.rejected == []


async def test_a_whole_answer_arrives_in_one_piece(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    fake.script(Reply(text="Hi", reasoning="hm", stop="max_tokens"))
    [piece] = await collect(claude, call(stream=False, max_tokens=7))
    choice = piece.body["choices"][0]
    assert (choice["message"]["reasoning_content"], choice["finish_reason"]) == ("hm", "length")
    assert piece.usage is not None
    assert (fake.requests[0]["max_tokens"], "stream" in fake.requests[0]) == (7, False)


async def test_the_environments_credentials_are_not_used(fake: FakeAnthropic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-somebody-else")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "also-theirs")
    provider = AnthropicProvider(base_url=fake.base_url, api_key=fake.key)
    await text(provider, call())
    assert "else" not in str(fake.headers)
    assert "theirs" not in str(fake.headers)
    await provider.close()


async def test_a_connection_is_used_again(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    for stream in (True, True, False):
        await collect(claude, call(stream=stream))
    assert len(set(fake.peers)) == 1


async def test_closing_the_answer_stops_the_upstream(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    fake.script(Reply(stall_after=4))
    async with aclosing(claude.send(call())) as pieces:
        await anext(pieces)
    async with asyncio.timeout(2):
        await fake.wait_for_disconnects(1)


@pytest.mark.parametrize(
    ("step", "kind", "begun"),
    [
        (Reply(drop_after=0), "connect", False),
        (Reply(drop_after=5), "connect", True),
        (Reply(end_after=5), "protocol", True),
        (Reply(end_after=9), "protocol", True),
        (Reply(error_after=5), "protocol", True),
        (Reply(error_after=0), "protocol", False),
        (Raw(b"<html></html>"), "protocol", False),
        (Raw(b"event: message_start\ndata: {oops\n\n", content_type="text/event-stream"), "protocol", False),
        (Raw(b"event: x\ndata: \xff\n\n", content_type="text/event-stream"), "protocol", False),
        (Raw(b"", content_type="text/event-stream"), "protocol", False),
    ],
)
async def test_success_is_only_what_message_stop_ends(
    fake: FakeAnthropic, claude: AnthropicProvider, step: Any, kind: str, begun: bool
) -> None:
    fake.script(step)
    error, pieces = await failure(claude, call())
    assert (error.kind, bool(pieces), error.sent) == (kind, begun, True)
    assert fake.calls == 1


async def test_a_stream_that_stalls_is_a_timeout(fake: FakeAnthropic) -> None:
    impatient = AnthropicProvider(base_url=fake.base_url, api_key=fake.key, idle_s=0.3)
    fake.script(Reply(stall_after=5))
    error, pieces = await failure(impatient, call())
    assert (error.kind, error.retryable, bool(pieces)) == ("timeout", False, True)
    await impatient.close()


@pytest.mark.parametrize(
    "step",
    [
        Raw(b"<html></html>"),
        Raw(b"{}", content_type="application/json"),
        Raw(b'{"type": "error", "error": {"type": "overloaded_error"}}', content_type="application/json"),
    ],
)
async def test_a_whole_answer_that_is_no_message_is_an_error(
    fake: FakeAnthropic, claude: AnthropicProvider, step: Raw
) -> None:
    fake.script(step)
    error, _ = await failure(claude, call(stream=False))
    assert error.kind == "protocol"


@pytest.mark.parametrize(
    ("step", "status", "retryable", "code"),
    [
        (Failure(529, "Overloaded"), 529, True, None),
        (Failure(429, "Number of requests", headers={"Retry-After": "3"}), 429, True, None),
        (Failure(400, "prompt is too long: 210000 tokens > 200000 maximum"), 400, False, "context_length_exceeded"),
        (Failure(400, "Your credit balance is too low to access the API"), 400, False, None),
        (Failure(400, "messages: bad"), 400, False, "invalid_request"),
        (Failure(404, "model: claude-x"), 404, False, "model_not_found"),
        (Failure(500), 500, True, None),
    ],
)
async def test_error_statuses_say_what_to_do(
    fake: FakeAnthropic, claude: AnthropicProvider, step: Failure, status: int, retryable: bool, code: str | None
) -> None:
    fake.script(step)
    error, _ = await failure(claude, call())
    assert (error.kind, error.status, error.retryable, error.code) == ("status", status, retryable, code)
    assert "credit" not in error.message


async def test_a_wrong_key_names_the_setting(fake: FakeAnthropic) -> None:
    provider = AnthropicProvider(base_url=fake.base_url, api_key="sk-ant-wrong-0123")
    error, _ = await failure(provider, call())
    assert error.message == "anthropic did not accept the gateway's key. Check ANTHROPIC_API_KEY."
    assert (await provider.check()).state == "down"
    await provider.close()


async def test_what_claude_cannot_take_is_never_sent(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    audio = {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}
    error, _ = await failure(claude, call(audio))
    assert (error.code, error.sent, fake.requests) == ("invalid_request", False, [])


async def test_a_check_asks_for_the_models(fake: FakeAnthropic, claude: AnthropicProvider) -> None:
    status = await claude.check()
    assert (status.name, status.state, status.simulated) == ("anthropic", "ok", False)
    assert (await AnthropicProvider(base_url=fake.base_url).check()).state == "no_key"
