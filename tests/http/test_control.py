"""The control surface: what is known, and what can be commanded, over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic import TypeAdapter

from gateway_core.events import EVENT_TYPES
from gateway_core.model import RequestDetail, Snapshot
from gateway_core.running import running_gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, client, make_settings, with_claude


async def test_the_snapshot_travels_whole(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("Hello?")
        sent = TypeAdapter(Snapshot).validate_python(await llmgw.get("/api/snapshot"))
        here = llmgw.gateway.snapshot()
    assert sent.requests == here.requests
    assert sent.budget == here.budget
    assert sent.tiers == here.tiers
    assert sent.requests[0].served_by == "premium"
    assert sent.requests_today == 1


async def test_a_request_can_be_looked_up_with_its_decision_messages_and_answer(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="Hello.")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, headers, _ = await llmgw.chat("Hello?")
        detail = TypeAdapter(RequestDetail).validate_python(
            await llmgw.get(f"/api/requests/{headers['x-llmgw-request-id']}")
        )
        found = (await llmgw.get("/api/requests?q=hello"))["requests"]
        nothing = (await llmgw.get("/api/requests?q=goodbye"))["requests"]
        async with llmgw.http.get("/api/requests/req_none") as answer:
            assert answer.status == 404
        async with llmgw.http.get("/api/requests?limit=nine") as answer:
            assert answer.status == 400
    assert detail.decision and detail.decision.target.model == "claude-sonnet-5-5"
    assert detail.messages == ({"role": "user", "content": "Hello?"},)
    assert detail.answer == {"role": "assistant", "content": "Hello."}
    assert (len(found), len(nothing)) == (1, 0)


async def test_events_tell_a_requests_way_in_order(tmp_path: Path) -> None:
    async with (
        FakeAnthropic() as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
        llmgw.http.get("/api/events") as stream,
    ):
        assert await stream.content.readline() == b": llmgw events\n"
        await llmgw.chat("Hello?")
        events = [await next_event(stream.content) for _ in range(3)]
    assert [kind for kind, _ in events] == ["request.started", "request.routed", "request.finished"]
    assert [data["row"]["status"] for _, data in events] == ["running", "running", "ok"]
    assert all(kind in EVENT_TYPES for kind, _ in events)


async def next_event(stream: asyncio.StreamReader | Any) -> tuple[str, Any]:
    kind = ""
    async for raw in stream:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            return kind, json.loads(line[6:])
    raise AssertionError("the event stream ended")


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("no_such_command", {}, "Known:"),
        ("force_tier", {"tier": "golden"}, "tier"),
        ("force_tier", {}, "tier"),
        ("set_budget", {"hard": -1}, "hard"),
        ("set_budget", {"hard": "much"}, "hard"),
        ("set_budget", {"colour": "red"}, "colour"),
        ("mark_wrong", {"request_id": "req_unknown"}, "not answered from the cache"),
        ("switch", {"tier": "golden", "model": "x"}, "tier"),
        ("pull", {"model": ""}, "model"),
    ],
)
async def test_a_wrong_command_says_what_is_wrong(
    tmp_path: Path, name: str, arguments: dict[str, object], word: str
) -> None:
    async with client(tmp_path) as llmgw:
        status, result = await llmgw.post(f"/api/commands/{name}", **arguments)
    assert status == 400 and result["ok"] is False
    assert word in result["message"]


async def test_limits_can_be_moved_and_are_in_force_at_once(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        _, result = await llmgw.post("/api/commands/set_budget", hard=0.5, soft=0)
        budget = await llmgw.get("/api/budget")
    assert result["ok"]
    assert (budget["hard_usd"], budget["soft_usd"], budget["medium_usd"]) == (0.5, None, 0.5)


async def test_the_operators_limits_last_until_the_configuration_changes(tmp_path: Path) -> None:
    async with client(tmp_path, daily_budget_hard=10) as llmgw:
        await llmgw.post("/api/commands/set_budget", hard=3)
    async with client(tmp_path, daily_budget_hard=10) as llmgw:
        assert (await llmgw.get("/api/budget"))["hard_usd"] == 3
    async with client(tmp_path, daily_budget_hard=20) as llmgw:
        assert (await llmgw.get("/api/budget"))["hard_usd"] == 20


async def test_kill_switch_has_its_own_address(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        assert await switch(llmgw, "status") == (200, False)
        assert await switch(llmgw, "enable") == (200, True)
        assert (await llmgw.get("/health"))["state"] == "killed"
        assert await switch(llmgw, "disable") == (200, False)
        async with llmgw.http.post("/admin/kill-switch?action=toggle") as answer:
            assert answer.status == 400
        async with llmgw.http.get("/admin/kill-switch?action=enable") as answer:
            assert answer.status == 405


async def switch(llmgw: Client, action: str) -> tuple[int, bool]:
    async with llmgw.http.post(f"/admin/kill-switch?action={action}") as answer:
        return answer.status, (await answer.json())["enabled"]


async def test_read_only_changes_nothing(tmp_path: Path) -> None:
    async with running_gateway(make_settings(tmp_path), read_only=True) as gateway:
        results = [await gateway.commands.run(name, {}) for name in gateway.commands.names]
        assert not any(result.ok for result in results)
        assert not gateway.snapshot().kill.on
        assert gateway.snapshot().read_only


async def test_prometheus_counts_requests_tokens_and_dollars_without_a_prompt(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("a canary in a prompt")
        await llmgw.chat("a canary in a prompt")
        async with llmgw.http.get("/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            text = await answer.text()
    claude = 'model="claude-sonnet-5-5",provider="anthropic"'
    assert f'llmgw_requests_total{{cache="miss",lane="interactive",{claude},status="ok",tier="premium"}} 1.0' in text
    assert f'llmgw_requests_total{{cache="exact",lane="interactive",{claude},status="ok",tier="cache"}} 1.0' in text
    assert f'llmgw_cost_usd_total{{{claude},tier="premium"}}' in text
    assert "canary" not in text and "test-key" not in text


async def test_nothing_is_served_from_an_unknown_address(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        async with llmgw.http.get("/nowhere") as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "not_found"
        async with llmgw.http.get("/v1/chat/completions") as answer:
            assert answer.status == 405
            assert answer.content_type == "application/json"


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings", "/api/commands/kill"]
)
async def test_a_body_that_is_not_encoded_as_its_headers_say_is_the_callers_mistake(tmp_path: Path, path: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with (
        client(tmp_path) as llmgw,
        aiohttp.ClientSession(llmgw.gateway.address, headers=dict(llmgw.http.headers)) as http,
        http.post(path, data=aiohttp.BytesPayload(b'{"model": "m"}'), headers=headers) as answer,
    ):
        error = (await answer.json())["error"]
        assert (answer.status, error["type"]) == (400, "invalid_request_error")
        assert "Content-Encoding" in error["message"]


async def test_the_log_quotes_nothing_of_a_request_that_is_no_http(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(tmp_path) as llmgw:
        address = urlsplit(llmgw.gateway.address)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-secret\x01\r\n\r\n"
        writer.write(head)
        assert (await reader.read()).startswith(b"HTTP/1.0 400")
        writer.close()
    assert "BadHttpMessage" in caplog.text
    assert "sk-secret" not in caplog.text


async def test_a_body_that_is_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    async with client(tmp_path, max_body_bytes=10_000) as llmgw:
        status, _, body = await llmgw.chat("x" * 20_000)
    assert (status, body["error"]["code"]) == (413, "invalid_request")
    assert "10000" in body["error"]["message"]
