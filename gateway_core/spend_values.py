"""What was spent and saved, as values: sums by whatever one asks for, the forecast, and the daily limits.

Money is integer micro-dollars, days are UTC dates, as the budget counts them.
"""

from __future__ import annotations

from gateway_core.choices import BY as BY
from gateway_core.frozen import frozen

TEXTS = ("day", "hour", "tier", "provider", "model", "lane", "session", "client", "purpose")
"""The columns of a :class:`SpendRow` that are no sums."""
PERIODS = ("today", "7d", "30d", "month")
"""Periods with a name; ``<number>d`` is that many UTC days, today included, and ``month`` this calendar month."""


@frozen
class SpendRow:
    """One group's sums. What the report does not go by is empty; so is what a request did not have.

    What was saved is the sum of what each thing saved and of ``saved_unsplit_microusd``, which is that of requests
    logged before it was known by what. Each can be less than nothing.
    """

    day: str = ""
    hour: str = ""
    """``00`` to ``23``, UTC."""
    tier: str = ""
    provider: str = ""
    model: str = ""
    lane: str = ""
    session: str = ""
    client: str = ""
    purpose: str = ""
    requests: int = 0
    answered: int = 0
    """Of the requests; the others were refused, failed, or broken off."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    saved_microusd: int = 0
    saved_by_answer_cache_microusd: int = 0
    saved_by_prompt_cache_microusd: int = 0
    saved_by_routing_microusd: int = 0
    saved_unsplit_microusd: int = 0
    cache_hits: int = 0
    cache_saved_ms: int = 0
    """What the answers of the hits took when they were made, less what serving took."""
    share: float = 0.0
    """Of the cost of all, 0–1."""
    price_known: bool = True
    """False where a model's price is a guess."""

    def name(self, by: str) -> str:
        """What it is the sum of, as one text; empty for requests without one. Foreign text."""
        return "/".join(value for column in BY[by] if (value := str(getattr(self, column))))


@frozen
class SpendBuckets:
    """Cost over time: ``start`` is the Unix time of the first bucket, ``values`` are micro-dollars, without gaps."""

    start: float
    step_s: int
    values: tuple[int, ...] = ()


@frozen
class SpendReport:
    """A period's sums, the dearest first, days and hours in their order. ``total`` and ``buckets`` are of all rows,
    also of the ``left_out`` ones that were not asked for. ``problem`` says why there is nothing, and is empty else.
    """

    period: str
    by: str
    first_day: str = ""
    last_day: str = ""
    rows: tuple[SpendRow, ...] = ()
    total: SpendRow = SpendRow()
    buckets: SpendBuckets = SpendBuckets(0.0, 86_400)
    """Hours where the period is one day, else days."""
    left_out: int = 0
    problem: str = ""


@frozen
class DailyLimits:
    """In micro-dollars; 0 is off."""

    soft_microusd: int = 0
    medium_microusd: int = 0
    hard_microusd: int = 0
    background_microusd: int = 0


@frozen
class LaneSpend:
    """What one lane's calls have cost today and what is set aside for them, in micro-dollars; a limit of 0 is off."""

    spent_microusd: int = 0
    reserved_microusd: int = 0
    limit_microusd: int = 0

    @property
    def committed_microusd(self) -> int:
        return self.spent_microusd + self.reserved_microusd

    @property
    def reached(self) -> bool:
        """Whether what is settled has reached the limit."""
        return bool(self.limit_microusd) and self.spent_microusd >= self.limit_microusd

    def has_room(self, microusd: int) -> bool:
        """Whether a call that can cost this much may still be made."""
        return not self.limit_microusd or (
            not self.reached and self.committed_microusd + microusd <= self.limit_microusd
        )


@frozen
class Expected:
    """What will have been spent, and the range in which eight of ten earlier days would have ended."""

    low_microusd: int
    microusd: int
    high_microusd: int


@frozen
class LimitReached:
    """When a limit (``soft``, ``medium`` or ``hard``) is reached if the day goes on as expected, in Unix seconds."""

    name: str
    at: float


@frozen
class Forecast:
    """Where today and this month end if nothing stops it: limits do not count. None where too little is known."""

    day_end: Expected | None = None
    month_end: Expected | None = None
    reached: tuple[LimitReached, ...] = ()
    """Limits not reached yet that will be before midnight UTC, the soonest first."""
    basis: str = ""
    """What it rests on, or why there is none, in words."""
