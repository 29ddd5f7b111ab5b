"""``/metrics``: counters and gauges for Prometheus, named by its conventions. No prompt and no key is in a label."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway_core.events import RequestFinished
from gateway_core.gateway import VERSION, Gateway
from gateway_core.http.prometheus_cache import CacheMetrics
from gateway_core.model import RequestRow
from gateway_core.providers.breaker import CircuitState

_CIRCUIT_VALUES = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)


class Metrics:
    """Counts requests as they finish; gauges are read when asked."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._registry = CollectorRegistry()
        labels = ("tier", "status", "cache")
        self._requests = Counter("llmgw_requests", "Requests that ended.", labels, registry=self._registry)
        self._tokens = Counter("llmgw_tokens", "Tokens used.", ("tier", "kind"), registry=self._registry)
        self._cost = Counter("llmgw_cost_usd", "US dollars charged.", ("tier",), registry=self._registry)
        self._saved = Counter(
            "llmgw_saved_usd", "US dollars saved against premium.", ("tier",), registry=self._registry
        )
        self._above = Counter(
            "llmgw_above_premium_usd",
            "US dollars paid above premium's list price, as for prompt-cache writes; take them from what was saved.",
            ("tier",),
            registry=self._registry,
        )
        self._duration = Histogram(
            "llmgw_request_duration_seconds", "Whole request.", ("tier",), buckets=SECONDS, registry=self._registry
        )
        self._first_token = Histogram(
            "llmgw_time_to_first_token_seconds", "First token.", ("tier",), buckets=SECONDS, registry=self._registry
        )
        self._gauges = {
            name: Gauge(f"llmgw_{name}", text, registry=self._registry)
            for name, text in {
                "in_flight_requests": "Requests under way.",
                "kill_switch": "1 while the kill switch is on.",
                "budget_spent_usd": "Spent today (UTC).",
                "budget_reserved_usd": "Reserved for calls under way.",
                "budget_hard_limit_usd": "Daily hard limit; 0 is off.",
            }.items()
        }
        self._circuits = Gauge(
            "llmgw_circuit_state",
            "0 closed, 1 half open, 2 open: whether a model is called.",
            ("provider", "model"),
            registry=self._registry,
        )
        self._caches = CacheMetrics(self._registry)
        self._repaired = Counter(
            "llmgw_repaired_requests", "Requests whose answer was put right or replaced.", registry=self._registry
        )
        Gauge("llmgw_build_info", "Version.", ("version",), registry=self._registry).labels(VERSION).set(1)
        self._listener: asyncio.Task[None] | None = None

    async def start(self, _: web.Application) -> None:
        self._listener = asyncio.create_task(self._listen(), name="metrics")

    async def stop(self, _: web.Application) -> None:
        if self._listener:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)

    async def _listen(self) -> None:
        with self._gateway.bus.subscribe() as subscription:
            async for event in subscription:
                if isinstance(event, RequestFinished):
                    self._count(event.row)

    def _count(self, row: RequestRow) -> None:
        tier = row.served_by or "none"
        self._requests.labels(tier, row.status.value, row.cache.value).inc()
        self._tokens.labels(tier, "input").inc(row.input_tokens)
        self._tokens.labels(tier, "output").inc(row.output_tokens)
        self._cost.labels(tier).inc(row.cost_microusd / 1e6)
        saved = self._saved if row.saved_microusd >= 0 else self._above
        saved.labels(tier).inc(abs(row.saved_microusd) / 1e6)
        self._caches.count(row)
        self._duration.labels(tier).observe(row.latency_ms / 1e3)
        if row.repaired:
            self._repaired.inc()
        if row.first_token_ms is not None:
            self._first_token.labels(tier).observe(row.first_token_ms / 1e3)

    async def handle(self, _: web.Request) -> web.Response:
        now = self._gateway.snapshot(rows=0)
        for name, value in {
            "in_flight_requests": now.in_flight,
            "kill_switch": now.kill.on,
            "budget_spent_usd": now.budget.spent_microusd / 1e6,
            "budget_reserved_usd": now.budget.reserved_microusd / 1e6,
            "budget_hard_limit_usd": now.budget.hard_microusd / 1e6,
        }.items():
            self._gauges[name].set(value)
        self._caches.read(now.cache)
        self._circuits.clear()
        for circuit in self._gateway.circuits():
            self._circuits.labels(circuit.provider, circuit.model).set(_CIRCUIT_VALUES[circuit.state])
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
