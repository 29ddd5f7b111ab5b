"""A recorded OpenClaw session through the whole gateway, to a Claude whose prompt cache keeps the real one's rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway_core.model import JsonObject
from tests.clients.recorded import Recorded, recorded_session
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import Client, client, with_claude, with_groq


async def replay(gateway: Client, *requests: Recorded, **more: Any) -> list[JsonObject]:
    """Sends the requests one after the other; returns their details."""
    details = []
    for request in requests:
        async with gateway.http.post(
            "/v1/chat/completions", json={**request.body, **more}, headers=request.headers
        ) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()
        details.append(await gateway.get(f"/api/requests/{answer.headers['x-llmgw-request-id']}"))
    return details


def said(detail: JsonObject, step: str = "cache break") -> list[str]:
    return [remark["text"] for remark in detail["remarks"] if remark["step"] == step]


def share_read(usages: list[JsonObject]) -> float:
    """How much of the input tokens was read from the prompt cache."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    read: int = sum(usage[names[2]] for usage in usages)
    total: int = sum(usage[name] for usage in usages for name in names)
    return read / total


async def test_ten_turns_of_openclaw_are_read_from_the_cache(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as gateway:
        details = await replay(gateway, *recorded_session())
    assert claude.rejected == []
    assert len(claude.usages) == 14
    assert claude.usages[0]["cache_read_input_tokens"] == 0
    assert all(usage["cache_read_input_tokens"] for usage in claude.usages[1:])
    assert share_read(claude.usages[1:]) > 0.97
    assert [said(detail) for detail in details] == [[]] * 14


async def test_a_break_is_explained_in_the_requests_detail(tmp_path: Path) -> None:
    first, second = recorded_session()[:2]
    changed = json.loads(json.dumps(second.body).replace("two plus two", "two plus ten"))
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as gateway:
        details = await replay(gateway, first, Recorded(second.headers, changed))
    [why] = said(details[1])
    assert "Changed by the client: messages[0].content[0].text differs from character" in why
    assert "What is two plus two?" in why and "What is two plus ten?" in why


async def test_a_stream_that_breaks_off_is_explained_too(tmp_path: Path) -> None:
    requests = recorded_session()[:2]
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as gateway:
        claude.script(Reply(), Reply(drop_after=4))
        details = await replay(gateway, *requests)
    assert said(details[1], "prompt cache")
    assert details[1]["usage"]["cache_read_tokens"] > 10_000


async def test_providers_that_cache_by_themselves_get_the_same_bytes_every_turn(tmp_path: Path) -> None:
    """OpenAI and Groq cache the longest prefix they have seen: nothing may be reordered, added or taken away."""
    requests = recorded_session()
    async with (
        FakeOpenAI(key="gsk-fake") as groq,
        client(tmp_path, cheap_model="fake-model", **with_groq(groq)) as gateway,
    ):
        await replay(gateway, *requests, model="gateway-cheap")
    assert len(groq.requests) == len(requests)
    for sent, got in zip(requests, groq.requests, strict=True):
        for name in ("messages", "tools"):
            assert json.dumps(got[name]) == json.dumps(sent.body[name])
