"""Counts what the semantic cache did, by UTC day: in memory at once, on the disk now and then."""

from __future__ import annotations

from collections import Counter

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.store.days import day_of, days_before
from gateway_core.store.reuse_review import ReuseReviewStore

WINDOW_DAYS = 30
"""What "recent" is, today included."""
LOOKUPS, WITHHELD, MARKED, TOKENS = "lookups", "withheld", "marked", "judge.tokens"
WORDS, LEARNED, ALIAS = "words", "learned", "alias"
SAMPLED_KINDS = (WORDS, LEARNED)
"""Hits that are checked at random. An alias is the judge's own word: asking it again would only repeat it."""


@frozen
class Kind:
    """What is known of one kind of hits. ``hits`` are what the guards allowed, withheld ones included."""

    hits: int
    sampled: int
    checked: int
    wrong: int


class Counts:
    """Named counts. ``recent`` is of the last 30 days, ``total`` of all time."""

    def __init__(self, store: ReuseReviewStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._days: dict[str, Counter[str]] = {}
        self._new: Counter[tuple[str, str]] = Counter()

    async def load(self) -> None:
        """Takes up what the disk has. Raises ``StoreError``."""
        for (day, name), value in (await self._store.counts()).items():
            self._days.setdefault(day, Counter())[name] += value

    async def flush(self) -> None:
        """Writes what is new. Raises ``StoreError``; nothing is lost then."""
        new, self._new = self._new, Counter()
        if not new:
            return
        try:
            await self._store.add_counts(new)
        except BaseException:
            self._new.update(new)
            raise

    async def clear(self) -> None:
        """Forgets what was counted, but for what the judge has used. Raises ``StoreError``."""
        self._days = {day: Counter({TOKENS: counts[TOKENS]}) for day, counts in self._days.items()}
        self._new = Counter({key: value for key, value in self._new.items() if key[1] == TOKENS})
        await self._store.clear_counts(keep=TOKENS)

    def add(self, name: str, number: int = 1) -> None:
        """Counts for today."""
        if number:
            day = day_of(self._clock.now())
            self._days.setdefault(day, Counter())[name] += number
            self._new[day, name] += number

    def today(self, name: str) -> int:
        return self._days.get(day_of(self._clock.now()), Counter())[name]

    def recent(self, name: str) -> int:
        first = days_before(day_of(self._clock.now()), WINDOW_DAYS - 1)
        return sum(counts[name] for day, counts in self._days.items() if day >= first)

    def total(self, name: str) -> int:
        return sum(counts[name] for counts in self._days.values())

    def kind(self, kind: str, *, recent: bool) -> Kind:
        """What is known of a kind of hits."""
        count = self.recent if recent else self.total
        return Kind(*(count(f"{kind}.{what}") for what in ("hits", "sampled", "checked", "wrong")))
