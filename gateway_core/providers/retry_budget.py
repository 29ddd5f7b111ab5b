"""A retry budget: retries stay a share of the requests, so that an upstream in trouble does not get thrice the load.

As Finagle's ``RetryBudget`` (20 % of the requests and a reserve; Finagle source, 2026-11) and Envoy's ``retry_budget``
(``budget_percent`` 20 %, at least 3; Envoy docs, 2026-11), as one token bucket.
"""

from __future__ import annotations

RETRIES_A_REQUEST = 0.2
RESERVE = 10.0
"""Retries that may be made at once after a quiet time, and the most that are ever saved."""
RESERVE_A_SECOND = 0.1


class RetryBudget:
    """Retries one upstream may be given. The caller brings the time, in seconds that never run backwards."""

    def __init__(self, now: float) -> None:
        self._tokens = RESERVE
        self._at = now

    def requested(self, now: float) -> None:
        """A request was sent for the first time: it earns its share of a retry."""
        self._refill(now)
        self._tokens = min(RESERVE, self._tokens + RETRIES_A_REQUEST)

    def take(self, now: float) -> bool:
        """Takes one retry; False when there is none."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _refill(self, now: float) -> None:
        self._tokens = min(RESERVE, self._tokens + max(0.0, now - self._at) * RESERVE_A_SECOND)
        self._at = now
