"""Sums that screens show of today and of the last hour: counted as requests end, and read from the log at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway_core.frozen import frozen
from gateway_core.model import CacheStats, CacheStatus, RequestRow, Saved, Savings, Status, Usage

NOTHING_SAVED = Savings()


@dataclass(slots=True)
class Day:
    """Sums of a UTC day. ``tiers`` by name (``cache`` too): answered requests, and of all that went there, failed ones
    included, input and output tokens and micro-dollars."""

    date: str
    tiers: dict[str, list[int]] = field(default_factory=dict)
    cache: CacheStats = CacheStats()
    requests: int = 0
    saved_microusd: int = 0

    def count(self, row: RequestRow, usage: Usage) -> None:
        """Adds a request that has ended."""
        self.requests += 1
        self.saved_microusd += row.saved_microusd
        if served_by := row.served_by:
            sums = self.tiers.setdefault(served_by, [0, 0, 0, 0])
            sums[0] += row.answered
            sums[1] += row.input_tokens
            sums[2] += row.output_tokens
            sums[3] += row.cost_microusd
            self.cache = _counted(self.cache, row, usage)
        else:
            saved = self.cache.prompt_cache_saved_microusd + row.otherwise.saved(row.cost_microusd)[1]
            self.cache = replace(self.cache, prompt_cache_saved_microusd=saved)


@dataclass(slots=True)
class Minute:
    """Requests that ended in one minute, those that looked into the answer caches, and those that found something."""

    requests: int = 0
    looked: int = 0
    hits: int = 0

    def count(self, row: RequestRow) -> None:
        self.requests += 1
        self.looked += row.cache is not CacheStatus.BYPASS and bool(row.served_by)
        self.hits += row.cache.is_hit


def minute_of(row: RequestRow) -> int:
    """The minute of Unix time in which a request ended."""
    return int((row.at + row.latency_ms / 1000) / 60)


@frozen
class ModelUse:
    """How often a model answered today, and how long its newest answers took, the oldest first: in all, and until the
    first token where that is known, in milliseconds."""

    provider: str
    model: str
    requests: int = 0
    answers: tuple[tuple[float, float | None], ...] = ()


@frozen
class Tallies:
    """What the log holds of today and of the last hour. ``minutes`` by their number, ``ever`` of all that is logged."""

    day: Day
    minutes: Mapping[int, Minute] = field(default_factory=dict)
    ever: Savings = NOTHING_SAVED


def more_saved(savings: Savings, row: RequestRow) -> Savings:
    """With what one request saved, if a cache answered it."""
    if not row.cache.is_hit or row.status is not Status.OK:
        return savings
    name = row.cache.value
    saved: Saved = getattr(savings, name)
    return replace(savings, **{name: saved.plus(row.otherwise.saved(row.cost_microusd)[0], row.saved_ms)})


def _counted(stats: CacheStats, row: RequestRow, usage: Usage) -> CacheStats:
    """With a request that somebody served."""
    by_cache, by_prompt, _ = row.otherwise.saved(row.cost_microusd)
    hit, read, written = row.cache.is_hit, 0, 0
    if not hit:
        by_cache, read, written = 0, usage.cache_read_tokens, usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return CacheStats(
        stats.exact_hits + (row.cache is CacheStatus.EXACT),
        stats.semantic_hits + (row.cache is CacheStatus.SEMANTIC),
        stats.misses + (row.cache is CacheStatus.MISS),
        stats.bypassed + (row.cache is CacheStatus.BYPASS),
        stats.entries,
        stats.saved_microusd + by_cache,
        stats.prompt_cache_read_tokens + read,
        stats.prompt_cache_write_tokens + written,
        stats.semantic,
        more_saved(stats.today, row) if hit else stats.today,
        stats.ever,
        stats.prompt_cache_saved_microusd + by_prompt,
    )
