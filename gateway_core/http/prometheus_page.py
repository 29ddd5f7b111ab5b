"""What ``/metrics`` is written with: the client library, which is imported when somebody asks for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway_core.http.prometheus_labels import Names
from gateway_core.http.prometheus_state import StateMetrics

Families: TypeAlias = Callable[[], Iterable[Metric]]


class Counted(Collector):
    """What was counted elsewhere, in the library's form."""

    def __init__(self, families: Sequence[Families]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return [family for families in self._families for family in families()]


class Page:
    """What was ``counted``, the gateway's state as it was read last, and the process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, version: str, counted: Sequence[Families], models: Names) -> None:
        self.state = StateMetrics(models)
        self._registry = registry = CollectorRegistry()
        registry.register(Counted(counted))
        registry.register(self.state)
        Gauge("llmgw_build_info", "Version.", ("version",), registry=registry).labels(version).set(1)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def write(self) -> bytes:
        """All of it as text; for a thread."""
        return generate_latest(self._registry)
