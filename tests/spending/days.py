"""Made-up days of spend: office hours, some days dearer than others, quiet week-ends, days that begin late."""

from __future__ import annotations

from datetime import date
from random import Random

from gateway_core.store.days import days_before

PROFILE = (1, 0.5, 0, 0, 0, 0, 1, 4, 10, 16, 18, 15, 9, 14, 17, 16, 13, 9, 5, 5, 7, 6, 4, 2)
TYPICAL_MICROUSD = 3_000_000
STEADINESS = {"steady": 8.0, "mixed": 2.0, "bursty": 0.6}
"""Shape of the gamma distribution of an hour's cost around its mean."""


def made_day(random: Random, day: str, kind: str) -> tuple[int, ...]:
    """Micro-dollars of the 24 hours of a day."""
    weekend = date.fromisoformat(day).weekday() >= 5
    level = random.lognormvariate(0, 0.5) * TYPICAL_MICROUSD * (0.3 if weekend else 1)
    if kind == "bursty" and random.random() < 0.15:
        return (0,) * 24
    shift, shape = random.choice((-1, 0, 0, 1)), STEADINESS[kind]
    means = [level * PROFILE[(hour - shift) % 24] / sum(PROFILE) for hour in range(24)]
    return tuple(int(mean * random.gammavariate(shape, 1 / shape)) if mean else 0 for mean in means)


def made_month(random: Random, today: str, kind: str, days: int = 35) -> dict[str, tuple[int, ...]]:
    """The days before ``today``."""
    return {day: made_day(random, day, kind) for day in (days_before(today, count) for count in range(days, 0, -1))}
