"""Sums that screens show of today and of the last hour: counted as requests end, and read from the log at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
        saved = row.otherwise.saved(row.cost_microusd)[1]
        self.cache = replace(self.cache, prompt_cache_saved_microusd=self.cache.prompt_cache_saved_microusd + saved)
        if row.served_by:
            sums = self.tiers.setdefault(row.served_by, [0, 0, 0, 0])
            for index, value in enumerate((row.answered, row.input_tokens, row.output_tokens, row.cost_microusd)):
                sums[index] += value
            self.cache = _counted(self.cache, row, usage)


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


@dataclass(frozen=True, slots=True)
class ModelUse:
    """How often a model answered today, and how long its newest answers took, the oldest first: in all, and until the
    first token where that is known, in milliseconds."""

    provider: str
    model: str
    requests: int = 0
    answers: tuple[tuple[float, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
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
    match row.cache:
        case CacheStatus.EXACT:
            stats = replace(stats, exact_hits=stats.exact_hits + 1)
        case CacheStatus.SEMANTIC:
            stats = replace(stats, semantic_hits=stats.semantic_hits + 1)
        case CacheStatus.MISS:
            stats = replace(stats, misses=stats.misses + 1)
        case CacheStatus.BYPASS:
            stats = replace(stats, bypassed=stats.bypassed + 1)
    if row.cache.is_hit:
        saved = stats.saved_microusd + row.otherwise.saved(row.cost_microusd)[0]
        return replace(stats, saved_microusd=saved, today=more_saved(stats.today, row))
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return replace(
        stats,
        prompt_cache_read_tokens=stats.prompt_cache_read_tokens + usage.cache_read_tokens,
        prompt_cache_write_tokens=stats.prompt_cache_write_tokens + written,
    )
