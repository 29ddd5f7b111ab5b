"""Where the day and the month end, from today's rate and the same hours of earlier days. Pure.

The rest of the day is what the rest of such days cost on average, times how dear today has been so far against what
they had cost by this time. That ratio is held to 1 while little has been spent. How far that would have been off on
each of those days gives the range. Measured in tests/spending/test_forecast.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from math import ceil, floor, sqrt
from statistics import fmean, pstdev

from gateway_core.frozen import frozen
from gateway_core.spend_values import DailyLimits, Expected, Forecast, LimitReached
from gateway_core.store.days import days_before, start_of

HISTORY_DAYS = 35
"""Earlier days that are looked at: a whole month before today for its sum, four weeks of them for the rate."""
RATE_DAYS = 28
FEWEST_DAYS = 3
"""With fewer there is only today's own rate to go by."""
FEWEST_ALIKE = 4
"""Working days and week-ends are told apart from this many of the kind on."""
STEADINESS = 0.15
"""The share of a usual day that must be spent before today's own rate outweighs the usual one."""
EIGHT_OF_TEN = 1.2816
"""Standard deviations to each side that hold 80 % of a normal distribution."""
_HOURS = 24
_HOUR_S = 3600
_EXPECTED = ("low_microusd", "microusd", "high_microusd")

Hours = Sequence[int]
"""Micro-dollars of each of a day's 24 UTC hours."""


@frozen
class Today:
    """What is known of the day that runs. ``hours`` has what is settled, by UTC hour."""

    day: str
    now: float
    hours: Hours
    limits: DailyLimits = DailyLimits()


def forecast(today: Today, earlier: Mapping[str, Hours], first_day: str | None) -> Forecast:
    """The forecast. ``earlier`` has the days before today that cost something, ``first_day`` is the ledger's first."""
    known = _known_days(today.day, earlier, first_day)
    alike, kind = _alike(today.day, known[-RATE_DAYS:])
    if len(alike) >= FEWEST_DAYS and any(sum(hours) for hours in alike):
        curve, day_end, basis = _by_earlier_days(today, alike, kind)
    elif (found := _by_own_rate(today)) is not None:
        curve, day_end, basis = found
    else:
        return Forecast(basis="it takes 2 hours or 3 days with spend")
    return Forecast(day_end, _month_end(today, known, day_end), _reached(today, curve), basis)


def not_below(made: Forecast, spent_microusd: int) -> Forecast:
    """A forecast that was made a moment ago, with what has been spent since: no day ends below that."""
    if made.day_end is None or made.day_end.low_microusd >= spent_microusd:
        return made
    before = made.day_end
    day_end = Expected(*(max(spent_microusd, getattr(before, name)) for name in _EXPECTED))
    if made.month_end is None:
        return replace(made, day_end=day_end)
    more = {name: getattr(day_end, name) - getattr(before, name) for name in _EXPECTED}
    month_end = Expected(*(getattr(made.month_end, name) + more[name] for name in _EXPECTED))
    return replace(made, day_end=day_end, month_end=month_end)


def expected_rest(spent: float, at_hour: float, usual: Sequence[float]) -> list[float]:
    """What each hour of the day will still cost from ``at_hour`` (0 to 24) on; ``usual`` is what such hours cost."""
    rests = [cost * _left(hour, at_hour) for hour, cost in enumerate(usual)]
    usual_day = sum(usual)
    usual_so_far, held = usual_day - sum(rests), STEADINESS * usual_day
    ratio = (spent + held) / (usual_so_far + held) if usual_day else 1.0
    return [ratio * rest for rest in rests]


def _by_earlier_days(today: Today, alike: Sequence[Hours], kind: str) -> tuple[list[float], Expected, str]:
    spent, at_hour, many = sum(today.hours), _at_hour(today), len(alike)
    sums = [sum(hours) for hours in zip(*alike, strict=True)]
    curve = expected_rest(spent, at_hour, [cost / many for cost in sums])
    rest = sum(curve)
    misses = []
    for day in alike:
        others = [(cost - own) / (many - 1) for cost, own in zip(sums, day, strict=True)]
        to_come = sum(cost * _left(hour, at_hour) for hour, cost in enumerate(day))
        misses.append(to_come - sum(expected_rest(sum(day) - to_come, at_hour, others)))
    low, high = _quantile(misses, 0.1), _quantile(misses, 0.9)
    expected = Expected(
        round(spent + min(rest, max(0.0, rest + low))), round(spent + rest), round(spent + max(rest, rest + high))
    )
    return curve, expected, f"from the same hours of {many} {kind} and what today has cost so far"


def _by_own_rate(today: Today) -> tuple[list[float], Expected, str] | None:
    """Without earlier days: between nothing more, and going on all day as since the first spend."""
    at_hour, spent = _at_hour(today), sum(today.hours)
    spending = [hour for hour, cost in enumerate(today.hours) if cost]
    if len(spending) < 2 or at_hour - spending[0] < 1:
        return None
    left = _HOURS - at_hour
    rate = spent / at_hour
    curve = [rate * _left(hour, at_hour) for hour in range(_HOURS)]
    busiest = round(spent + spent / (at_hour - spending[0]) * left)
    expected = Expected(spent, round(spent + rate * left), busiest)
    return curve, expected, "from today's rate alone: there are no three earlier days yet"


def _month_end(today: Today, known: Sequence[tuple[str, Hours]], day_end: Expected) -> Expected | None:
    """Today's end, and for each day that is left what such days cost; None with too few days to go by."""
    if len(known) < FEWEST_DAYS:
        return None
    month = today.day[:7]
    before = sum(sum(hours) for day, hours in known if day.startswith(month))
    to_come: Counter[bool] = Counter()
    day, some_of = days_before(today.day, -1), {}
    while day.startswith(month):
        to_come[_is_weekend(day)] += 1
        some_of[_is_weekend(day)] = day
        day = days_before(day, -1)
    rest, variance = 0.0, 0.0
    for weekend, many in to_come.items():
        costs = [sum(hours) for hours in _alike(some_of[weekend], known[-RATE_DAYS:])[0]]
        rest += many * fmean(costs)
        variance += many * pstdev(costs) ** 2 * (1 + many / len(costs))
    spread = EIGHT_OF_TEN * sqrt(variance)
    return Expected(
        before + day_end.low_microusd + round(max(0.0, rest - spread)),
        before + day_end.microusd + round(rest),
        before + day_end.high_microusd + round(rest + spread),
    )


def _reached(today: Today, curve: Sequence[float]) -> tuple[LimitReached, ...]:
    """When the expected spend passes the limits that are not reached, within the hour in proportion."""
    at_hour, start = _at_hour(today), start_of(today.day)
    found = []
    for name in ("soft", "medium", "hard"):
        limit = getattr(today.limits, f"{name}_microusd")
        total = float(sum(today.hours))
        if not limit or total >= limit:
            continue
        for hour, cost in enumerate(curve):
            if cost > 0 and total + cost >= limit:
                begins = max(float(hour), at_hour)
                share = (limit - total) / cost
                found.append(LimitReached(name, start + (begins + share * (hour + 1 - begins)) * _HOUR_S))
                break
            total += cost
    return tuple(sorted(found, key=lambda one: one.at))


def _known_days(today: str, earlier: Mapping[str, Hours], first_day: str | None) -> list[tuple[str, Hours]]:
    """The days since the ledger began, the oldest first; those without spend cost nothing."""
    days = [days_before(today, count) for count in range(HISTORY_DAYS, 0, -1)]
    return [(day, earlier.get(day, (0,) * _HOURS)) for day in days if first_day is not None and day >= first_day]


def _alike(day: str, known: Sequence[tuple[str, Hours]]) -> tuple[list[Hours], str]:
    """Working days for a working day and week-ends for a week-end, where there are enough; and what they are."""
    weekend = _is_weekend(day)
    alike = [hours for other, hours in known if _is_weekend(other) is weekend]
    if len(alike) >= FEWEST_ALIKE:
        return alike, "week-end days" if weekend else "working days"
    return [hours for _, hours in known], "earlier days"


def _is_weekend(day: str) -> bool:
    return date.fromisoformat(day).weekday() >= 5


def _at_hour(today: Today) -> float:
    return min(24.0, max(0.0, (today.now - start_of(today.day)) / _HOUR_S))


def _left(hour: int, at_hour: float) -> float:
    """The share of an hour that is still to come."""
    return min(1.0, max(0.0, hour + 1 - at_hour))


def _quantile(values: Sequence[float], share: float) -> float:
    """By the plotting position of Weibull (1939), which does not take the few values seen for the extremes."""
    ordered = sorted(values)
    place = min(len(ordered) - 1.0, max(0.0, share * (len(ordered) + 1) - 1))
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return low + (high - low) * (place - floor(place))
