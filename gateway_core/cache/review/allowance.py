"""The judge's own budget: calls an hour and tokens a day, and a rest after failures."""

from __future__ import annotations

from collections import deque

from gateway_core.cache.review.counts import TOKENS, Counts
from gateway_core.clock import Clock

CALLS_AN_HOUR = 600
"""Three hundred pairs, each in both orders: more than one developer asks in an hour."""
TOKENS_A_DAY = 500_000
"""A pair takes some 500. They cost no money, but power and the machine's attention."""
FIRST_REST_S = 60.0
LONGEST_REST_S = 3600.0
HOUR_S = 3600.0


class Allowance:
    """What the judge may still use. Tokens of the day survive a restart, for they are counted with the rest."""

    def __init__(self, counts: Counts, clock: Clock) -> None:
        self._counts = counts
        self._clock = clock
        self._calls: deque[float] = deque()
        self._rest_s = 0.0
        self._rests_until = float("-inf")

    def why_not(self) -> str:
        """Why the judge rests; empty when it may work."""
        now = self._clock.monotonic()
        while self._calls and self._calls[0] <= now - HOUR_S:
            self._calls.popleft()
        if now < self._rests_until:
            return "it failed, and rests for a while"
        if len(self._calls) >= CALLS_AN_HOUR:
            return f"it has used its {CALLS_AN_HOUR} calls an hour"
        if self._counts.today(TOKENS) >= TOKENS_A_DAY:
            return f"it has used its {TOKENS_A_DAY:,} tokens of today"
        return ""

    def spent(self, tokens: int) -> None:
        """One call was made, and answered or not."""
        self._calls.append(self._clock.monotonic())
        self._counts.add(TOKENS, tokens)

    def failed(self) -> None:
        """Rests, longer each time."""
        self._rest_s = min(LONGEST_REST_S, self._rest_s * 2 or FIRST_REST_S)
        self._rests_until = self._clock.monotonic() + self._rest_s

    def worked(self) -> None:
        self._rest_s = 0.0
