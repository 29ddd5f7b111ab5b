"""``/metrics``: counters and gauges for Prometheus, named by its conventions. No prompt and no key is in a label."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from gateway_core.events import Event, RequestFinished
from gateway_core.gateway import VERSION, Gateway
from gateway_core.http.prometheus_cache import CacheMetrics
from gateway_core.http.prometheus_labels import Names
from gateway_core.http.prometheus_requests import RequestMetrics
from gateway_core.http.prometheus_state import StateMetrics

LAG_EVERY_S = 0.5
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.015, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counts requests as they finish; the rest is read when asked."""

    def __init__(self, gateway: Gateway) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._gateway = gateway
        self._registry = registry = CollectorRegistry()
        models = Names()
        self._requests = RequestMetrics(registry, models, Names())
        self._caches = CacheMetrics(registry)
        self._state = StateMetrics(models)
        registry.register(self._state)
        self._lag = Histogram(
            "llmgw_event_loop_lag_seconds", "How late timers come.", buckets=LAG_SECONDS, registry=registry
        )
        Gauge("llmgw_build_info", "Version.", ("version",), registry=registry).labels(VERSION).set(1)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._watching: asyncio.Task[None] | None = None

    async def start(self, _: web.Application) -> None:
        self._gateway.bus.listen(self._hear)
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
            self._lag.observe(max(0.0, loop.time() - due))

    async def handle(self, _: web.Request) -> web.Response:
        """Reads the gateway here, and writes the text in a thread: there may be thousands of lines."""
        now = self._gateway.snapshot(rows=0)
        self._caches.read(now.cache)
        self._state.read(now, self._gateway.health.circuits(), self._gateway.health.troubles())
        body = await asyncio.to_thread(generate_latest, self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
