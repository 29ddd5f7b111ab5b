"""How often semantic hits are wrong, from those that were picked at random and judged."""

from __future__ import annotations

from collections.abc import Sequence

from gateway_core.cache.review.counts import LOOKUPS, MARKED, SAMPLED_KINDS, Counts, Kind
from gateway_core.cache.review.interval import limits
from gateway_core.cache_stats import ErrorRate

ERROR = 0.05


def error_rate(kinds: Sequence[Kind]) -> ErrorRate:
    """The share of wrong hits over several kinds, each weighed by its hits since each is checked at its own rate.

    The interval adds up the kinds' own, each with its part of the allowed error (Bonferroni), so that it holds with at
    least 95 %. A kind that was served and never checked may be all right or all wrong, and the interval says so; the
    rate is that of the kinds that were checked.
    """
    served = [kind for kind in kinds if kind.hits or kind.checked]
    checked, wrong = sum(kind.checked for kind in served), sum(kind.wrong for kind in served)
    if not checked:
        return ErrorRate()
    weights = [max(kind.hits, kind.checked) for kind in served]
    all_hits = sum(weights)
    low = high = 0.0
    for kind, weight in zip(served, weights, strict=True):
        one_low, one_high = limits(kind.wrong, kind.checked, ERROR / len(served))
        low += weight / all_hits * one_low
        high += weight / all_hits * one_high
    known = [(kind, weight) for kind, weight in zip(served, weights, strict=True) if kind.checked]
    rate = sum(weight * kind.wrong / kind.checked for kind, weight in known) / sum(weight for _, weight in known)
    return ErrorRate(checked, wrong, rate, low, high)


def rates(counts: Counts) -> tuple[ErrorRate, ErrorRate]:
    """Of the last 30 days, and of all time."""
    return (
        error_rate([counts.kind(kind, recent=True) for kind in SAMPLED_KINDS]),
        error_rate([counts.kind(kind, recent=False) for kind in SAMPLED_KINDS]),
    )


def of_lookups(counts: Counts, kinds: Sequence[str] = SAMPLED_KINDS) -> ErrorRate:
    """The share of looked-up questions that get, or would get, a wrong answer by these kinds of hits: recent."""
    known = [counts.kind(kind, recent=True) for kind in kinds]
    rate, lookups = error_rate(known), counts.recent(LOOKUPS)
    hits = sum(kind.hits for kind in known)
    if rate.rate is None or not lookups:
        return ErrorRate()
    share = min(1.0, hits / lookups)
    return ErrorRate(rate.checked, rate.wrong, rate.rate * share, rate.low * share, rate.high * share)


def marked_of_lookups(counts: Counts) -> ErrorRate:
    """The same by the user's word alone: no random sample, but no fewer answers than these were wrong."""
    marked, lookups = counts.recent(MARKED), max(counts.recent(LOOKUPS), counts.recent(MARKED))
    if not lookups:
        return ErrorRate()
    low, _ = limits(marked, lookups, ERROR)
    return ErrorRate(lookups, marked, marked / lookups, low, 1.0)
