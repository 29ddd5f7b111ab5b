"""The source of ``llmgw attach``, against a server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import pytest
from aiohttp import web
from pydantic import TypeAdapter

from gateway_core.events import Notice
from gateway_core.model import CacheEntryDetail, CacheHit, CachePage, CommandResult, RequestDetail, Snapshot
from gateway_core.snapshot_changes import Changes, changes
from llmgw_tui.source_http import HttpSource
from tests.fakes import details, snapshots

KEY = "a-key"


@dataclass
class FakeGateway:
    """Answers as the gateway's API does."""

    snapshot: Snapshot = field(default_factory=snapshots.busy)
    commands: list[tuple[str, object]] = field(default_factory=list)
    listeners: int = 0
    say: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    port: int = 0

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        app = web.Application(middlewares=[self._authorised])
        app.router.add_get("/api/snapshot", self._get_snapshot)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/api/requests/{id}", self._detail)
        app.router.add_get("/api/cache/entries", self._entries)
        app.router.add_get("/api/cache/entries/{id}", self._entry)
        app.router.add_get("/api/cache/hits", self._hits)
        app.router.add_post("/api/commands/{name}", self._command)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield f"http://127.0.0.1:{self.port}"
        finally:
            await runner.cleanup()

    @web.middleware
    async def _authorised(self, request: web.Request, handler: Callable[..., object]) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            said = "The gateway's key is missing or wrong. Send it as 'Authorization: Bearer KEY'."
            error = {"error": {"message": said, "code": "invalid_api_key"}}
            return web.json_response(error, status=401)
        return await handler(request)  # type: ignore[misc,no-any-return]

    async def _get_snapshot(self, request: web.Request) -> web.Response:
        whole = changes(None, self.snapshot, "", "fake-1")
        return web.Response(body=TypeAdapter(Changes).dump_json(whole), content_type="application/json")

    async def _detail(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != self.snapshot.requests[5].id:
            return web.json_response({"error": {"message": "no such request"}}, status=404)
        return web.Response(
            body=TypeAdapter(RequestDetail).dump_json(details.detail()), content_type="application/json"
        )

    async def _entries(self, request: web.Request) -> web.Response:
        kind, query = request.query["kind"], request.query["q"]
        if kind == "semantic" and query == "starting":
            error = {"error": {"message": "still starting", "code": "cache_unavailable"}}
            return web.json_response(error, status=503)
        found = tuple(entry for entry in snapshots.cache_entries() if entry.kind == kind)
        page = CachePage(found, len(found))
        return web.Response(body=TypeAdapter(CachePage).dump_json(page), content_type="application/json")

    async def _entry(self, request: web.Request) -> web.Response:
        found = next((one for one in snapshots.cache_entries() if one.id == request.match_info["id"]), None)
        if found is None:
            return web.json_response({"error": {"message": "no such entry"}}, status=404)
        body = TypeAdapter(CacheEntryDetail).dump_json(snapshots.cached_answer(found))
        return web.Response(body=body, content_type="application/json")

    async def _hits(self, request: web.Request) -> web.Response:
        body = TypeAdapter(dict[str, tuple[CacheHit, ...]]).dump_json({"hits": snapshots.cache_hits()})
        return web.Response(body=body, content_type="application/json")

    async def _command(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name == "boom":
            return web.json_response({"error": {"message": "read-only"}}, status=403)
        if name == "odd":
            return web.Response(text="<html>", status=502)
        self.commands.append((name, await request.json()))
        return web.json_response({"ok": True, "message": f"{name} done"})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.listeners += 1
        await response.write(b": hello\n\n")
        while True:
            await response.write((await self.say.get()).encode())


@asynccontextmanager
async def source_of(url: str, key: str = KEY) -> AsyncIterator[HttpSource]:
    source = HttpSource(url, key, now=lambda: snapshots.NOW, first_retry_s=0.02)
    await source.start()
    try:
        yield source
    finally:
        await source.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def test_the_snapshot_comes_as_it_was_sent() -> None:
    gateway = FakeGateway()
    async with gateway.running() as url, source_of(f"{url}/v1/") as source:
        assert source.snapshot() is None and not source.connected and source.attached
        await until(lambda: source.connected)
        assert source.snapshot() == gateway.snapshot and source.stale_since is None and source.status == ""


async def test_details_and_commands() -> None:
    gateway = FakeGateway()
    async with gateway.running() as url, source_of(url) as source:
        assert await source.detail(gateway.snapshot.requests[5].id) == details.detail()
        assert await source.detail("req_unknown") is None
        assert await source.run("force_tier", tier="local") == CommandResult(True, "force_tier done")
        assert gateway.commands == [("force_tier", {"tier": "local"})]
        assert await source.run("boom") == CommandResult(False, "read-only")
        odd = await source.run("odd")
        assert not odd.ok and odd.message


async def test_the_caches_come_together_and_what_is_missing_is_said() -> None:
    gateway = FakeGateway()
    async with gateway.running() as url, source_of(url) as source:
        page = await source.cache_entries("", "hits")
        assert [entry.hits for entry in page.entries] == [11, 5, 3, 1, 0] and page.total == 5 and page.problem == ""
        page = await source.cache_entries("starting", "newest")
        assert {entry.kind for entry in page.entries} == {"exact"} and page.problem == "still starting"
        first = snapshots.cache_entries()[0]
        assert await source.cache_entry(first.id) == snapshots.cached_answer(first)
        assert await source.cache_entry("x-none") is None
        assert await source.cache_hits() == snapshots.cache_hits()
    async with source_of(f"http://127.0.0.1:{gateway.port}") as source:
        assert "nothing listens" in (await source.cache_entries("\ud800")).problem
        assert await source.cache_hits() is None


async def test_a_lost_gateway_makes_the_data_stale_and_a_new_one_is_found() -> None:
    gateway = FakeGateway()
    async with gateway.running() as url:
        source = HttpSource(url, KEY, now=lambda: snapshots.NOW, first_retry_s=0.02)
        await source.start()
        await until(lambda: source.connected)
    try:
        await until(lambda: not source.connected)
        assert source.snapshot() == gateway.snapshot and source.stale_since == snapshots.NOW
        assert "nothing listens" in source.status or "does not answer" in source.status
        lost = await source.run("kill")
        assert not lost.ok and "did not reach the gateway" in lost.message
        again = FakeGateway(snapshot=snapshots.killed())
        async with again.running(gateway.port):
            await until(lambda: source.connected and source.snapshot() == again.snapshot)
            assert source.stale_since is None
    finally:
        await source.close()


async def test_a_wrong_key_says_what_to_do() -> None:
    gateway = FakeGateway()
    async with gateway.running() as url, source_of(url, "another") as source:
        await until(lambda: "wrong key" in source.status)
        assert "--key" in source.status and len(source.status) < 66  # beside CONNECTING at 80 columns
        assert source.snapshot() is None


async def test_events_come_typed_and_what_is_unknown_is_left_out() -> None:
    gateway = FakeGateway()
    notice = Notice(snapshots.NOW, "warning", "Ollama went away")
    async with gateway.running() as url, source_of(url) as source:
        heard = asyncio.ensure_future(anext(aiter(source.events())))
        await until(lambda: gateway.listeners > 0)
        gateway.say.put_nowait("event: later.thing\ndata: {}\n\n")
        gateway.say.put_nowait('event: notice\ndata: {"broken\n\n')
        body = json.dumps({"at": notice.at, "level": notice.level, "text": notice.text})
        gateway.say.put_nowait(f"event: notice\r\ndata: {body}\r\n\r\n")
        assert await asyncio.wait_for(heard, 10) == notice


async def test_read_only_refuses_below_the_views_and_says_so() -> None:
    gateway = FakeGateway()
    async with gateway.running() as url:
        source = HttpSource(url, KEY, now=lambda: snapshots.NOW, first_retry_s=0.02, read_only=True)
        await source.start()
        try:
            await until(lambda: source.connected)
            snapshot = source.snapshot()
            assert snapshot is not None and snapshot.read_only
            result = await source.run("kill")
            assert not result.ok and "read-only" in result.message and gateway.commands == []
        finally:
            await source.close()


async def test_a_key_that_has_changed_is_looked_up_again() -> None:
    gateway = FakeGateway()
    keys = ["old", "old", KEY]
    async with gateway.running() as url:
        source = HttpSource(
            url, "old", now=lambda: snapshots.NOW, first_retry_s=0.02, look_up_key=lambda: keys.pop(0) if keys else KEY
        )
        await source.start()
        try:
            await until(lambda: source.connected)
            assert (await source.run("force_tier", tier="local")).ok
        finally:
            await source.close()


async def test_silence_makes_the_data_stale_before_the_request_fails() -> None:
    gateway, clock = FakeGateway(), [snapshots.NOW]
    async with gateway.running() as url:
        source = HttpSource(url, KEY, now=lambda: clock[0], first_retry_s=0.02)
        await source.start()
        try:
            await until(lambda: source.connected)
            clock[0] += 3600
            assert not source.connected and source.stale_since == snapshots.NOW and "no word" in source.status
            await until(lambda: source.connected)  # the next snapshot
        finally:
            await source.close()


@pytest.mark.parametrize(
    ("health", "snapshot", "words"),
    [
        (web.json_response({"service": "llmgw", "version": "0.0.1"}), "{}", "the gateway is llmgw 0.0.1, this is"),
        (web.json_response({"service": "llmgw", "version": version("llmgw")}), "{}", "of another version"),
        (web.json_response({"service": "other"}), "<html>", "is not an llmgw: check the address"),
        (web.Response(text="<html>"), "<html>", "is not an llmgw: check the address"),
        (web.Response(status=404), "", "is not an llmgw: check the address"),
    ],
)
async def test_what_answers_instead_is_named(health: web.Response, snapshot: str, words: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        found = health if request.path == "/health" else web.Response(text=snapshot, status=200 if snapshot else 404)
        return web.Response(body=found.body, status=found.status, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with source_of(f"http://127.0.0.1:{runner.addresses[0][1]}") as source:
            await until(lambda: words in source.status)
            assert source.snapshot() is None and not source.connected
    finally:
        await runner.cleanup()
