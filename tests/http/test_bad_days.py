"""What must hold when clients, upstreams and shutdowns misbehave."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from pathlib import Path

import orjson
import pytest
from yarl import URL

from gateway_core.delivery.dispatch import MAX_TRIES
from gateway_core.delivery.flights import Flights
from gateway_core.delivery.relay import End, Put
from gateway_core.exchange import Exchange
from gateway_core.model import JsonObject, Status
from gateway_core.providers.base import Piece
from gateway_core.wire import sse
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Raw, Reply
from tests.http.inside import KEY, Client, chat_body, client, with_claude, with_groq
from tests.providers.calls import make_call

GROQ_MODEL = "openai/gpt-oss-120b"


async def test_two_cancellations_before_the_first_token_leave_no_generator_at_work() -> None:
    """A kill and a client that leaves, or a shutdown: the second comes while the first still cleans up."""
    waiting, cleaning = asyncio.Event(), asyncio.Event()

    async def upstream(_: Put) -> None:
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.Event().wait()

    async def relay() -> None:
        flight = Flights[Piece | End]().begin("it", Exchange(make_call().request, time.monotonic()), upstream)
        try:
            async with aclosing(flight.listen(60)) as heard:
                await anext(heard)
        finally:
            await flight.leave()

    task = asyncio.create_task(relay())
    await waiting.wait()
    task.cancel()
    await cleaning.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_session_header_that_is_no_text_does_not_silence_the_control_surface(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        status = await _with_raw_header(llmgw, b"session_id: a\xff\xfeb")
        snapshot = await llmgw.get("/api/snapshot")

    assert status == 200
    assert snapshot["requests"][0]["session"] == "a??b"


async def _with_raw_header(llmgw: Client, header: bytes) -> int:
    """The status of a chat completion with a header that no client library would send."""
    url = URL(llmgw.gateway.address)
    assert url.host
    body = orjson.dumps(chat_body("Say hello."))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + header + b"\r\n\r\n" + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


@pytest.mark.parametrize("where", ["top", "message", "tool", "arguments"])
async def test_a_body_nested_too_deeply_is_refused_and_costs_nothing(tmp_path: Path, where: str) -> None:
    deep = orjson.loads("[" * 300 + "]" * 300)
    body = chat_body("Say hello.", max_tokens=100)
    match where:
        case "top":
            body["metadata"] = deep
        case "message":
            body["messages"][0]["note"] = deep
        case "tool":
            body["tools"] = [{"type": "function", "function": {"name": "f", "parameters": {"x": deep}}}]
        case _:
            function = {"name": "f", "arguments": json.dumps({"x": deep})}
            calls = [{"id": "call_1", "type": "function", "function": function}]
            body["messages"] += [
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "call_1", "content": "done"},
            ]
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            status, error = answer.status, (await answer.json())["error"]
        spent = (await llmgw.get("/api/budget"))["spent_usd"]

    assert (status, error["code"], spent) == (400, "invalid_request", 0)


async def test_a_failure_of_our_own_is_not_the_clients_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("nobody expected this")

    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        monkeypatch.setattr("gateway_core.pipeline.route", broken)
        status, _, body = await llmgw.chat()
        (row,) = await llmgw.gateway.requests(1)

    assert (status, body["error"]["code"]) == (500, "internal_error")
    assert (row.status, row.error_code) == (Status.FAILED, "internal_error")


@pytest.mark.parametrize(
    "usage",
    [None, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -5, "completion_tokens": 0}],
    ids=["none", "zeros", "negative"],
)
async def test_a_paid_answer_without_a_usable_count_is_charged_at_what_it_can_have_cost(
    tmp_path: Path, usage: dict[str, int] | None
) -> None:
    text = "Nobody counted these words, and yet somebody will send a bill for them."
    chunks: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    async with FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as fake, client(tmp_path, **with_groq(fake)) as llmgw:
        fake.script(Raw(b"".join(map(sse.encode, chunks)) + sse.DONE, content_type="text/event-stream"))
        await llmgw.stream("Count nothing.", model="gateway-cheap")
        (row,) = await llmgw.gateway.requests(1)
        spent = (await llmgw.get("/api/budget"))["spent_usd"]

    assert row.status is Status.OK
    assert row.input_tokens >= 15 and row.output_tokens >= 15
    assert spent == row.cost_microusd / 1e6 > 0


async def test_tool_calls_without_a_finish_reason_are_still_called_so(tmp_path: Path) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
    async with FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as fake, client(tmp_path, **with_groq(fake)) as llmgw:
        fake.script(Raw(sse.encode(chunk) + sse.DONE, content_type="text/event-stream"))
        _, chunks = await llmgw.stream("Use a tool.", model="gateway-cheap")
        (row,) = await llmgw.gateway.requests(1)

    assert chunks[-1]["choices"][0]["finish_reason"] == row.finish_reason == "tool_calls"


async def test_what_comes_after_the_finish_reason_is_neither_sent_nor_kept(tmp_path: Path) -> None:
    said = [("Hello", None), (".", "stop"), (" More.", None), ("!", "length")]
    events: list[JsonObject] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]} for text, finish in said
    ]
    events.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})
    async with FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as fake, client(tmp_path, **with_groq(fake)) as llmgw:
        stream = b"".join([sse.encode(event) for event in events]) + sse.DONE
        fake.script(Raw(stream, content_type="text/event-stream"))
        answers = [await llmgw.stream("Greet me.", model="gateway-cheap") for _ in range(2)]
        rows = await llmgw.gateway.requests(2)

    assert [headers["x-llmgw-cache"] for headers, _ in answers] == ["miss", "exact"]
    for _, given in answers:
        parts = [choice for chunk in given for choice in chunk["choices"]]
        assert "".join(part["delta"].get("content") or "" for part in parts) == "Hello."
        assert parts[-1]["finish_reason"] == "stop"
    assert {row.finish_reason for row in rows} == {"stop"} and fake.calls == 1


async def test_a_local_model_may_be_named_with_its_servers_kind(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="ollama", models=("qwen3:14b",)) as fake,
        client(tmp_path, local_llm_enabled=True, local_llm_url=fake.base_url) as llmgw,
    ):
        status, headers, _ = await llmgw.chat(model="ollama/qwen3:14b")

    assert (status, headers["x-llmgw-tier"], headers["x-llmgw-model"]) == (200, "local", "qwen3:14b")


async def test_a_request_that_the_kill_switch_turns_away_was_refused_and_did_not_fail(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.gateway.commands.run("kill", {})
        status, _, _ = await llmgw.chat()
        (row,) = await llmgw.gateway.requests(1)

    assert (status, row.status, row.error_code) == (503, Status.REFUSED, "kill_switch")


async def test_a_free_answer_after_a_paid_try_shows_what_that_try_cost(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="ollama", models=("qwen3:14b",)) as local,
        FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as paid,
        client(tmp_path, local_llm_enabled=True, local_llm_url=local.base_url, **with_groq(paid)) as llmgw,
    ):
        paid.script(*[Raw(b"no event in it", content_type="text/event-stream")] * MAX_TRIES)
        headers, chunks = await llmgw.stream(
            "Tell me about the weather in spring, in the mountains and at the sea, as you like it.",
            model="gateway-auto",
        )

    assert headers["x-llmgw-tier"] == "local"
    assert float(headers["x-llmgw-cost-usd"]) == chunks[-1]["usage"]["cost"] > 0


@pytest.mark.parametrize("origin", ["http://[::1", "null", "file://", ""])
async def test_an_origin_that_names_no_host_is_a_foreign_one(tmp_path: Path, origin: str) -> None:
    async with client(tmp_path) as llmgw, llmgw.http.get("/api/snapshot", headers={"Origin": origin}) as answer:
        assert answer.status == 403


async def test_asking_for_the_head_of_the_event_stream_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw, llmgw.http.head("/api/events") as answer:
        assert answer.status == 405


async def test_a_kill_after_the_client_left_is_no_error_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()

    async def closed(*_: object) -> None:
        gone.set()
        raise ConnectionResetError

    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="once upon a time", stall_after=4))
        body = chat_body("Tell a story.", stream=True)
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            await answer.content.readline()
            monkeypatch.setattr("aiohttp.web.StreamResponse.write", closed)
            await llmgw.gateway.commands.run("kill", {})
            await gone.wait()
            await answer.read()

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_what_would_be_charged_beyond_the_reservation_is_not_sent(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(key="gsk-fake") as fake,
        client(tmp_path, cheap_model="fake-model", **with_groq(fake)) as llmgw,
    ):
        status, _, _ = await llmgw.chat(
            "Hello?", model="gateway-cheap", service_tier="priority", web_search_options={}, seed=7
        )
    assert status == 200
    assert "service_tier" not in fake.requests[0] and "web_search_options" not in fake.requests[0]
    assert fake.requests[0]["seed"] == 7


async def test_an_idempotency_key_belongs_to_one_tier(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("Buy one.", idempotency_key="order-1")
        status, _, body = await llmgw.chat("Buy one.", idempotency_key="order-1", force_tier="premium")
    assert (status, body["error"]["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("calls", [["text"], [{"function": "f"}], {"a": 1}, [{"function": {"arguments": 5}}]])
async def test_a_tool_call_that_is_none_is_the_upstreams_failure(tmp_path: Path, calls: object) -> None:
    answer = {
        "id": "x",
        "object": "chat.completion",
        "model": "fake-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"}],
    }
    async with (
        FakeOpenAI(key="gsk-fake") as fake,
        client(tmp_path, cheap_model="fake-model", **with_groq(fake)) as llmgw,
    ):
        fake.script(*[Raw(orjson.dumps(answer), content_type="application/json")] * 3)
        status, _, body = await llmgw.chat("Hello?", model="gateway-cheap")
    assert (status, body["error"]["code"]) == (502, "upstream_error")
