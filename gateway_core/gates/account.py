"""One UTC day's money: what is spent and what is set aside, in all, for each lane and at each provider."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gateway_core.frozen import frozen
from gateway_core.model import Lane, LaneSpend, Target
from gateway_core.store.days import end_of


@frozen
class Reservation:
    """Money set aside for one paid call; settled or released exactly once."""

    id: str
    day: str
    target: Target
    reserved_microusd: int
    hour: int = 0
    """The UTC hour of the day that it is booked in."""
    lane: Lane = Lane.INTERACTIVE


@dataclass(slots=True)
class Account:
    """One UTC day. Everything happens at once, without an ``await``."""

    spent: Counter[Lane] = field(default_factory=Counter)
    reserved: Counter[Lane] = field(default_factory=Counter)
    of_providers: Counter[str] = field(default_factory=Counter)
    """Spent and reserved, by provider."""
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    """Spent, by the hour of its reservation."""

    @property
    def spent_microusd(self) -> int:
        return sum(self.spent.values())

    @property
    def reserved_microusd(self) -> int:
        return sum(self.reserved.values())

    def lane(self, lane: Lane, limit_microusd: int) -> LaneSpend:
        """A lane's part of the day against a limit of its own."""
        return LaneSpend(self.spent[lane], self.reserved[lane], limit_microusd)

    def hold(self, reservation: Reservation) -> None:
        """Sets its money aside."""
        self._add(reservation, reservation.reserved_microusd)

    def drop(self, reservation: Reservation) -> None:
        """Gives its money back."""
        self._add(reservation, -reservation.reserved_microusd)

    def charge(self, reservation: Reservation, cost_microusd: int) -> None:
        """Spends what it has cost; what was set aside for it still is."""
        self.spent[reservation.lane] += cost_microusd
        self.hours[reservation.hour] += cost_microusd
        self.of_providers[reservation.target.provider] += cost_microusd

    def _add(self, reservation: Reservation, microusd: int) -> None:
        self.reserved[reservation.lane] += microusd
        self.of_providers[reservation.target.provider] += microusd


def account_of(spent_microusd: int, background_microusd: int) -> Account:
    """A day as the ledger left it: all that it has cost, and the background's part of that."""
    interactive = spent_microusd - background_microusd
    return Account(Counter({Lane.INTERACTIVE: interactive, Lane.BACKGROUND: background_microusd}))


def hour_of(at: float, day: str) -> int:
    """Of a moment on the day that pays for it: its first or last hour when a clock that jumped puts it outside."""
    return min(23, max(0, int((at - end_of(day)) // 3600) + 24))
