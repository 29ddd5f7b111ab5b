"""What is kept of a request's way and wire: when each step was, what came, what went upstream; never a secret."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway_core.model import Status
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import KEY, Client, chat_body, client, with_claude, with_groq

PASTED = "sk-proj-abc123abc123abc123abc123"
WITHOUT_KEEPING = {"keep_bodies_days": 0}


async def steps_of(llmgw: Client, request_id: str) -> list[tuple[str, str, str]]:
    """Name, target and outcome of each, checked to lie within the request's time."""
    detail = await llmgw.gateway.detail(request_id)
    assert detail is not None
    for step in detail.timeline.steps:
        assert step.took_ms is not None and step.took_ms >= 0
        assert step.name == "received" or step.start_ms >= 0
    return [(step.name, step.target, step.outcome) for step in detail.timeline.steps]


async def parts_of(llmgw: Client, request_id: str) -> Any:
    await llmgw.gateway.detail(request_id)
    return await llmgw.get(f"/api/requests/{request_id}/upstream")


async def test_a_streamed_answer_tells_when_each_step_was(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        headers, _ = await llmgw.stream()
        steps = await steps_of(llmgw, headers["x-llmgw-request-id"])
    names = [name for name, _, _ in steps]
    before = ["received", "policy", "limits", "identity", "exact cache", "router", "budget", "call"]
    assert names == [*before, "first token", "stream", "settle", "keep"]
    outcomes = {name: outcome for name, _, outcome in steps}
    assert outcomes["exact cache"] == "miss"
    assert "set aside" in outcomes["budget"] and outcomes["router"]
    assert {target for name, target, _ in steps if name == "call"} == {headers_target(headers)}


def headers_target(headers: Any) -> str:
    return f"anthropic/{headers['x-llmgw-model']}"


async def test_a_failed_try_its_pause_and_the_next_are_steps_and_requests_of_their_own(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Failure(529, "Overloaded"))
        _, headers, _ = await llmgw.chat()
        request_id = headers["x-llmgw-request-id"]
        steps = await steps_of(llmgw, request_id)
        parts = await parts_of(llmgw, request_id)
    calls = [outcome for name, _, outcome in steps if name == "call"]
    assert len(calls) == 2 and "Overloaded" in calls[0] and calls[1] == ""
    assert "pause" in [name for name, _, _ in steps]
    first, second = parts["upstream"]
    assert (first["attempt"], first["status"]) == (1, 529) and "Overloaded" in first["error"]
    assert (second["attempt"], second["status"], second["error"]) == (2, 200, "")


async def test_a_cache_hit_a_refusal_and_a_shared_call_have_a_way_too(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat()
        _, hit, _ = await llmgw.chat()
        await llmgw.post("/api/commands/kill")
        _, refused, _ = await llmgw.chat("Another.")
        of_hit = await steps_of(llmgw, hit["x-llmgw-request-id"])
        of_refused = await steps_of(llmgw, refused["x-llmgw-request-id"])
    assert ("exact cache", "", "hit") in of_hit and "call" not in [name for name, _, _ in of_hit]
    assert of_refused[-1] == ("limits", "", "kill_switch")


async def test_those_who_share_a_call_say_with_whom(tmp_path: Path) -> None:
    held = Reply(held=True)
    async with FakeAnthropic(default=held) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        first = asyncio.create_task(llmgw.chat())
        await fake.wait_for_requests(1)
        second = asyncio.create_task(llmgw.chat())
        flights = llmgw.gateway.pipeline._flights._flights
        while sum(flight.aboard for flight in flights.values()) < 2:  # noqa: ASYNC110 - boarding has no event
            await asyncio.sleep(0.005)
        fake.resume()
        (_, leader, _), (_, follower, _) = await asyncio.gather(first, second)
        steps = await steps_of(llmgw, follower["x-llmgw-request-id"])
        parts = await parts_of(llmgw, follower["x-llmgw-request-id"])
    assert ("shared call", "", f"with {leader['x-llmgw-request-id']}") in steps
    assert parts["upstream"] == [], "what went upstream is the leader's"


async def test_a_killed_stream_shows_where_it_was_cut_off(tmp_path: Path) -> None:
    stalls = Reply(stall_after=4)
    async with FakeAnthropic(default=stalls) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        answer = await llmgw.http.post("/v1/chat/completions", json=chat_body("Hello?", stream=True))
        request_id = answer.headers["x-llmgw-request-id"]
        await answer.content.readline()
        await llmgw.post("/api/commands/kill")
        await answer.read()
        detail = await llmgw.gateway.detail(request_id)
        steps = await steps_of(llmgw, request_id)
    assert detail is not None and detail.row.status is Status.KILLED
    assert [outcome for name, _, outcome in steps if name == "call"] == ["cut off"]


async def test_what_went_upstream_is_kept_as_it_was_sent_without_its_key(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.http.get("/health")
        headers = {"Cookie": "session=abcdef", "X-Trace": "seen", "User-Agent": "a test"}
        _, answered, _ = await llmgw.chat("Say hello to my long and winding prompt. " * 20, headers, temperature=0.5)
        parts = await parts_of(llmgw, answered["x-llmgw-request-id"])
        detail = await llmgw.get(f"/api/requests/{answered['x-llmgw-request-id']}")
    (sent,) = parts["upstream"]
    assert json.loads(sent["body"]) == fake.requests[0]
    assert (sent["method"], sent["url"], sent["status"]) == ("POST", f"{fake.base_url}/v1/messages", 200)
    names = {name.lower(): value for name, value in sent["headers"]}
    assert names["authorization"] == "Bearer [masked]" and names["anthropic-version"]
    assert "application/json" in str(sent["answer_headers"])
    received = {name.lower(): value for name, value in parts["received"]["headers"]}
    assert received["authorization"] == "Bearer [masked]" and received["cookie"] == "[masked]"
    assert received["x-trace"] == "seen" and parts["received"]["path"] == "/v1/chat/completions"
    assert parts["body"]["temperature"] == 0.5 and not parts["masked"]
    assert "upstream" not in detail, "bodies are only sent when they are asked for"


async def test_no_secret_is_written(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(key="groq-key-1234567890", models=("llama",)) as fake,
        client(tmp_path, **with_groq(fake), cheap_model="llama") as llmgw,
    ):
        await llmgw.chat("Hi.", {"x-api-token": "abc-123"}, model="gateway-cheap", user=f"key {PASTED}")
        (row,) = await llmgw.gateway.requests(1)
        parts = await parts_of(llmgw, row.id)
    text = json.dumps(parts)
    assert parts["masked"] and parts["body"]["user"] == "key [masked]"
    for secret in (PASTED, "groq-key-1234567890", KEY, "abc-123"):
        assert secret not in text


async def test_nothing_of_the_wire_is_kept_where_bodies_are_not(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake), **WITHOUT_KEEPING) as llmgw:
        _, headers, _ = await llmgw.chat()
        request_id = headers["x-llmgw-request-id"]
        steps = await steps_of(llmgw, request_id)
        async with llmgw.http.get(f"/api/requests/{request_id}/upstream") as answer:
            status, body = answer.status, await answer.json()
    assert steps, "the times are no bodies"
    assert status == 404 and "KEEP_BODIES_DAYS" in body["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/embeddings"])
async def test_other_protocols_are_kept_as_they_were_sent(tmp_path: Path, path: str) -> None:
    body: dict[str, Any] = {"input": "Say hello.", "model": "gateway-cheap"}
    body |= {"model": "openai/text-embedding-3-small"} if path.endswith("embeddings") else {}
    async with FakeOpenAI(kind="openai", key="openai-key") as fake:
        more = {"openai_api_key": fake.key, "openai_base_url": fake.base_url, "cheap_provider": "openai"}
        async with client(tmp_path, **more) as llmgw:
            await llmgw.post(path, **body)
            (row,) = await llmgw.gateway.requests(1)
            parts = await parts_of(llmgw, row.id)
    assert parts["received"]["path"] == path
    assert "Say hello." in parts["body"]["input"]
    assert [json.loads(sent["body"]) for sent in parts["upstream"]] == fake.requests
