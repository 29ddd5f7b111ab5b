"""A provider's bad day as a client and the control surface see it: over sockets, with fakes that fail."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import openai
import orjson
import pytest
from yarl import URL

from gateway_core.model import Status
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Raw, Reply
from tests.http.inside import KEY, Client, chat_body, client, said, with_claude, with_groq

GROQ_MODEL = "openai/gpt-oss-120b"
EASY = "Say hello."
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HTML = Raw(b"<!DOCTYPE html><html><body>Bad gateway</body></html>")


def local_server(**more: Any) -> FakeOpenAI:
    return FakeOpenAI(kind="lmstudio", models=("qwen3",), **more)


def groq_server(**more: Any) -> FakeOpenAI:
    return FakeOpenAI(key="groq-key", models=(GROQ_MODEL,), **more)


def with_both(local: FakeOpenAI, groq: FakeOpenAI) -> dict[str, Any]:
    """A gateway that asks the local server first."""
    local_first = {"local_llm_enabled": True, "local_llm_url": local.base_url, "default_tier": "local"}
    return {**local_first, **with_groq(groq)}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_broken_local_tool_call_is_answered_a_tier_up_and_marked(tmp_path: Path, stream: bool) -> None:
    async with (
        local_server() as local,
        groq_server(default=Reply(text="", tools=(("weather", {"city": "Oslo"}),))) as groq,
        client(tmp_path, **with_both(local, groq)) as llmgw,
    ):
        local.script(Reply(text="", tools=(("weather", {"town": "Oslo"}),)))
        if stream:
            headers, chunks = await llmgw.stream(EASY, model="gateway-auto", tools=[WEATHER])
            calls = [c for chunk in chunks for ch in chunk["choices"] for c in ch["delta"].get("tool_calls") or ()]
            arguments = "".join(call["function"]["arguments"] for call in calls)
        else:
            _, headers, body = await llmgw.chat(EASY, model="gateway-auto", tools=[WEATHER])
            arguments = body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        (row,) = await llmgw.gateway.requests(1)
        detail = await llmgw.get(f"/api/requests/{row.id}")
        metrics = await (await llmgw.http.get("/metrics")).text()

    assert json.loads(arguments) == {"city": "Oslo"}
    assert (headers["x-llmgw-tier"], headers["x-llmgw-route"]) == ("cheap", "default>cheap")
    assert headers["x-llmgw-model"] == GROQ_MODEL
    assert (row.repaired, row.status, row.route) == (True, Status.OK, "default>cheap")
    assert detail["remarks"] == [
        {
            "step": "try",
            "text": f"local/qwen3: called a tool wrongly: city is missing; next groq/{GROQ_MODEL}",
        }
    ]
    assert "llmgw_repaired_requests_total 1.0" in metrics


async def test_an_answer_that_was_only_the_best_there_was_is_not_kept_for_others(tmp_path: Path) -> None:
    wrong = Reply(text="", tools=(("weather", {"town": "Oslo"}),))
    async with local_server() as local, client(tmp_path, **_only(local)) as llmgw:
        local.script(wrong, wrong)
        _, first, _ = await llmgw.chat(EASY, model="gateway-local", tools=[WEATHER], temperature=0)
        _, second, body = await llmgw.chat(EASY, model="gateway-local", tools=[WEATHER], temperature=0)
    assert first["x-llmgw-cache"] == second["x-llmgw-cache"] == "miss"
    assert body["choices"][0]["message"]["content"] == "Hello from the fake."


@pytest.mark.parametrize(
    "fault",
    [
        HTML,
        Raw(b"", content_type="text/event-stream"),
        Raw(b'{"error": "out of memory"}', status=500, content_type="application/json"),
        Reply(drop_after=1),
        Reply(end_after=1),
        Reply(error_after=1),
        Reply(text=""),
        Failure(404, "model 'qwen3' not found"),
        Failure(400, "the request exceeds the available context size (n_prompt_tokens: 9000, n_ctx: 4096)"),
    ],
)
async def test_a_local_server_in_trouble_is_not_noticed(tmp_path: Path, fault: Any) -> None:
    async with (
        local_server() as local,
        groq_server() as groq,
        client(tmp_path, **with_both(local, groq)) as llmgw,
    ):
        local.script(*[fault] * 3)
        headers, chunks = await llmgw.stream(EASY, model="gateway-auto")
    assert (said(chunks), headers["x-llmgw-tier"]) == ("Hello from the fake.", "cheap")
    assert local.calls >= 1


async def test_a_retry_after_date_is_kept_and_another_provider_answers_at_once(tmp_path: Path) -> None:
    date = formatdate(time.time() + 3000, usegmt=True)
    async with (
        FakeAnthropic() as claude,
        groq_server() as groq,
        client(tmp_path, **with_groq(groq), **with_claude(claude)) as llmgw,
    ):
        groq.script(Failure(429, "Rate limit reached", headers={"Retry-After": date}))
        for _ in range(3):
            _, headers, _ = await llmgw.chat(
                "Compare two sorting algorithms.", {"x-llmgw-cache": "bypass"}, model="auto"
            )
            assert headers["x-llmgw-tier"] == "premium"
        status, headers, body = await llmgw.chat(EASY, model="gateway-cheap")
    assert groq.calls == 1
    assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 2900 <= int(headers["Retry-After"]) <= 3000


async def test_a_provider_that_is_down_is_left_alone_and_everybody_can_see_it(tmp_path: Path) -> None:
    async with groq_server() as groq, client(tmp_path, **with_groq(groq)) as llmgw:
        with llmgw.gateway.bus.subscribe() as events:
            groq.script(*[Failure(500)] * 99)
            answers = [await llmgw.chat(f"Hello {n}", model="gateway-cheap") for n in range(4)]
            notices = [event async for event in _until_notice(events)]
        snapshot = await llmgw.get("/api/snapshot")
        metrics = await (await llmgw.http.get("/metrics")).text()

    assert groq.calls == 5
    assert [status for status, _, _ in answers] == [502, 503, 503, 503]
    assert int(answers[-1][1]["Retry-After"]) <= 12
    (provider,) = [p for p in snapshot["providers"] if p["name"] == "groq"]
    assert provider["state"] == "down"
    assert provider["detail"].startswith(f"{GROQ_MODEL}: circuit open after 5 failures, next try in ")
    assert f'llmgw_circuit_state{{model="{GROQ_MODEL}",provider="groq"}} 2.0' in metrics
    assert f"groq/{GROQ_MODEL} is left alone" in notices[-1].text


async def _until_notice(events: Any) -> Any:
    async for event in events:
        if event.type == "notice" and "left alone" in event.text:
            yield event
            return


async def test_a_key_that_is_not_taken_costs_one_call_and_no_401(tmp_path: Path) -> None:
    async with (
        groq_server() as groq,
        FakeAnthropic() as claude,
        client(tmp_path, **{**with_groq(groq), "groq_api_key": "wrong"}, **with_claude(claude)) as llmgw,
    ):
        for number in range(3):
            status, headers, _ = await llmgw.chat(f"Compare {number} sorting algorithms.", model="gateway-auto")
            assert (status, headers["x-llmgw-tier"]) == (200, "premium")
        asked, _, body = await llmgw.chat(EASY, model="gateway-cheap")
    assert len(groq.requests) == 1
    assert asked == 503 and "GROQ_API_KEY" in body["error"]["message"]


# --- keep-alive ----------------------------------------------------------------------------------------------------


async def test_a_failure_after_a_keep_alive_is_an_error_inside_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.01)
    async with groq_server() as groq, client(tmp_path, **with_groq(groq)) as llmgw:
        groq.script(Failure(403, "no credits, forbidden", before_s=0.2))
        body = chat_body(EASY, stream=True, model="gateway-cheap")
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            lines = [line[6:] for line in (await answer.text()).splitlines() if line.startswith("data: ")]
        (row,) = await llmgw.gateway.requests(1)
    *before, last = [json.loads(line) for line in lines]
    assert answer.status == 200
    assert before and {chunk["choices"][0]["delta"]["content"] for chunk in before} == {""}
    assert last["error"]["code"] == "upstream_error"
    assert (row.status, row.error_code) == (Status.FAILED, "upstream_error")


async def test_the_openai_sdk_raises_what_the_stream_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.01)
    async with groq_server() as groq, client(tmp_path, **with_groq(groq)) as llmgw:
        groq.script(Failure(401, "bad key", before_s=0.2))
        sdk = openai.AsyncOpenAI(api_key=KEY, base_url=f"{llmgw.gateway.address}/v1", max_retries=0)
        messages: Any = [{"role": "user", "content": EASY}]
        stream = await sdk.chat.completions.create(model="gateway-cheap", messages=messages, stream=True)
        with pytest.raises(openai.APIError, match="groq did not accept the gateway's key"):
            async for _ in stream:
                pass
        await sdk.close()


async def test_a_fallback_after_a_keep_alive_still_gives_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.01)
    async with (
        local_server() as local,
        groq_server() as groq,
        client(tmp_path, **with_both(local, groq)) as llmgw,
    ):
        local.script(Failure(500, before_s=0.1), Failure(500, before_s=0.1), Failure(500))
        headers, chunks = await llmgw.stream(EASY, model="gateway-auto")
        (row,) = await llmgw.gateway.requests(1)
    assert said(chunks) == "Hello from the fake."
    assert chunks[0]["choices"][0]["delta"] == {"content": ""}
    assert headers["x-llmgw-tier"] == "local", "the head had to be sent while that was the one being tried"
    assert row.tier == "cheap"


async def test_a_held_tool_call_is_kept_alive_and_comes_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_core.delivery.relay.KEEP_ALIVE_S", 0.02)
    call = ("weather", {"city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"})
    async with local_server() as local, client(tmp_path, **_only(local)) as llmgw:
        local.script(Reply(text="Wait.", tools=(call,), between_s=0.02))
        _, chunks = await llmgw.stream(EASY, model="gateway-local", tools=[WEATHER])
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    text = next(n for n, delta in enumerate(deltas) if delta.get("content") == "Wait.")
    first = next(n for n, delta in enumerate(deltas) if delta.get("tool_calls"))
    kept = deltas[text + 1 : first]
    assert kept and all(delta == {"content": ""} for delta in kept)
    parts = [call for delta in deltas[first:] for call in delta.get("tool_calls") or ()]
    assert json.loads("".join(part["function"]["arguments"] for part in parts)) == call[1]


def _only(local: FakeOpenAI) -> dict[str, Any]:
    return {"local_llm_enabled": True, "local_llm_url": local.base_url}


async def test_ordinary_local_text_is_not_held(tmp_path: Path) -> None:
    """The first words arrive while the rest of the answer is still being written."""
    async with local_server() as local, client(tmp_path, **_only(local)) as llmgw:
        local.script(Reply(text="One two three", stall_after=3))
        body = chat_body("Count.", stream=True, model="gateway-local", tools=[WEATHER])
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            got = b""
            while b"two" not in got:
                got += await answer.content.readany()
            local.resume()
            got += await answer.content.read()
    assert b"three" in got and b"[DONE]" in got


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_call_without_an_id_gets_one(tmp_path: Path, stream: bool) -> None:
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    head = {"id": "c", "created": 1, "model": GROQ_MODEL}
    if stream:
        halves = ({"name": "weather", "arguments": '{"city": '}, {"arguments": '"Oslo"}'})
        deltas = [{"tool_calls": [{"index": 0, "type": "function", "function": half}]} for half in halves]
        choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
        events = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
        lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        raw = Raw(f"{lines}data: [DONE]\n\n".encode(), content_type="text/event-stream")
    else:
        message = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        body = {**head, "object": "chat.completion", "choices": [choice]}
        raw = Raw(json.dumps(body).encode(), content_type="application/json")
    async with groq_server() as groq, client(tmp_path, **with_groq(groq)) as llmgw:
        groq.script(raw)
        if stream:
            _, chunks = await llmgw.stream(EASY, model="gateway-cheap", tools=[WEATHER])
            calls = [c for chunk in chunks for ch in chunk["choices"] for c in ch["delta"].get("tool_calls") or ()]
        else:
            _, _, answer = await llmgw.chat(EASY, model="gateway-cheap", tools=[WEATHER])
            calls = answer["choices"][0]["message"]["tool_calls"]
    assert calls[0]["id"].startswith("call")
    assert not any("id" in call for call in calls[1:])
    assert "".join(call["function"]["arguments"] for call in calls) == function["arguments"]


# --- time ----------------------------------------------------------------------------------------------------------


async def test_an_answer_that_trickles_past_the_total_time_is_ended(tmp_path: Path) -> None:
    async with (
        groq_server() as groq,
        client(tmp_path, upstream_total_s=1.5, **with_groq(groq)) as llmgw,
    ):
        groq.script(Reply(text="word " * 5000, between_s=0.02))
        body = chat_body(EASY, stream=True, model="gateway-cheap")
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            text = await answer.text()
        await groq.wait_for_disconnects(1)
        spent = (await llmgw.get("/api/budget"))["spent_usd"]
    assert '"code":"upstream_timeout"' in text.splitlines()[-2 if answer.status == 200 else -1]
    assert spent > 0


async def test_a_client_that_stops_reading_is_hung_up_on_and_its_upstream_stopped(tmp_path: Path) -> None:
    async with (
        groq_server() as groq,
        client(tmp_path, client_write_s=0.2, max_output_tokens=1_000_000, **with_groq(groq)) as llmgw,
    ):
        groq.script(Reply(text=("x" * 20_000 + " ") * 1_000))
        with llmgw.gateway.bus.subscribe() as events:
            writer = await _ask_and_read_nothing(llmgw, chat_body(EASY, stream=True, model="gateway-cheap"))
            await groq.wait_for_disconnects(1)
            async for event in events:
                if event.type == "request.finished":
                    break
        (row,) = await llmgw.gateway.requests(1)
        budget = await llmgw.get("/api/budget")
        writer.close()
    assert (row.status, row.error_code) == (Status.CANCELLED, "client_closed_request")
    assert budget["spent_usd"] == row.cost_microusd / 1e6 > 0
    assert budget["reserved_usd"] == 0


async def _ask_and_read_nothing(llmgw: Client, body: dict[str, Any]) -> asyncio.StreamWriter:
    url = URL(llmgw.gateway.address)
    assert url.host
    _, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    content = orjson.dumps(body)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    await writer.drain()
    return writer
