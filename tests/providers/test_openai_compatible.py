"""OpenAI-compatible upstreams: what is sent, what comes back, and every way it can go wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import Reason, Usage
from gateway_core.providers.openai_compatible import OpenAICompatible
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Raw, Reply
from tests.providers.calls import collect, failure, make_call, text, whole

CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SSE = "text/event-stream"


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(kind="ollama") as server:
        yield server


@pytest.fixture
async def ollama(fake: FakeOpenAI) -> AsyncIterator[OpenAICompatible]:
    provider = OpenAICompatible(name="local", kind="ollama", base_url=fake.base_url, free=True, first_byte_s=30)
    yield provider
    await provider.close()


def recorded(*lines: str) -> Raw:
    return Raw("".join(f"{line}\n\n" for line in lines).encode(), content_type=SSE)


def chunk(delta: Any, finish: Any = None, **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return "data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice], **more})


async def test_a_stream_arrives_chunk_by_chunk_with_usage_though_nobody_asked(
    fake: FakeOpenAI, ollama: OpenAICompatible
) -> None:
    fake.script(Reply(text="Hello there, you.", usage={"prompt_tokens": 11, "completion_tokens": 4}))
    pieces = await collect(ollama, make_call())
    assert len(pieces) == 6
    assert whole(pieces)["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello there, you."},
        "finish_reason": "stop",
    }
    assert [piece.usage for piece in pieces] == [None] * 5 + [Usage(11, 4)]
    assert fake.requests[0]["stream_options"] == {"include_usage": True}


async def test_a_whole_answer_arrives_in_one_piece(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    fake.script(Reply(text="Hi", tools=(("f", {"a": 1}),), reasoning="hm"))
    [piece] = await collect(ollama, make_call(stream=False, stream_options={"include_usage": True}))
    message = piece.body["choices"][0]["message"]
    assert (message["content"], message["reasoning"]) == ("Hi", "hm")
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert piece.usage is not None
    assert "stream_options" not in fake.requests[0]


async def test_streamed_tool_calls_arrive_in_pieces(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    fake.script(Reply(text="", tools=(("read", {"path": "AGENTS.md", "limit": 3}), ("list", {}))))
    message = whole(await collect(ollama, make_call()))["choices"][0]["message"]
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["read", "list"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"path": "AGENTS.md", "limit": 3}


async def test_the_body_fits_ollama_and_everything_else_passes(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    assistant = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    tool = {"role": "tool", "tool_call_id": "a", "content": "x", "cache_control": {"type": "ephemeral"}}
    call = make_call(assistant, tool, max_completion_tokens=100, limit=40, keep_alive=5, tools=[], seed=1)
    await collect(ollama, call)
    [sent] = fake.requests
    assert sent == {
        "model": "fake-model",
        "messages": [{**assistant, "content": ""}, tool],
        "stream": True,
        "stream_options": {"include_usage": True},
        "keep_alive": 5,
        "tools": [],
        "seed": 1,
        "max_tokens": 40,
    }
    assert call.request.body["messages"][0]["content"] is None
    assert call.request.body["max_completion_tokens"] == 100


@pytest.mark.parametrize(
    ("kind", "free", "given", "limit", "sent"),
    [
        ("ollama", True, {"max_completion_tokens": 9}, None, {"max_tokens": 9}),
        ("llama.cpp", True, {"max_tokens": 9}, None, {"max_tokens": 9, "max_completion_tokens": 9}),
        ("openai", True, {"max_tokens": 9}, None, {"max_tokens": 9, "max_completion_tokens": 9}),
        ("openai", False, {"max_tokens": 9}, 100, {"max_completion_tokens": 9}),
        ("openai", False, {}, 100, {"max_completion_tokens": 100}),
        ("groq", False, {"max_tokens": 900, "max_completion_tokens": 500}, 100, {"max_completion_tokens": 100}),
        ("groq", False, {}, None, {}),
    ],
)
def test_output_limits_are_named_as_the_server_knows_them(
    kind: str, free: bool, given: dict[str, Any], limit: int | None, sent: dict[str, int]
) -> None:
    provider = OpenAICompatible(name="x", kind=kind, base_url="http://127.0.0.1:1/v1", free=free)
    body = provider.adapt(make_call(limit=limit, **given))
    assert {name: value for name, value in body.items() if name.startswith("max_")} == sent


def test_strict_servers_are_spared_the_fields_of_other_protocols() -> None:
    provider = OpenAICompatible(name="groq", kind="groq", base_url="http://127.0.0.1:1/v1", api_key="k")
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    call = make_call(
        {"role": "user", "content": [part]},
        {"role": "assistant", "content": "y", "reasoning_content": "z"},
        prompt_cache_key="session",
    )
    body = provider.adapt(call)
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "y"},
    ]
    assert "prompt_cache_key" not in body
    assert "cache_control" in part


async def test_the_key_goes_with_the_request_and_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with FakeOpenAI(key="gsk_0123456789") as fake:
        groq = OpenAICompatible(name="groq", kind="groq", base_url=fake.base_url, api_key="gsk_0123456789")
        assert await text(groq, make_call()) == "Hello from the fake."
        assert fake.headers[0]["authorization"] == "Bearer gsk_0123456789"
        assert not [name for name in fake.headers[0] if name.startswith("openai-")]
        assert fake.headers[0]["accept-encoding"] == "identity"
        await groq.close()


async def test_only_cloud_connections_are_used_again(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    """llama.cpp closes a connection after a stream without a word: a second request on it would be lost."""
    groq = OpenAICompatible(name="groq", kind="groq", base_url=fake.base_url, api_key="k")
    for stream in (True, True, False):
        await collect(groq, make_call(stream=stream))
    assert len(set(fake.peers)) == 1
    for stream in (True, True, False):
        await collect(ollama, make_call(stream=stream))
    assert len(set(fake.peers)) == 4
    await groq.close()


async def test_closing_the_answer_stops_the_upstream(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    fake.script(Reply(stall_after=2))
    async with aclosing(ollama.send(make_call())) as pieces:
        await anext(pieces)
    async with asyncio.timeout(2):
        await fake.wait_for_disconnects(1)


async def test_cancelling_the_caller_stops_the_upstream(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    fake.script(Reply(before_s=30))
    task = asyncio.create_task(collect(ollama, make_call()))
    await fake.wait_for_requests(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(2):
        await fake.wait_for_disconnects(1)


async def test_ollama_may_end_a_whole_answer_without_a_finish_reason(
    fake: FakeOpenAI, ollama: OpenAICompatible
) -> None:
    fake.script(recorded(chunk({"role": "assistant", "content": "Hi"}), chunk({}), "data: [DONE]"))
    assert whole(await collect(ollama, make_call()))["choices"][0]["finish_reason"] is None


async def test_llama_cpp_pings_and_opens_with_null(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    lines = [":", ":", chunk({"role": "assistant", "content": None}), chunk({"content": "The"}), chunk({}, "stop")]
    fake.script(recorded(*lines, 'data: {"choices": [], "usage": {"prompt_tokens": 37, "completion_tokens": 1}}'))
    pieces = await collect(ollama, make_call())
    assert whole(pieces)["choices"][0]["message"]["content"] == "The"
    assert pieces[-1].usage == Usage(37, 1)


async def test_usage_is_told_where_it_was_reported(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    early = chunk({"role": "assistant"}, usage={"prompt_tokens": 37, "completion_tokens": 1})
    fake.script(recorded(early, chunk({"content": "The"}), chunk({}, "stop"), "data: [DONE]"))
    assert [piece.usage for piece in await collect(ollama, make_call())] == [Usage(37, 1), None, None]


async def test_a_whole_answer_to_a_stream_is_streamed(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    message = {"role": "assistant", "content": "All at once."}
    body = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    fake.script(Raw(json.dumps(body).encode(), content_type="application/json; charset=utf-8"))
    assert whole(await collect(ollama, make_call()))["choices"][0]["message"] == message


async def test_an_answer_is_whole_once_it_has_its_finish_reason(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    impatient = OpenAICompatible(name="local", kind="ollama", base_url=fake.base_url, idle_s=2)
    fake.script(Reply(text="one two", drop_after=4), Reply(text="one two", stall_after=5))
    for provider in (ollama, impatient):
        assert await text(provider, make_call()) == "one two"
    await impatient.close()


@pytest.mark.parametrize(
    ("step", "kind", "begun"),
    [
        (Reply(drop_after=0), "connect", False),
        (Reply(drop_after=3), "connect", True),
        (Reply(end_after=3), "protocol", True),
        (Reply(end_after=0), "protocol", False),
        (Reply(error_after=3), "protocol", True),
        (Reply(error_after=0), "protocol", False),
        (recorded('data: {"error": "model runner has unexpectedly stopped"}'), "protocol", False),
        (recorded("data: [DONE]"), "protocol", False),
        (recorded("data: {broken"), "protocol", False),
        (recorded("data: [1]"), "protocol", False),
        (Raw(b"data: \xff\xfe\n\n", content_type=SSE), "protocol", False),
        (Raw(b"data: " + b"x" * 5_000_000 + b"\n\n", content_type=SSE), "protocol", False),
        (Raw(b"<html><h1>Welcome</h1></html>"), "protocol", False),
        (Raw(b""), "protocol", False),
        (Raw(b"", content_type="application/json"), "protocol", False),
        (Raw(b'{"error": {"message": "no"}}', content_type="application/json"), "protocol", False),
        (Raw(b'"just text"', content_type="application/json"), "protocol", False),
        (Raw(b'{"choices": null}', content_type="application/json"), "protocol", False),
    ],
)
async def test_a_stream_that_breaks_is_an_error(
    fake: FakeOpenAI, ollama: OpenAICompatible, step: Any, kind: str, begun: bool
) -> None:
    fake.script(step)
    error, pieces = await failure(ollama, make_call())
    assert (error.kind, bool(pieces), error.sent) == (kind, begun, True)
    assert error.message.startswith("local ")
    assert "<" not in error.message
    assert fake.calls == 1


@pytest.mark.parametrize(
    "step",
    [
        Raw(b"<html></html>"),
        Raw(b""),
        Raw(b"{", content_type="application/json"),
        Raw(b'{"choices": [{"index": 0}]}', content_type="application/json"),
        Raw(b'{"error": "unexpected EOF"}', content_type="application/json"),
    ],
)
async def test_a_whole_answer_that_is_none_is_an_error(fake: FakeOpenAI, ollama: OpenAICompatible, step: Raw) -> None:
    fake.script(step)
    error, pieces = await failure(ollama, make_call(stream=False))
    assert (error.kind, pieces) == ("protocol", [])


async def test_a_stream_that_stalls_is_a_timeout(fake: FakeOpenAI) -> None:
    impatient = OpenAICompatible(name="local", kind="ollama", base_url=fake.base_url, idle_s=0.3)
    fake.script(Reply(stall_after=3))
    error, pieces = await failure(impatient, make_call())
    assert (error.kind, error.retryable, bool(pieces)) == ("timeout", False, True)
    await impatient.close()


async def test_no_headers_in_time_is_a_timeout(fake: FakeOpenAI) -> None:
    provider = OpenAICompatible(name="groq", kind="groq", base_url=fake.base_url, api_key="k", first_byte_s=0.2)
    fake.script(Reply(before_s=30))
    error, _ = await failure(provider, make_call())
    assert (error.kind, error.retryable, error.message) == ("timeout", True, "groq did not answer within 0.2 s.")
    await provider.close()


async def test_a_slow_beginning_has_the_whole_time_to_the_first_word(fake: FakeOpenAI) -> None:
    """LM Studio sends a chunk with the role, then reads the prompt for minutes."""
    provider = OpenAICompatible(name="local", kind="lmstudio", base_url=fake.base_url, first_byte_s=30, idle_s=0.05)
    fake.script(Reply(text="word", between_s=0.2))
    error, pieces = await failure(provider, make_call())
    assert error.message == "local sent nothing for 0.05 s."
    assert len(pieces) == 2
    await provider.close()


async def test_redirects_are_not_followed(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    async with FakeOpenAI() as elsewhere:
        fake.script(Raw(status=307, headers={"Location": elsewhere.base_url + "/chat/completions"}))
        error, _ = await failure(ollama, make_call())
        assert (error.status, error.retryable) == (307, False)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("step", "retryable", "code"),
    [
        (Failure(500), True, None),
        (Failure(503, "server busy, please try again"), True, None),
        (Failure(429, headers={"Retry-After": "7"}), True, None),
        (Failure(429, "You exceeded your current quota", code="insufficient_quota"), False, None),
        (Failure(400, "This model's maximum context length is 8192 tokens"), False, "context_length_exceeded"),
        (Failure(400, "tools are not supported; timeout"), False, "invalid_request"),
        (Failure(413), False, "context_length_exceeded"),
        (Failure(401), False, None),
        (Failure(403), False, None),
        (Failure(500, headers={"x-should-retry": "false"}), False, None),
    ],
)
async def test_error_statuses_say_what_to_do(
    fake: FakeOpenAI, ollama: OpenAICompatible, step: Failure, retryable: bool, code: str | None
) -> None:
    fake.script(step)
    error, _ = await failure(ollama, make_call())
    assert (error.kind, error.retryable, error.code) == ("status", retryable, code)
    assert "timeout" not in error.message
    assert fake.calls == 1
    assert error.retry_after_s == (7.0 if step.headers.get("Retry-After") else None)


async def test_an_endless_error_page_is_cut(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    fake.script(Raw(b"<html>" + b"x" * 100_000, status=502, stall=True))
    error, _ = await failure(ollama, make_call())
    assert (error.status, error.message) == (502, "local failed (502).")
    async with asyncio.timeout(2):
        await fake.wait_for_disconnects(1)


async def test_a_server_that_is_not_there_was_never_asked(ollama: OpenAICompatible) -> None:
    nobody = OpenAICompatible(name="local", kind="ollama", base_url="http://user:secret@127.0.0.1:1/v1")
    error, _ = await failure(nobody, make_call())
    assert (error.kind, error.sent, error.retryable) == ("connect", False, True)
    assert error.message == "local is not reachable at http://127.0.0.1:1/v1. Is it running?"
    status = await nobody.check()
    assert (status.state, status.base_url) == ("down", "http://127.0.0.1:1/v1")
    await nobody.close()


async def test_a_password_in_the_url_goes_into_a_header(fake: FakeOpenAI) -> None:
    provider = OpenAICompatible(name="local", kind="ollama", base_url=fake.base_url.replace("//", "//me:p%40ss@"))
    assert await text(provider, make_call()) == "Hello from the fake."
    assert fake.headers[0]["authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    await provider.close()


async def test_a_check_asks_for_the_models(fake: FakeOpenAI, ollama: OpenAICompatible) -> None:
    status = await ollama.check()
    assert (status.name, status.kind, status.state, status.detail) == ("local", "ollama", "ok", "")
    assert fake.requests == []
    keyless = OpenAICompatible(name="groq", kind="groq", base_url=fake.base_url)
    assert (await keyless.check()).state == "no_key"


async def test_a_check_finds_a_wrong_key() -> None:
    async with FakeOpenAI(key="right-key-1234") as fake:
        groq = OpenAICompatible(name="groq", kind="groq", base_url=fake.base_url, api_key="wrong-key-1234")
        status = await groq.check()
        assert (status.state, status.detail) == (
            "down",
            "groq did not accept the gateway's key. Check GROQ_API_KEY.",
        )
        await groq.close()


# --- prompts that a server cuts --------------------------------------------------------------------------------------

LONG = {"role": "user", "content": "All work and no play makes Jack a dull boy. " * 550}
"""About 6,000 tokens."""


@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer_to_a_cut_prompt_is_none_and_is_charged(
    fake: FakeOpenAI, ollama: OpenAICompatible, stream: bool
) -> None:
    """A server may answer a stream whole, too: nothing of it has been seen yet."""
    completion = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Nonsense."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2050, "completion_tokens": 4},
    }
    fake.script(Raw(json.dumps(completion).encode(), content_type="application/json"))
    remarks: list[Reason] = []
    error, pieces = await failure(ollama, replace(make_call(LONG, stream=stream), remark=remarks.append))
    assert (error.code, error.kind, error.sent, error.retryable) == ("context_length_exceeded", "protocol", True, False)
    assert pieces == [] and "2,050 of at least 5,5" in error.message
    assert [remark.step for remark in remarks] == ["prompt cut"]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 6075},
        {"prompt_tokens": 6075, "prompt_tokens_details": {"cached_tokens": 6000}},
        {"prompt_tokens": 40},
        {"prompt_tokens": 0},
        {"prompt_tokens": None},
    ],
)
async def test_no_other_count_is_taken_for_a_cut(
    fake: FakeOpenAI, ollama: OpenAICompatible, usage: dict[str, Any]
) -> None:
    fake.script(Reply(usage=usage))
    remarks: list[Reason] = []
    assert await text(ollama, replace(make_call(LONG), remark=remarks.append)) == "Hello from the fake."
    assert remarks == []
