"""Conversations that are too long for the local model: compacted for it where that is wanted, in every protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_core.model import RequestDetail
from tests.compaction.sessions import prompts_of_a_session, words
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import Client, client, said, with_groq

MODEL = "m:1b"
ON = {"context_compaction": "on"}
TOOLS: Any = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
SESSION = prompts_of_a_session(12)
MARK = "[llmgw left"


@pytest.fixture
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(default=Reply("It is a file.")) as server:
        server.add(MODEL, trained=8_192, capabilities=("completion", "tools"))
        yield server


@asynccontextmanager
async def gateway(tmp_path: Path, ollama: FakeOllama, **more: Any) -> AsyncIterator[Client]:
    settings = {"local_llm_enabled": True, "local_llm_url": ollama.base_url, "builtin_model": "off", **more}
    async with client(tmp_path, **settings) as llmgw:
        yield llmgw


async def ask(llmgw: Client, messages: Any, model: str = "gateway-local", **more: Any) -> tuple[int, Any, Any]:
    body = {"model": model, "messages": messages, "tools": TOOLS, **more}
    async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
        return answer.status, answer.headers.copy(), await answer.json()


async def detail_of(llmgw: Client, headers: Any) -> RequestDetail:
    found = await llmgw.gateway.detail(headers["x-llmgw-request-id"])
    assert found
    return found


def marks(chat: Any) -> list[str]:
    return [message["content"] for message in chat["messages"] if MARK in message["content"]]


async def test_a_long_session_goes_to_the_local_model_without_its_old_results(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        status, headers, body = await ask(llmgw, SESSION[-1])
        detail = await detail_of(llmgw, headers)
    assert status == 200 and body["choices"][0]["message"]["content"] == "It is a file."
    assert headers["x-llmgw-route"] == "forced:model+compacted"
    (chat,) = ollama.chats
    assert len(chat["messages"]) < len(SESSION[-1]) and marks(chat)
    assert chat["messages"][0]["content"] == SESSION[-1][0]["content"]
    last = [message["content"] for message in SESSION[-1] if message["role"] == "tool"][-2:]
    assert [message["content"] for message in chat["messages"] if message["role"] == "tool"][-2:] == last
    assert body["usage"]["prompt_tokens"] < 8_192
    assert detail.row.route == "forced:model+compacted" and detail.row.input_tokens == body["usage"]["prompt_tokens"]


async def test_the_detail_says_what_was_left_out_and_every_gap_can_be_read_again(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        _, headers, _ = await ask(llmgw, SESSION[-1])
        detail = await detail_of(llmgw, headers)
        path = f"/api/requests/{headers['x-llmgw-request-id']}"
        gaps = await llmgw.get(f"{path}/left-out")
        (one,) = await llmgw.get(f"{path}/left-out?mark={gaps[-1]['id']}")
        unknown = (await llmgw.http.get(f"{path}/left-out?mark=m0")).status
        wire = await llmgw.get(f"{path}/upstream")
    (remark,) = [remark for remark in detail.remarks if remark.step == "compacted"]
    compacted = detail.compacted
    assert compacted and compacted.model == f"local/{MODEL}" and compacted.compacted_tokens <= compacted.budget_tokens
    gone = compacted.tokens - compacted.compacted_tokens
    assert remark.text.startswith(f"{gone:,} of {compacted.tokens:,} tokens left out for local {MODEL}: ")
    assert "turns folded" in remark.text and "cut" in remark.text
    assert detail.decision and "compaction" in [reason.step for reason in detail.decision.reasons]
    assert list(detail.messages) == SESSION[-1]
    assert one == gaps[-1] and unknown == 404
    sent = json.loads(wire["upstream"][0]["body"])
    for gap in gaps:
        assert gap["messages"] == SESSION[-1][gap["first"] : gap["last"] + 1]
        assert any(f"{gap['id']}]" in text or f" {gap['id']}." in text for text in marks(sent)), gap["id"]
    assert wire["body"]["messages"] == SESSION[-1]


async def test_each_prompt_of_a_session_begins_as_the_one_before_it_was_sent(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        for messages in SESSION[9:]:
            assert (await ask(llmgw, messages))[0] == 200
    sent = [chat["messages"] for chat in ollama.chats]
    shared = [after[: len(before) - 1] == before[:-1] for before, after in zip(sent, sent[1:], strict=False)]
    assert shared.count(True) >= 2 * shared.count(False) > 0


async def test_an_answer_to_a_compacted_request_is_kept_in_no_cache(tmp_path: Path, ollama: FakeOllama) -> None:
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        short = [SESSION[0][0], SESSION[0][1]]
        for messages in (SESSION[-1], SESSION[-1], short, short):
            assert (await ask(llmgw, messages))[0] == 200
    assert len(ollama.chats) == 3


async def test_it_streams(tmp_path: Path, ollama: FakeOllama) -> None:
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        headers, chunks = await llmgw.stream(model="gateway-local", messages=SESSION[-1], tools=TOOLS)
    assert said(chunks) == "It is a file." and marks(ollama.chats[0])
    assert headers["x-llmgw-route"].endswith("+compacted")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_messages_session_is_compacted_too(tmp_path: Path, ollama: FakeOllama, stream: bool) -> None:
    body = {
        "model": "gateway-local",
        "max_tokens": 500,
        "stream": stream,
        "system": "You read files.",
        "messages": as_messages(SESSION[-1]),
        "tools": [{"name": "read", "input_schema": {"type": "object"}}],
    }
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        async with llmgw.http.post("/v1/messages", json=body) as answer:
            text, headers = await answer.text(), answer.headers.copy()
        detail = await detail_of(llmgw, headers)
        wire = await llmgw.get(f"/api/requests/{headers['x-llmgw-request-id']}/upstream")
    assert answer.status == 200 and headers["x-llmgw-route"].endswith("+compacted"), text
    assert ("message_stop" in text) is stream and marks(ollama.chats[0])
    assert detail.compacted and wire["body"]["messages"] == body["messages"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_responses_session_is_compacted_too(tmp_path: Path, ollama: FakeOllama, stream: bool) -> None:
    body = {
        "model": "gateway-local",
        "stream": stream,
        "instructions": "You read files.",
        "input": as_items(SESSION[-1]),
        "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}}],
    }
    async with gateway(tmp_path, ollama, **ON) as llmgw, llmgw.http.post("/v1/responses", json=body) as answer:
        text, headers = await answer.text(), answer.headers.copy()
    assert answer.status == 200 and headers["x-llmgw-route"].endswith("+compacted"), text
    assert ("response.completed" in text) is stream and "It is a file." in text
    assert marks(ollama.chats[0])


async def test_what_is_too_long_goes_elsewhere_whole_while_it_is_off(tmp_path: Path, ollama: FakeOllama) -> None:
    async with (
        FakeOpenAI(kind="groq", key="g", models=("openai/gpt-oss-120b", "s")) as groq,
        gateway(tmp_path, ollama, **with_groq(groq)) as llmgw,
    ):
        status, headers, _ = await ask(llmgw, SESSION[-1], "gateway-background")
        refused, _, body = await ask(llmgw, SESSION[-1])
    assert status == 200 and headers["x-llmgw-tier"] == "cheap"
    assert groq.requests[0]["messages"] == SESSION[-1] and not ollama.chats
    assert refused == 400 and body["error"]["code"] == "context_length_exceeded"
    assert f"CONTEXT_COMPACTION=on would let it fit {MODEL}" in body["error"]["message"]


async def test_what_fits_goes_as_it_is_whether_it_is_on_or_off(tmp_path: Path, ollama: FakeOllama) -> None:
    for number, settings in enumerate(({}, ON)):
        async with gateway(tmp_path / str(number), ollama, **settings) as llmgw:
            _, headers, _ = await ask(llmgw, SESSION[5])
            assert headers["x-llmgw-route"] == "forced:model"
            assert (await detail_of(llmgw, headers)).compacted is None
    off, on = ollama.chats
    assert json.dumps(off) == json.dumps(on)


async def test_background_work_stays_local_where_it_fits_compacted(tmp_path: Path, ollama: FakeOllama) -> None:
    async with (
        FakeOpenAI(kind="groq", key="g", models=("openai/gpt-oss-120b", "s")) as groq,
        gateway(tmp_path, ollama, **with_groq(groq), **ON) as llmgw,
    ):
        status, headers, _ = await ask(llmgw, SESSION[-1], "gateway-background")
    assert status == 200 and headers["x-llmgw-tier"] == "local" and not groq.requests


async def test_the_model_that_is_tried_next_gets_the_whole(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.script(*[Failure(500, "broken")] * 3)
    async with (
        FakeOpenAI(kind="groq", key="g", models=("openai/gpt-oss-120b", "s")) as groq,
        gateway(tmp_path, ollama, **with_groq(groq), **ON) as llmgw,
    ):
        status, headers, _ = await ask(llmgw, SESSION[-1], "gateway-background")
        detail = await detail_of(llmgw, headers)
        again = (await ask(llmgw, SESSION[-1], "gateway-background"))[1]["x-llmgw-cache"]
    assert status == 200 and headers["x-llmgw-tier"] == "cheap" and "compacted" not in headers["x-llmgw-route"]
    assert groq.requests[0]["messages"] == SESSION[-1]
    assert detail.compacted is None and again == "exact"
    assert [remark.step for remark in detail.remarks].count("compacted") == 1


async def test_a_last_turn_that_fits_nowhere_is_refused_whatever_is_set(tmp_path: Path, ollama: FakeOllama) -> None:
    messages = [
        *SESSION[-1][:-1],
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": words(40_000, 1)},
    ]
    for number, settings in enumerate(({}, ON)):
        async with gateway(tmp_path / str(number), ollama, **settings) as llmgw:
            status, _, body = await ask(llmgw, messages)
        assert status == 400 and body["error"]["code"] == "context_length_exceeded"
        assert "CONTEXT_COMPACTION" not in body["error"]["message"]
    assert not ollama.chats


async def test_a_cheap_model_gets_it_compacted_only_where_that_tier_is_named(tmp_path: Path) -> None:
    async with FakeOpenAI(kind="groq", key="g", models=("openai/gpt-oss-120b", "s")) as groq:
        entry = {"name": "small", "base_url": groq.base_url, "tier": "cheap", "free": True, "api_key": "g"}
        provider = {**entry, "models": [{"name": "s", "context_tokens": 8_192}]}
        for number, tiers in enumerate(("local", "local,cheap")):
            more = {"providers": [provider], "context_compaction_tiers": tiers, **ON}
            async with client(tmp_path / str(number), **more) as llmgw:
                status, headers, body = await ask(llmgw, SESSION[-1], "gateway-cheap")
            assert status == (400, 200)[number], body
    assert headers["x-llmgw-route"] == "forced:model+compacted" and len(groq.requests) == 1
    assert any(MARK in str(message.get("content")) for message in groq.requests[0]["messages"])


async def test_a_prompt_that_the_model_counts_as_too_long_is_compacted_then(tmp_path: Path, ollama: FakeOllama) -> None:
    short_words = '"a"\n' * 3_600
    messages = [
        {"role": "user", "content": f"Read this: {short_words}"},
        {"role": "assistant", "content": short_words},
        {"role": "user", "content": "And now?"},
    ]
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        status, headers, _ = await ask(llmgw, messages)
        detail = await detail_of(llmgw, headers)
    assert status == 200 and headers["x-llmgw-route"] == "forced:model+compacted"
    whole, compacted = ollama.chats
    assert [message["content"] for message in whole["messages"]] == [message["content"] for message in messages]
    assert marks(compacted) and compacted["messages"][-1]["content"] == "And now?"
    assert [remark.step for remark in detail.remarks] == ["try", "compacted"]


async def test_usage_that_the_model_does_not_tell_is_that_of_what_was_sent(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.script(Reply("It is a file.", usage={"prompt_eval_count": None, "eval_count": None}))
    async with gateway(tmp_path, ollama, **ON) as llmgw:
        _, headers, body = await ask(llmgw, SESSION[-1])
        compacted = (await detail_of(llmgw, headers)).compacted
    assert compacted and body["usage"]["prompt_tokens"] <= compacted.compacted_tokens


async def test_money_is_set_aside_for_what_is_sent(tmp_path: Path) -> None:
    async with FakeOpenAI(kind="groq", key="g", models=("s",)) as groq:
        small = {"name": "s", "context_tokens": 8_192, "price": {"input": 100.0, "output": 1.0}}
        entry = {"name": "small", "base_url": groq.base_url, "tier": "cheap", "api_key": "g", "models": [small]}
        async with client(tmp_path, providers=[entry], context_compaction_tiers="cheap", **ON) as llmgw:
            _, headers, _ = await ask(llmgw, SESSION[-1], "gateway-cheap")
            detail = await detail_of(llmgw, headers)
    (budget,) = [step.outcome for step in detail.timeline.steps if step.name == "budget"]
    assert detail.compacted and 0 < float(budget[1:].split()[0]) < detail.compacted.tokens * 100 / 1e6


async def test_a_provider_of_the_callers_own_protocol_gets_a_translation_of_what_is_left(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude:
        small = {"name": "claude-haiku-5", "context_tokens": 8_192, "price": {"input": 1.0, "output": 5.0}}
        entry = {
            "name": "own",
            "api": "messages",
            "base_url": claude.base_url,
            "api_key": claude.key,
            "models": [small],
        }
        body = {"model": "gateway-cheap", "max_tokens": 500, "messages": as_messages(SESSION[-1]), "stream": True}
        body["tools"] = [{"name": "read", "input_schema": {"type": "object"}}]
        settings = {"providers": [{**entry, "models": [small]}], "context_compaction_tiers": "cheap", **ON}
        async with client(tmp_path, **settings) as llmgw, llmgw.http.post("/v1/messages", json=body) as answer:
            text = await answer.text()
    assert answer.status == 200 and "message_stop" in text, text
    sent = claude.requests[0]["messages"]
    assert MARK in json.dumps(sent) and len(sent) < len(as_messages(SESSION[-1]))
    roles = [message["role"] for message in sent]
    assert all(one != other for one, other in zip(roles, roles[1:], strict=False))


def as_messages(messages: Any) -> list[Any]:
    """The conversation as a caller of Anthropic's protocol has it."""
    made: list[Any] = []
    for message in messages[1:]:
        content = message["content"]
        if message["role"] == "tool":
            block = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": content}
            message = {"role": "user", "content": [block]}
        elif message.get("tool_calls"):
            (call,) = message["tool_calls"]
            inner = json.loads(call["function"]["arguments"])
            block = {"type": "tool_use", "id": call["id"], "name": "read", "input": inner}
            message = {"role": "assistant", "content": [block]}
        made.append(message)
    return made


def as_items(messages: Any) -> list[Any]:
    """The conversation as the items of a Response."""
    made: list[Any] = []
    for message in messages[1:]:
        content = message["content"]
        if message["role"] == "tool":
            call_id = message["tool_call_id"]
            made.append({"type": "function_call_output", "call_id": call_id, "output": content})
        elif message.get("tool_calls"):
            (call,) = message["tool_calls"]
            called = {"call_id": call["id"], **call["function"]}
            made.append({"type": "function_call", **called})
        else:
            text = content if isinstance(content, str) else content[0]["text"]
            made.append({"role": message["role"], "content": text})
    return made
