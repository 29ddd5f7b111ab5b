"""SEMANTIC_MAX_ERROR: which guards may serve at all, and when measured errors stop them.

The setting is the largest share of the questions looked up in the semantic cache that may get a wrong answer from it.
Before anything was measured here the guards' own figures decide, measured on development data; later what is counted
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway_core.cache.review.counts import LEARNED, SAMPLED_KINDS, WORDS, Counts
from gateway_core.cache.review.measure import marked_of_lookups, of_lookups
from gateway_core.cache_stats import ErrorRate

BARS: Final[Mapping[str, float]] = {"strict": 0.002}
"""Wrong answers for each looked-up question that each bar of the guards was measured to stay below."""
LEAST_WRONG = 2
"""One wrong answer among the first few may be bad luck, or the judge's own mistake."""
LEARNED_FROM = 0.002
"""Hits by what was learned are only for whoever accepts this much."""


def bar_for(max_error: float) -> str:
    """The loosest bar that holds the accepted error; empty where none does and the semantic cache stays off."""
    return max((name for name, error in BARS.items() if error <= max_error), key=BARS.__getitem__, default="")


def off_reason(max_error: float) -> str:
    """Why the cache is off by the setting alone; empty where it is not."""
    if bar_for(max_error):
        return ""
    least = min(BARS.values())
    return f"The semantic cache stays off: SEMANTIC_MAX_ERROR is below {least:g}, what its guards hold."


class Dial:
    """What may be served. A kind of hits stops when its error is above the setting beyond doubt (the lower limit of the
    95 % interval), and comes back when the rate itself is no longer above it."""

    def __init__(self, max_error: float, stopped: frozenset[str] = frozenset()) -> None:
        self.max_error = max_error
        self.stopped = stopped
        """``words``, ``learned`` and ``marked``: what the measured error stops now."""

    def turn(self, counts: Counts) -> frozenset[str]:
        """Looks at the counts again; returns what has newly stopped."""
        before = self.stopped
        stopped = {kind for kind in SAMPLED_KINDS if self._stops(of_lookups(counts, (kind,)), kind in before)}
        if not stopped and self._stops(of_lookups(counts), LEARNED in before):
            stopped = {LEARNED}  # each alone would do; the guards' own word was measured longer
        if self._stops(marked_of_lookups(counts), "marked" in before):
            stopped |= {"marked"}
        self.stopped = frozenset(stopped)
        return self.stopped - before

    def _stops(self, error: ErrorRate, was_stopped: bool) -> bool:
        if error.rate is None:
            return False
        doubtless = error.low > self.max_error and error.wrong >= LEAST_WRONG
        return doubtless or (was_stopped and error.rate > self.max_error)

    def allows(self, kind: str) -> bool:
        """Whether hits of a kind may be served by what was measured."""
        if not bar_for(self.max_error) or "marked" in self.stopped:
            return False
        return kind not in self.stopped if kind == WORDS else LEARNED not in self.stopped and self.allows_learned

    @property
    def allows_learned(self) -> bool:
        return self.max_error >= LEARNED_FROM

    def paused(self, counts: Counts) -> str:
        """Why semantic answers are not served, and what to do; empty while all are."""
        if reason := off_reason(self.max_error):
            return reason
        if not self.stopped:
            return ""
        share = f"{self.max_error:.2%} of the questions (SEMANTIC_MAX_ERROR)"
        if "marked" in self.stopped:
            marked = marked_of_lookups(counts)
            seen = f"you marked {marked.wrong} of its answers wrong in {marked.checked} questions"
        else:
            measured = of_lookups(counts, sorted(self.stopped))
            seen = (
                f"{measured.wrong} of {measured.checked} checked answers were wrong, which is {measured.low:.2%} of the"
                " questions or more"
            )
        what = "Answers by what was learned" if self.stopped == {LEARNED} else "Semantic answers"
        return (
            f"{what} are paused: {seen}, and you accept {share}. They come back by themselves when checks find the"
            " error below that; to have them back now raise SEMANTIC_MAX_ERROR, or forget what was measured with the"
            " command reset_semantic."
        )
