"""The caches' part of ``/metrics``: hits and what they saved, entries, and how often a semantic hit is wrong."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway_core.cache_entries import EXACT, KINDS, SEMANTIC
from gateway_core.model import CacheStats, RequestRow, Status

_VERDICTS = ("waiting", "approved", "rejected")


class CacheMetrics:
    """Counters of requests as they finish; gauges are read when asked. The rates are of the last 30 days."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hits = Counter("llmgw_cache_hits", "Requests that a cache answered.", ("kind",), registry=registry)
        self._saved = Counter("llmgw_cache_saved_usd", "US dollars that hits saved.", registry=registry)
        self._seconds = Counter("llmgw_cache_saved_seconds", "Seconds that hits saved.", registry=registry)
        self._entries = Gauge("llmgw_cache_entries", "Answers kept.", ("kind",), registry=registry)
        self._pairs = Gauge(
            "llmgw_semantic_pairs", "Pairs of questions for the local judge.", ("verdict",), registry=registry
        )
        self._rates = {
            name: Gauge(f"llmgw_semantic_{name}", text, registry=registry)
            for name, text in {
                "false_hit_rate": "Wrong answers among checked semantic hits, 0-1; NaN while none was checked.",
                "false_hit_rate_low": "Lower end of its 95 % interval.",
                "false_hit_rate_high": "Upper end of its 95 % interval.",
                "hits_checked": "Semantic hits that were checked.",
                "hits_marked_wrong": "Semantic hits that the user marked wrong, of all time.",
                "max_error": "SEMANTIC_MAX_ERROR.",
            }.items()
        }
        for kind in KINDS:
            self._hits.labels(kind)

    def count(self, row: RequestRow) -> None:
        if not row.cache.is_hit or row.status is not Status.OK:
            return
        self._hits.labels(row.cache.value).inc()
        self._saved.inc(max(0, row.otherwise.saved(row.cost_microusd)[0]) / 1e6)
        self._seconds.inc(row.saved_ms / 1e3)

    def read(self, stats: CacheStats) -> None:
        semantic, recent = stats.semantic, stats.semantic.recent
        self._entries.labels(EXACT).set(stats.entries)
        self._entries.labels(SEMANTIC).set(semantic.entries)
        for verdict in _VERDICTS:
            self._pairs.labels(verdict).set(getattr(semantic, f"grey_{verdict}"))
        for name, value in {
            "false_hit_rate": float("nan") if recent.rate is None else recent.rate,
            "false_hit_rate_low": recent.low,
            "false_hit_rate_high": recent.high,
            "hits_checked": recent.checked,
            "hits_marked_wrong": semantic.marked_wrong,
            "max_error": semantic.max_error,
        }.items():
            self._rates[name].set(value)
