"""``/metrics``: counters and gauges for Prometheus, named by its conventions. No prompt and no key is in a label."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from aiohttp import web

from gateway_core.events import Event, RequestFinished
from gateway_core.gateway import VERSION, Gateway
from gateway_core.http.prometheus_cache import CacheMetrics
from gateway_core.http.prometheus_labels import Names
from gateway_core.http.prometheus_requests import RequestMetrics
from gateway_core.http.prometheus_sums import Distribution

if TYPE_CHECKING:
    from gateway_core.http.prometheus_page import Page

LAG_EVERY_S = 0.5
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.015, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counts requests as they finish; the rest is read when asked."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._models = Names()
        self._requests = RequestMetrics(self._models, Names())
        self._caches = CacheMetrics()
        self._lag = Distribution("llmgw_event_loop_lag_seconds", "How late timers come.", (), LAG_SECONDS)
        self._watching: asyncio.Task[None] | None = None

    @cached_property
    def _page(self) -> Page:
        from gateway_core.http.prometheus_page import Page

        counted = (self._requests.families, self._caches.families, lambda: [self._lag.family()])
        return Page(VERSION, counted, self._models)

    async def start(self, _: web.Application) -> None:
        self._gateway.bus.listen(self._hear, RequestFinished)
        self._watching = asyncio.create_task(self._watch_the_loop(), name="event loop lag")

    async def stop(self, _: web.Application) -> None:
        self._gateway.bus.unlisten(self._hear)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def _hear(self, event: Event) -> None:
        if isinstance(event, RequestFinished):
            self._requests.count(event)
            self._caches.count(event.row)

    async def _watch_the_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.observe((), max(0.0, loop.time() - due))

    async def handle(self, _: web.Request) -> web.Response:
        """Reads the gateway here, and writes the text in a thread: there may be thousands of lines."""
        now = self._gateway.snapshot(rows=0)
        self._page.state.read(now, self._gateway.health.circuits(), self._gateway.health.troubles())
        body = await asyncio.to_thread(self._page.write)
        return web.Response(body=body, headers={"Content-Type": self._page.content_type})
