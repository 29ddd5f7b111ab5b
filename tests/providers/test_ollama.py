"""Ollama by its own API: what is asked for, what comes back, and every way it can go wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from gateway_core.events import Event
from gateway_core.model import JsonObject, Reason, Usage
from gateway_core.ollama.manager import LocalModels
from gateway_core.providers.base import UpstreamCall
from gateway_core.providers.ollama import Ollama
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.wire.openai_chat import text_of
from tests.fakes.ollama import DATA, FakeOllama, recording
from tests.fakes.script import Failure, Raw, Reply
from tests.ollama.support import running, settings
from tests.providers.calls import collect, failure, make_call, text, whole

MODEL = "m:1b"
NDJSON = "application/x-ndjson"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
LONG = {"role": "user", "content": "All work and no play makes Jack a dull boy. " * 550}
"""About 6,000 tokens."""


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as server:
        server.add(MODEL, trained=131_072, capabilities=("completion", "tools", "thinking"))
        server.add("plain:1b", trained=8192)
        yield server


def ignore(_: Event) -> None:
    pass


@pytest.fixture
async def local(fake: FakeOllama) -> AsyncIterator[LocalModels]:
    configured = settings(fake.base_url, local_context_tokens=65_536)
    async with running(LocalModels(configured, ignore, poll_s=3600.0)) as started:
        yield started


def make(fake: FakeOllama, local: LocalModels, patience_s: float = 60.0) -> Ollama:
    compatible = OpenAICompatible(
        name="local", kind="ollama", base_url=fake.base_url, free=True, contexts=local.contexts
    )
    return Ollama(
        compatible,
        local.contexts,
        lambda model: local.supports(model, "thinking"),
        first_byte_s=patience_s,
        idle_s=patience_s,
    )


@pytest.fixture
async def ollama(fake: FakeOllama, local: LocalModels) -> AsyncIterator[Ollama]:
    provider = make(fake, local)
    yield provider
    await provider.close()


def call_for(*messages: JsonObject, model: str = MODEL, **more: object) -> UpstreamCall:
    return make_call(*messages, model=model, free=True, **more)  # type: ignore[arg-type]


def heard(call: UpstreamCall) -> tuple[UpstreamCall, list[Reason]]:
    """The call, and a list that fills with what is remarked on it."""
    remarks: list[Reason] = []
    return replace(call, remark=remarks.append), remarks


def lines_of(name: str) -> bytes:
    text = (DATA / f"{name}.ndjson").read_text("utf-8")
    return "".join(line.partition("\t")[2] + "\n" for line in text.splitlines()).encode()


def recorded_error(name: str) -> Raw:
    exchange = recording(name)
    return Raw(exchange["body"].encode(), exchange["status"], "application/json")


# --- answers -----------------------------------------------------------------------------------------------------


async def test_a_stream_arrives_line_by_line_with_its_counts(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Reply("Hello there, you.", reasoning="Who? Me.", usage={"prompt_eval_count": 11}))
    pieces = await collect(ollama, call_for(reasoning_effort="high"))
    message = whole(pieces)["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hello there, you.", "Who? Me.")
    assert len(pieces) == 6 and pieces[-1].usage == Usage(11, 3)


async def test_a_whole_answer_is_one_completion(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Reply("Look.", tools=(("f", {"a": "é"}),)))
    (piece,) = await collect(ollama, call_for(stream=False, tools=[TOOL]))
    choice = piece.body["choices"][0]
    assert piece.body["object"] == "chat.completion" and piece.usage
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"a": "é"}
    assert fake.chats[0]["stream"] is True, "a stream shows that Ollama is at work"


async def test_two_answers_never_share_the_id_of_a_tool_call(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(*[Reply("", tools=(("f", {}), ("f", {})))] * 2)
    ids = {
        made["id"]
        for _ in range(2)
        for made in whole(await collect(ollama, call_for(tools=[TOOL])))["choices"][0]["message"]["tool_calls"]
    }
    assert len(ids) == 4


async def test_the_recorded_stream_is_read(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Raw(lines_of("chat_stream"), content_type=NDJSON))
    assert (await text(ollama, call_for())).startswith("Hello there. I'm")


async def test_the_answer_ends_where_the_context_does(fake: FakeOllama, ollama: Ollama) -> None:
    fake.load(MODEL, context=4096)
    fake.script(Reply("word " * 5000))
    pieces = await collect(ollama, call_for())
    assert whole(pieces)["choices"][0]["finish_reason"] == "length"
    assert fake.chats[0]["shift"] is False


async def test_the_callers_limit_and_the_tiers_are_kept(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(*[Reply("one two three four")] * 2)
    assert await text(ollama, call_for(max_completion_tokens=2, max_tokens=3)) == "one two"
    assert await text(ollama, replace(call_for(max_tokens=3), max_output_tokens=1)) == "one"


# --- contexts ----------------------------------------------------------------------------------------------------


async def test_a_growing_session_loads_the_model_seldom(fake: FakeOllama, ollama: Ollama) -> None:
    for turns in range(1, 12):
        await collect(
            ollama, call_for({"role": "user", "content": "Tell me more about the sea, please. " * 150 * turns})
        )
    assert [load["num_ctx"] for load in fake.loads] == [4096, 8192, 16_384, 32_768]
    await collect(ollama, call_for())
    assert len(fake.loads) == 4, "a small prompt shrinks nothing"


async def test_what_another_program_loaded_is_respected(fake: FakeOllama, ollama: Ollama) -> None:
    fake.load(MODEL, context=20_000)
    await collect(ollama, call_for(LONG))
    assert fake.loads == []


async def test_a_pinned_model_is_still_pinned_after_a_reload(fake: FakeOllama, ollama: Ollama) -> None:
    fake.load(MODEL, context=4096, pinned=True)
    await collect(ollama, call_for(LONG))
    assert fake.loads and fake.loaded[MODEL]["expires_at"].startswith("2319")


DIGITS = {"role": "user", "content": "7" * 60_000}
"""Longer than the estimate says: the fake counts 15,000 tokens, the estimate 13,600."""


async def test_a_prompt_that_was_longer_than_it_looked_gets_a_larger_context(
    fake: FakeOllama, ollama: Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.ollama.context._ESTIMATE_MARGIN", 0.2)
    call, remarks = heard(call_for(DIGITS))
    assert await text(ollama, call) == "Hello from the fake."
    assert [load["num_ctx"] for load in fake.loads] == [4096, 16_384]
    (remark,) = remarks
    assert "15" in remark.text and "4,096" in remark.text and "16,384" in remark.text


async def test_a_prompt_that_is_longer_than_it_looked_and_fits_nowhere_is_refused_with_numbers(
    fake: FakeOllama, ollama: Ollama
) -> None:
    fake.script(Raw(b'{"error":"request (9500 tokens) exceeds the available context size (8192 tokens)"}', 400))
    error, pieces = await failure(ollama, call_for(LONG, model="plain:1b"))
    assert (error.code, error.status, error.sent, pieces) == ("context_length_exceeded", 400, False, [])
    assert "9500" in error.message and "8192" in error.message
    assert len(fake.chats) == 1


async def test_a_prompt_that_is_too_long_is_not_even_sent(fake: FakeOllama, ollama: Ollama) -> None:
    error, _ = await failure(ollama, call_for({"role": "user", "content": "word " * 20_000}, model="plain:1b"))
    assert error.code == "context_length_exceeded" and "8192" in error.message and "227" in error.message
    assert fake.chats == [] and error.sent is False


@pytest.mark.parametrize("name", ["chat_truncate_false", "chat_shift_false"])
async def test_the_recorded_overflows_are_tried_once_more(fake: FakeOllama, ollama: Ollama, name: str) -> None:
    fake.script(recorded_error(name))
    assert await text(ollama, call_for()) == "Hello from the fake."
    assert [chat["options"]["num_ctx"] for chat in fake.chats] == [4096, 8192]


async def test_an_overflow_that_does_not_end_ends(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(*[recorded_error("chat_truncate_false")] * 9)
    error, _ = await failure(ollama, call_for())
    assert error.code == "context_length_exceeded" and "6075" in error.message
    assert len(fake.chats) == 2


async def test_a_context_that_memory_does_not_hold_is_asked_for_smaller(fake: FakeOllama, ollama: Ollama) -> None:
    fake.memory_context = 8192
    call, remarks = heard(call_for({"role": "user", "content": "word " * 6000}))
    assert await text(ollama, call) == "Hello from the fake."
    assert [chat["options"]["num_ctx"] for chat in fake.chats] == [16_384, 8192]
    assert "system memory" in remarks[0].text


async def test_a_prompt_that_memory_does_not_hold_goes_to_another_tier_and_is_remembered(
    fake: FakeOllama, ollama: Ollama, local: LocalModels
) -> None:
    fake.memory_context = 8192
    error, _ = await failure(ollama, call_for({"role": "user", "content": "word " * 12_000}))
    assert error.code == "context_length_exceeded" and error.retryable is False
    assert local.context_of(MODEL) == 8192


async def test_an_ollama_that_cuts_all_the_same_is_found_out(
    fake: FakeOllama, ollama: Ollama, local: LocalModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.ollama.context._ESTIMATE_MARGIN", 0.2)
    fake.knows_truncate = False
    call, remarks = heard(call_for(LONG))
    assert await text(ollama, call) == "Hello from the fake.", "it has been said already"
    assert remarks[0].step == "prompt cut" and "2,050" in remarks[0].text and "5," in remarks[0].text
    assert local.context_of(MODEL) == 2050
    error, _ = await failure(ollama, call_for(LONG))
    assert error.code == "context_length_exceeded" and len(fake.chats) == 1


async def test_a_cut_whole_answer_is_no_answer(
    fake: FakeOllama, ollama: Ollama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.ollama.context._ESTIMATE_MARGIN", 0.2)
    fake.knows_truncate = False
    call, remarks = heard(call_for(LONG, stream=False))
    error, pieces = await failure(ollama, call)
    assert (error.code, error.retryable, pieces) == ("context_length_exceeded", False, [])
    assert "2,050" in error.message and len(remarks) == 1


# --- refusals and failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "retryable", "words"),
    [
        ("chat_tools_unsupported", "invalid_request", False, "does not support tools"),
        ("chat_think_unsupported", "invalid_request", False, "does not support thinking"),
        ("chat_missing_model", "model_not_found", False, "nope:1b"),
        ("chat_queue_full", None, True, "server busy"),
    ],
)
async def test_the_recorded_errors_say_what_to_do(
    fake: FakeOllama, ollama: Ollama, name: str, code: str | None, retryable: bool, words: str
) -> None:
    fake.script(recorded_error(name))
    error, _ = await failure(ollama, call_for())
    assert (error.code, error.retryable) == (code, retryable)
    assert words in error.message


async def test_thinking_is_asked_of_no_model_without_it(fake: FakeOllama, ollama: Ollama) -> None:
    await collect(ollama, call_for(model="plain:1b", reasoning_effort="high"))
    assert "think" not in fake.chats[0] and fake.rejected == []


async def test_a_link_to_an_image_is_refused_before_anything_is_sent(fake: FakeOllama, ollama: Ollama) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    error, _ = await failure(ollama, call_for({"role": "user", "content": [image]}))
    assert error.code == "invalid_request" and "data: URL" in error.message
    assert fake.chats == []


async def test_a_runner_that_is_killed_is_a_failure_that_may_pass(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Raw(lines_of("runner_killed_api_chat"), content_type=NDJSON))
    error, pieces = await failure(ollama, call_for())
    assert error.retryable and "unexpected EOF" in error.message
    assert len(pieces) == 5


@pytest.mark.parametrize("fault", [{"end_after": 2}, {"drop_after": 2}, {"end_after": 0}])
async def test_a_stream_without_its_last_line_has_failed(
    fake: FakeOllama, ollama: Ollama, fault: dict[str, int]
) -> None:
    fake.script(Reply("one two three", **fault))  # type: ignore[arg-type]
    error, _ = await failure(ollama, call_for())
    assert error.retryable


@pytest.mark.parametrize(
    "body",
    [
        b"[1]\n",
        b"<html>\n",
        b'{"message":null,"done":false}\n',
        b'{"message":{"content":""},"done":true,"done_reason":"load"}\n',
        b"x" * (5 * 1024 * 1024),
        b'{"error":{"message":"odd"}}\n',
    ],
    ids=["list", "html", "null", "load", "endless", "error object"],
)
async def test_nonsense_is_a_failure_not_an_answer(fake: FakeOllama, ollama: Ollama, body: bytes) -> None:
    fake.script(Raw(body, content_type=NDJSON))
    error, pieces = await failure(ollama, call_for())
    assert error.kind == "protocol" and error.retryable and pieces == []


async def test_what_comes_after_the_end_is_nobodys(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Raw(lines_of("chat_stream") + b"<html>", content_type=NDJSON, stall=True))
    assert await text(ollama, call_for())


async def test_silence_has_an_end(fake: FakeOllama, local: LocalModels) -> None:
    ollama = make(fake, local, patience_s=0.05)
    fake.script(Reply("one two", before_s=30), Reply("one two", stall_after=1))
    before, _ = await failure(ollama, call_for())
    between, _ = await failure(ollama, call_for())
    await ollama.close()
    assert (before.kind, before.retryable, between.kind, between.retryable) == ("timeout", True, "timeout", False)


async def test_a_caller_who_leaves_frees_the_runner(fake: FakeOllama, ollama: Ollama, local: LocalModels) -> None:
    fake.script(Reply("one two three", stall_after=1))
    async with aclosing(ollama.send(call_for(LONG))) as pieces:
        await anext(pieces)
    await asyncio.wait_for(fake.wait_for_disconnects(1), 10)
    fake.loaded.clear()
    loading = await local.contexts.loading(MODEL, 10, None)
    assert loading and loading.num_ctx == 4096, "what it asked for is forgotten"


async def test_a_caller_who_leaves_before_the_first_token_frees_it_too(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Reply("late", before_s=60))
    task = asyncio.create_task(collect(ollama, call_for()))
    await fake.wait_for_requests(1)
    task.cancel()
    await asyncio.wait({task})
    await asyncio.wait_for(fake.wait_for_disconnects(1), 10)


async def test_redirects_are_not_followed(fake: FakeOllama, ollama: Ollama) -> None:
    fake.script(Raw(b"", 302, headers={"Location": f"{fake.root}/api/version"}))
    error, _ = await failure(ollama, call_for())
    assert "redirect" in error.message and fake.headers[0]["accept-encoding"] == "identity"


async def test_nobody_there_is_said(local: LocalModels) -> None:
    compatible = OpenAICompatible(name="local", kind="ollama", base_url="http://127.0.0.1:1/v1", free=True)
    ollama = Ollama(compatible, local.contexts, lambda _: None)
    error, _ = await failure(ollama, call_for())
    status = await ollama.check()
    await ollama.close()
    assert (error.kind, error.retryable, error.sent, status.state) == ("connect", True, False, "down")


async def test_a_key_is_sent_and_never_said(local: LocalModels) -> None:
    async with FakeOllama(MODEL, key="secret-key") as guarded:
        compatible = OpenAICompatible(
            name="local", kind="ollama", base_url=guarded.base_url, free=True, api_key="secret-key"
        )
        good = Ollama(compatible, local.contexts, lambda _: None, api_key="secret-key")
        assert await text(good, call_for()) == "Hello from the fake."
        guarded.script(Failure(500, "the key secret-key is odd"))
        error, _ = await failure(good, call_for())
        await good.close()
    assert "secret-key" not in error.message


# --- servers that only mimic Ollama ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405])
async def test_a_server_without_native_chat_is_spoken_to_over_v1_from_then_on(
    fake: FakeOllama, ollama: Ollama, local: LocalModels, status: int
) -> None:
    fake.script(Raw(b"<h1>no</h1>", status))
    assert await text(ollama, call_for()) == "Hello from the fake."
    assert await text(ollama, call_for()) == "Hello from the fake."
    assert len(fake.chats) == 1 and len(fake.requests) == 3
    fake.load(MODEL, context=4096)
    await local.refresh()
    assert local.context_of(MODEL) == 4096, "over /v1 it is the context in force"


async def test_over_v1_a_cut_prompt_is_found_out(fake: FakeOllama, ollama: Ollama, local: LocalModels) -> None:
    fake.native_chat = False
    fake.script(*[Reply("Nonsense.", usage={"prompt_tokens": 2050})] * 2)
    call, remarks = heard(call_for(LONG))
    assert await text(ollama, call) == "Nonsense."
    error, _ = await failure(ollama, call_for(LONG, stream=False))
    assert "2,050" in remarks[0].text and error.code == "context_length_exceeded"
    assert local.context_of(MODEL) == 2050


async def test_lines_that_come_at_once_are_one_batch_also_before_one_that_is_broken(
    fake: FakeOllama, ollama: Ollama
) -> None:
    words = [f"word{number} " for number in range(100)]
    lines = b"".join(json.dumps({"message": {"content": word}, "done": False}).encode() + b"\n" for word in words)
    last = b'{"message": {"content": ""}, "done": true, "done_reason": "stop"}\n'
    fake.script(Raw(lines + last, content_type=NDJSON), Raw(lines + b"[1]\n" + lines, content_type=NDJSON))
    batches = [list(batch) async for batch in ollama.send(call_for())]
    assert len(batches) <= 4 and "".join(text_of(p.body) for batch in batches for p in batch) == "".join(words)
    error, pieces = await failure(ollama, call_for())
    assert error.kind == "protocol" and "".join(text_of(piece.body) for piece in pieces) == "".join(words)
