"""One UTC day's money: what is spent and what is set aside, in all, in the background and at each provider."""

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

    spent_microusd: int = 0
    reserved_microusd: int = 0
    background_spent_microusd: int = 0
    """The part of it that nobody waited for."""
    background_reserved_microusd: int = 0
    of_providers: Counter[str] = field(default_factory=Counter)
    """Spent and reserved, by provider."""
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    """Spent, by the hour of its reservation."""

    def background(self, limit_microusd: int) -> LaneSpend:
        """The background's part of the day against a limit of its own."""
        return LaneSpend(self.background_spent_microusd, self.background_reserved_microusd, limit_microusd)

    def hold(self, reservation: Reservation) -> None:
        """Sets its money aside."""
        self._add(reservation, reservation.reserved_microusd)

    def drop(self, reservation: Reservation) -> None:
        """Gives its money back."""
        self._add(reservation, -reservation.reserved_microusd)

    def charge(self, reservation: Reservation, cost_microusd: int) -> None:
        """Spends what it has cost; what was set aside for it still is."""
        self.spent_microusd += cost_microusd
        if reservation.lane is Lane.BACKGROUND:
            self.background_spent_microusd += cost_microusd
        self.hours[reservation.hour] += cost_microusd
        self.of_providers[reservation.target.provider] += cost_microusd

    def _add(self, reservation: Reservation, microusd: int) -> None:
        self.reserved_microusd += microusd
        if reservation.lane is Lane.BACKGROUND:
            self.background_reserved_microusd += microusd
        self.of_providers[reservation.target.provider] += microusd


def hour_of(at: float, day: str) -> int:
    """Of a moment on the day that pays for it: its first or last hour when a clock that jumped puts it outside."""
    return min(23, max(0, int((at - end_of(day)) // 3600) + 24))
