"""What the tests of the local server share: a collector of events and a built-in model that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiohttp import web

from gateway_core.events import Event
from gateway_core.model import JsonObject
from gateway_core.ollama.manager import LocalModels
from gateway_core.settings import Settings

NOTHING = "http://127.0.0.1:1/v1"
"""A base URL where nothing listens."""

E = TypeVar("E", bound=Event)


class Collector:
    """Keeps what is published, and waits for more."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._more = asyncio.Event()

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self._more.set()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, met: Callable[[], object]) -> None:
        """Returns once ``met`` is true after an event."""
        async with asyncio.timeout(10):
            while not met():
                self._more.clear()
                await self._more.wait()


class FakeStandIn:
    """A built-in model that starts at once, or when the test lets it."""

    name = "builtin/smollm2-135m"
    context_tokens = 24576

    def __init__(self, missing: str | None = None, fails: str | None = None) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.endpoint: tuple[str, str] | None = None
        self.failure: str | None = None
        self.starts = 0
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.stopped = asyncio.Event()
        self._missing = missing
        self._fails = fails

    def available(self) -> str | None:
        return self._missing

    async def start(self) -> str:
        self.starts += 1
        await self.may_start.wait()
        if self._fails:
            self.failure = self._fails
            raise RuntimeError(self._fails)
        self.endpoint = ("http://127.0.0.1:9/v1", "secret")
        self.on_change()
        return self.endpoint[0]

    async def stop(self) -> None:
        self.endpoint = None
        self.stopped.set()
        self.on_change()


def settings(url: str, **more: Any) -> Settings:
    """Settings that no environment or file can change."""
    return Settings.model_construct(
        **{"local_llm_url": url, "builtin_model": "off", **more}, _fields_set={"local_llm_url", *more}
    )


@asynccontextmanager
async def running(local: LocalModels) -> AsyncIterator[LocalModels]:
    """The manager started, after its own first look: from then on it looks when the test says so."""
    await local.start()
    try:
        await local.refresh()
        await local.refresh()
        yield local
    finally:
        await local.close()


@asynccontextmanager
async def json_server(answers: dict[str, JsonObject | int]) -> AsyncIterator[str]:
    """A server that answers GET paths with JSON objects or bare statuses; yields its root."""

    async def answer(request: web.Request) -> web.Response:
        found = answers.get(request.path, 404)
        if isinstance(found, int):
            return web.json_response({"error": "no"}, status=found)
        return web.json_response(found)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
