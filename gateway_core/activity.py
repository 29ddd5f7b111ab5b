"""What the panes show of today: recent requests, counts and sums, kept in memory and cheap to read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway_core.model import CacheStats, RequestRow, SemanticStats, Series, Status, Tier, TierStats, Usage
from gateway_core.store.days import day_of
from gateway_core.tallies import NOTHING_SAVED, Day, Minute, Tallies, minute_of, more_saved

RECENT_ROWS = 500
MINUTES = 60
NOTHING_USED = Usage()
UNKNOWN = SemanticStats()


class Activity:
    """Fed with rows as they start, move and finish; midnight starts a new day by itself."""

    def __init__(self, now: float) -> None:
        self._rows: OrderedDict[str, RequestRow] = OrderedDict()
        self._day = Day(day_of(now))
        self._ever = NOTHING_SAVED
        self._minutes: dict[int, Minute] = {}

    def restore(self, rows_newest_first: Iterable[RequestRow], tallies: Tallies) -> None:
        """Takes up what the request log holds after a restart."""
        for row in reversed(list(rows_newest_first)[:RECENT_ROWS]):
            self._rows[row.id] = row
        self._day, self._ever = tallies.day, tallies.ever
        self._minutes = dict(tallies.minutes)

    def update(self, row: RequestRow, usage: Usage = NOTHING_USED, paid_on: str | None = None) -> None:
        """A request started, moved or finished. It counts for the day that paid for it, else for that it came on."""
        self._rows[row.id] = row
        while len(self._rows) > RECENT_ROWS:
            self._rows.popitem(last=False)
        if row.status is not Status.RUNNING:
            self._count(row, usage, paid_on)

    def mark(self, request_id: str, thumb: str) -> None:
        """The user gave a request a thumb, or took it back; without an id: all of them."""
        for name in (request_id,) if request_id else tuple(self._rows):
            if (row := self._rows.get(name)) is not None and row.thumb != thumb:
                self._rows[name] = replace(row, thumb=thumb)

    def _count(self, row: RequestRow, usage: Usage, paid_on: str | None) -> None:
        self._ever = more_saved(self._ever, row)
        came_on = day_of(row.at)
        date = paid_on or came_on
        self._roll_to(max(came_on, date))
        if date == self._day.date:
            self._day.count(row, usage)
        number = minute_of(row)
        if (minute := self._minutes.get(number)) is None:
            minute = self._minutes[number] = Minute()
        minute.count(row)
        if len(self._minutes) > 2 * MINUTES:
            self._minutes = {at: minute for at, minute in self._minutes.items() if number - MINUTES < at <= number}

    def _roll(self, now: float) -> None:
        self._roll_to(day_of(now))

    def _roll_to(self, date: str) -> None:
        """A later day begins with empty sums; a clock that jumps back does not bring an old one again."""
        if date > self._day.date:
            self._day = Day(date)

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
        return sum(minute.requests for number, minute in self._minutes.items() if number >= since) / 5

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
        first = int(now // 60) - MINUTES + 1
        rates = []
        for number in range(first, first + MINUTES):
            minute = self._minutes.get(number)
            rates.append(minute.hits / minute.looked if minute and minute.looked else 0.0)
        return Series(first * 60.0, 60, tuple(rates))
