"""The caches' part of ``/metrics`` that is counted as requests end: hits and what they saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_core.cache_entries import KINDS
from gateway_core.http.prometheus_sums import Counts
from gateway_core.model import RequestRow, Status

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class CacheMetrics:
    """Requests that a cache answered, and what that saved."""

    def __init__(self) -> None:
        self._hits = Counts("llmgw_cache_hits", "Requests that a cache answered.", ("kind",))
        self._saved = Counts("llmgw_cache_saved_usd", "US dollars that hits saved.")
        self._seconds = Counts("llmgw_cache_saved_seconds", "Seconds that hits saved.")
        for kind in KINDS:
            self._hits.of[kind,] = 0.0

    def families(self) -> list[Metric]:
        """All of it so far, in any thread."""
        return [each.family() for each in (self._hits, self._saved, self._seconds)]

    def count(self, row: RequestRow) -> None:
        if not row.cache.is_hit or row.status is not Status.OK:
            return
        self._hits.of[row.cache.value,] += 1
        self._saved.of[()] += max(0, row.otherwise.saved(row.cost_microusd)[0]) / 1e6
        self._seconds.of[()] += row.saved_ms / 1e3
