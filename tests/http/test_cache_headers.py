"""What ``x-llmgw-cache`` asks for and tells, in every protocol: header, answer, row and upstream never disagree."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cache.fakes import FakeChild
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, client, with_claude

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
QUESTION = "What is the capital of Ghana?"
REWORDED = "Please tell me what the capital of Ghana is"
CARRIER = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nnone\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"


class Child(FakeChild):
    """The semantic cache's child, which a gateway also ends."""

    async def stop(self) -> None:
        self.state = "stopped"


@asynccontextmanager
async def setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *steps: Any, **more: Any
) -> AsyncIterator[tuple[FakeAnthropic, Client]]:
    """A gateway with both caches, whose upstream numbers its answers."""
    monkeypatch.setattr("gateway_core.composition.open_encoder", lambda settings, note, url: Child())
    async with (
        FakeAnthropic() as fake,
        client(tmp_path, semantic_cache="on", **with_claude(fake), **more) as llmgw,
    ):
        fake.script(*(steps or [Reply(text=f"Accra-{number}.") for number in range(20)]))
        yield fake, llmgw


class Told:
    """One answer: its header, its words, its cost, and what the gateway's row says of it."""

    def __init__(self, headers: Mapping[str, str], text: str, cost: float, detail: Any) -> None:
        self.headers, self.text, self.cost = headers, text, cost
        self.row, self.reuse = detail["row"], detail["reuse"]

    @property
    def cache(self) -> str:
        return self.headers["x-llmgw-cache"]


async def ask(
    llmgw: Client, api: str, text: str = QUESTION, mode: str | None = None, *, stream: bool = False, **more: Any
) -> Told:
    said: Any = [{"role": "user", "content": text}]
    body = {"model": "gateway-premium", "stream": stream, "input" if api == "responses" else "messages": said, **more}
    if api == "messages":
        body["max_tokens"] = 100
    headers = {"x-llmgw-cache": mode} if mode else {}
    async with llmgw.http.post(PATHS[api], json=body, headers=headers) as answer:
        raw = await answer.text()
        assert answer.status == 200, raw
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
    told = events if stream else [json.loads(raw)]
    usages = [usage for event in told if (usage := event.get("usage") or event.get("response", {}).get("usage"))]
    detail = await llmgw.get(f"/api/requests/{answer.headers['x-llmgw-request-id']}")
    return Told(answer.headers.copy(), json.dumps(told), usages[-1]["cost"], detail)


async def agrees(fake: FakeAnthropic, asked: Any, calls: int) -> Told:
    """The answer, with all that is told of it held against each other."""
    before = fake.calls
    told: Told = await asked
    row, headers = told.row, told.headers
    hit = told.cache in ("exact", "semantic")
    assert fake.calls - before == calls == int(not hit)
    assert row["cache"] == told.cache and row["status"] == "ok"
    assert (headers["x-llmgw-tier"] == "cache") is hit is (told.reuse is not None)
    assert (told.cost == 0) is hit is (row["cost_microusd"] == 0)
    assert hit is (float(headers.get("x-llmgw-cost-usd", "1")) == 0)
    assert hit is (row["saved_microusd"] > 0 and row["route"] == f"cache:{told.cache}")
    return told


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize("stream", [False, True])
async def test_header_and_answer_never_disagree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: str, stream: bool
) -> None:
    async with setting(tmp_path, monkeypatch) as (fake, llmgw):

        async def told(calls: int, text: str = QUESTION, mode: str | None = None, **more: Any) -> Told:
            return await agrees(fake, ask(llmgw, api, text, mode, stream=stream, **more), calls)

        assert [(await told(1)).cache, (await told(0)).cache, (await told(0, REWORDED)).cache] == [
            "miss",
            "exact",
            "semantic",
        ]
        assert (await told(1, mode="bypass")).cache == "bypass"
        assert (await told(1, temperature=1)).cache == "bypass"
        assert (await told(0, mode="no-store")).cache == "exact"
        assert (await told(1, "What is the capital of Togo?", "no-store")).cache == "miss"
        assert (await told(1, "What is the capital of Togo?")).cache == "miss", "nothing was kept"
        assert "Accra-0" in (await told(0)).text
        refreshed = await told(1, mode="refresh")
        assert refreshed.cache == "miss" and "Accra-5" in refreshed.text
        assert "Accra-5" in (await told(0)).text
        semantic = await told(0, REWORDED)
        assert semantic.cache == "semantic" and "Accra-5" in semantic.text, "both caches have the new answer"


@pytest.mark.parametrize("api", PATHS)
async def test_a_word_that_is_not_known_is_refused_in_the_protocols_own_envelope(tmp_path: Path, api: str) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        body = {"model": "gateway-premium", "max_tokens": 9, "messages": [{"role": "user", "content": QUESTION}]}
        if api == "responses":
            body = {"model": "gateway-premium", "input": QUESTION}
        async with llmgw.http.post(PATHS[api], json=body, headers={"x-llmgw-cache": "never"}) as answer:
            status, told = answer.status, await answer.json()
    assert (status, fake.calls) == (400, 0)
    assert "no-store, bypass or refresh" in told["error"]["message"]
    assert (told.get("type") == "error") is (api == "messages")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="", tools=(("weather", {"city": "Accra"}),)),
        Reply(text="half an", stop="max_tokens"),
        Reply(text="I cannot help with that.", stop="refusal"),
        Reply(text="Let me go on later.", stop="pause_turn"),
        Reply(text="Too lon", stop="model_context_window_exceeded"),
        Reply(text="The key is sk-ant-api03-Zm9vYmFyYmF6cXV4Zm9v1234."),
    ],
    ids=["tools", "truncated", "refused", "paused", "full", "secret"],
)
@pytest.mark.parametrize("api", ["chat", "messages"])
async def test_what_is_no_answer_to_others_is_kept_by_neither_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: Reply, api: str
) -> None:
    tool: Any = {"name": "weather", "input_schema": {"type": "object"}}
    if api == "chat":
        tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    more: dict[str, Any] = {"tools": [tool]} if reply.tools else {}
    async with setting(tmp_path, monkeypatch, reply, reply, Reply(text="Accra.")) as (fake, llmgw):
        seen = [(await ask(llmgw, api, stream=stream, **more)).cache for stream in (True, False)]
        seen.append((await ask(llmgw, api, REWORDED, **more)).cache)
    assert (seen, fake.calls) == (["miss"] * 3, 3)


async def test_a_way_to_reach_somebody_is_told_again_to_who_asked_and_to_no_other_wording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = Reply(text="Write to ada@lovelace-archive.org.")
    async with setting(tmp_path, monkeypatch, reply, reply) as (_, llmgw):
        seen = [(await ask(llmgw, "chat", text)).cache for text in (QUESTION, QUESTION, REWORDED)]
    assert seen == ["miss", "exact", "miss"]


async def test_turns_that_end_in_the_same_carrier_share_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turn(city: str, minute: int) -> Any:
        system = {"role": "system", "content": "You are a personal assistant running inside OpenClaw."}
        asked = f"[Mon 2026-11-23 15:{minute} UTC] What is the capital of {city}?"
        return [system, {"role": "user", "content": asked}, {"role": "user", "content": CARRIER}]

    cities = ["France", "Italy", "Ghana", "Togo", "Peru"]
    held = [Reply(text="One of them.", held=True)] * len(cities)
    async with setting(tmp_path, monkeypatch, *held) as (fake, llmgw):
        asked = [
            asyncio.create_task(llmgw.stream(messages=turn(city, minute))) for minute in (10, 11) for city in cities
        ]
        flights = llmgw.gateway.pipeline._flights._flights
        while sum(flight.aboard for flight in flights.values()) < 10:  # noqa: ASYNC110 - boarding has no event
            await asyncio.sleep(0.005)
        names = len(flights)
        fake.resume()
        seen = [headers["x-llmgw-cache"] for headers, _ in await asyncio.gather(*asked)]
    assert fake.calls == names == len(cities)
    assert sorted(seen) == ["exact"] * 5 + ["miss"] * 5, "the same turn a minute later is the same"
