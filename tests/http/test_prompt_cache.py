"""A recorded OpenClaw session through the whole gateway, to a Claude whose prompt cache keeps the real one's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway_core.model import JsonObject
from tests.clients.recorded import Recorded, recorded_session
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import Client, client, with_claude


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
    return sum(usage[names[2]] for usage in usages) / sum(usage[name] for usage in usages for name in names)


async def test_ten_turns_of_openclaw_are_read_from_the_cache(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as gateway:
        details = await replay(gateway, *recorded_session())
    assert claude.rejected == []
    assert len(claude.usages) == 14
    assert claude.usages[0]["cache_read_input_tokens"] == 0
    assert all(usage["cache_read_input_tokens"] for usage in claude.usages[1:])
    assert share_read(claude.usages[1:]) > 0.97
    assert [said(detail) for detail in details] == [[]] * 14
