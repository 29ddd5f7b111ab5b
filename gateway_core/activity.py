"""What the panes show of today: recent requests, counts and sums, kept in memory and cheap to read."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway_core.model import (
    CacheStats,
    CacheStatus,
    RequestRow,
    Saved,
    Savings,
    SemanticStats,
    Series,
    Status,
    Tier,
    TierStats,
    Usage,
)
from gateway_core.store.days import day_of, start_of

RECENT_ROWS = 500
MINUTES = 60
NOTHING_USED = Usage()
UNKNOWN = SemanticStats()
NOTHING_SAVED = Savings()


@dataclass(slots=True)
class Day:
    """Sums since midnight UTC. ``tiers`` by name (``cache`` too): answered requests, and of all that went there, failed
    ones included, input and output tokens and micro-dollars."""

    date: str
    tiers: dict[str, list[int]] = field(default_factory=dict)
    cache: CacheStats = CacheStats()
    requests: int = 0
    saved_microusd: int = 0


@dataclass(slots=True)
class Minute:
    """Answer-cache look-ups and requests of one minute."""

    at: int
    requests: int = 0
    looked: int = 0
    hits: int = 0


class Activity:
    """Fed with rows as they start, move and finish; midnight starts a new day by itself."""

    def __init__(self, now: float) -> None:
        self._rows: OrderedDict[str, RequestRow] = OrderedDict()
        self._day = Day(day_of(now))
        self._ever = NOTHING_SAVED
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)

    def restore(
        self,
        rows_newest_first: Iterable[RequestRow],
        today: Iterable[tuple[RequestRow, Usage]],
        ever: Savings = NOTHING_SAVED,
    ) -> None:
        """Takes up what the request log holds after a restart; all of ``today`` counts for the day that has begun."""
        for row in reversed(list(rows_newest_first)[:RECENT_ROWS]):
            self._rows[row.id] = row
        for row, usage in today:
            if row.status is not Status.RUNNING:
                self._count(row, usage, self._day.date)
        self._ever = ever

    def update(self, row: RequestRow, usage: Usage = NOTHING_USED, paid_on: str | None = None) -> None:
        """A request started, moved or finished. It counts for the day that paid for it, else for that it came on."""
        self._rows[row.id] = row
        while len(self._rows) > RECENT_ROWS:
            self._rows.popitem(last=False)
        if row.status is not Status.RUNNING:
            self._count(row, usage, paid_on or day_of(row.at))

    def _count(self, row: RequestRow, usage: Usage, date: str) -> None:
        self._ever = _more_saved(self._ever, row)
        at = max(row.at, start_of(date))
        self._roll(at)
        if date != self._day.date:
            return
        day = self._day
        day.requests += 1
        day.saved_microusd += row.saved_microusd
        if row.served_by:
            sums = day.tiers.setdefault(row.served_by, [0, 0, 0, 0])
            for index, value in enumerate((row.answered, row.input_tokens, row.output_tokens, row.cost_microusd)):
                sums[index] += value
        day.cache = _counted(day.cache, row, usage)
        minute = self._minute(row.at)
        minute.requests += 1
        minute.looked += row.cache is not CacheStatus.BYPASS and bool(row.served_by)
        minute.hits += row.cache.is_hit

    def _roll(self, at: float) -> None:
        """A later day begins with empty sums; a clock that jumps back does not bring an old one again."""
        if (date := day_of(at)) > self._day.date:
            self._day = Day(date)

    def _minute(self, at: float) -> Minute:
        number = int(at // 60)
        if not self._minutes or self._minutes[-1].at < number:
            self._minutes.append(Minute(number))
        return self._minutes[-1]

    def rows(self, limit: int) -> tuple[RequestRow, ...]:
        """The newest rows first."""
        newest = reversed(self._rows.values())
        return tuple(row for row, _ in zip(newest, range(limit), strict=False))

    def requests_today(self, now: float) -> int:
        self._roll(now)
        return self._day.requests

    def saved_microusd(self, now: float) -> int:
        self._roll(now)
        return self._day.saved_microusd

    def requests_per_minute(self, now: float) -> float:
        """Requests that ended in the last five minutes, for each of them."""
        since = int(now // 60) - 4
        return sum(minute.requests for minute in self._minutes if minute.at >= since) / 5

    def cache(self, now: float, entries: int, semantic: SemanticStats = UNKNOWN) -> CacheStats:
        self._roll(now)
        return replace(self._day.cache, entries=entries, semantic=semantic, ever=self._ever)

    def tiers(
        self,
        now: float,
        targets: Mapping[Tier, tuple[str, ...]],
        choices: Mapping[Tier, tuple[str, ...]],
        guessed: frozenset[str] = frozenset(),
    ) -> tuple[TierStats, ...]:
        """One line a tier, and one for the caches.

        ``targets`` are what serves each tier, the first choice first; ``guessed`` those without a known price.
        """
        self._roll(now)
        names = [*(tier.value for tier in Tier), "cache"]
        by_name = {
            tier.value: (serving[0], choices.get(tier, ()), serving[1:]) for tier, serving in targets.items() if serving
        }
        lines = []
        for name in names:
            requests, input_tokens, output_tokens, cost = self._day.tiers.get(name, [0, 0, 0, 0])
            target, can_be, others = by_name.get(name, ("", (), ()))
            known = target not in guessed
            lines.append(TierStats(name, requests, input_tokens, output_tokens, cost, target, can_be, others, known))
        return tuple(lines)

    def cache_rate_by_minute(self, now: float) -> Series:
        """Share of hits for each of the last 60 minutes; minutes without a look-up are 0."""
        by_number = {minute.at: minute for minute in self._minutes}
        first = int(now // 60) - MINUTES + 1
        rates = []
        for number in range(first, first + MINUTES):
            minute = by_number.get(number)
            rates.append(minute.hits / minute.looked if minute and minute.looked else 0.0)
        return Series(first * 60.0, 60, tuple(rates))


def _counted(stats: CacheStats, row: RequestRow, usage: Usage) -> CacheStats:
    if not row.served_by:
        return stats
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
        return replace(stats, saved_microusd=saved, today=_more_saved(stats.today, row))
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return replace(
        stats,
        prompt_cache_read_tokens=stats.prompt_cache_read_tokens + usage.cache_read_tokens,
        prompt_cache_write_tokens=stats.prompt_cache_write_tokens + written,
    )


def _more_saved(savings: Savings, row: RequestRow) -> Savings:
    """With what one request saved, if a cache answered it."""
    if not row.cache.is_hit or row.status is not Status.OK:
        return savings
    name = row.cache.value
    saved: Saved = getattr(savings, name)
    return replace(savings, **{name: saved.plus(row.otherwise.saved(row.cost_microusd)[0], row.saved_ms)})
