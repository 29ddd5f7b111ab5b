"""A circuit breaker: an upstream that keeps failing is left alone for a while, then asked with one request.

A pure state machine: the caller brings the time. The pattern is Nygard's (Release It!, 2007) as Envoy's outlier
detection has it: consecutive failures open it, and each opening lasts longer than the one before (Envoy docs,
"Outlier detection", 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

FAILURES_TO_OPEN = 5
FIRST_COOL_OFF_S = 10.0
LONGEST_COOL_OFF_S = 300.0
JITTER = 0.2
"""Share by which a cool-off is lengthened at most, so that several breakers do not probe in step."""
PROBE_S = 60.0
"""After so long without a result a probe counts as lost, and another request may try."""


class CircuitState(StrEnum):
    CLOSED = "closed"
    """Calls go through."""
    HALF_OPEN = "half_open"
    """One call goes through, to see."""
    OPEN = "open"
    """No call goes through."""


class Breaker:
    """One circuit. Times are seconds of any clock that never runs backwards; ``jitter`` gives 0 to 1.

    :meth:`admit` hands out a ticket, which comes back with the result. A result that belongs to another state of the
    circuit, for example of a call that began before it opened, changes nothing.
    """

    def __init__(self, jitter: Callable[[], float], longest_s: float = LONGEST_COOL_OFF_S) -> None:
        self._jitter = jitter
        self._longest_s = longest_s
        self._openings = 0
        """In a row, without a success between them."""
        self._open_until: float | None = None
        self._probe_at: float | None = None
        self._ticket = 0
        self.failures = 0
        """In a row."""

    def state(self, now: float) -> CircuitState:
        if self._open_until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self._open_until else CircuitState.HALF_OPEN

    def wait_s(self, now: float) -> float:
        """Seconds until a call may go through; 0 when one may now."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        return 0.0 if self._probe_at is None else max(0.0, self._probe_at + PROBE_S - now)

    def admit(self, now: float) -> int | None:
        """The ticket of one call; None while none may go through."""
        if self._open_until is None:
            return self._ticket
        if self.wait_s(now) > 0:
            return None
        if self.state(now) is CircuitState.HALF_OPEN:
            self._probe_at = now
            self._ticket += 1
        return self._ticket

    def succeeded(self, ticket: int, now: float) -> bool:
        """Notes a good end; True when it closes the circuit."""
        if ticket != self._ticket or self.state(now) is CircuitState.OPEN:
            return False
        self.failures = self._openings = 0
        if self._open_until is None:
            return False
        self._change(None)
        return True

    def failed(self, ticket: int, now: float) -> bool:
        """Notes a failure; True when it opens the circuit."""
        if ticket != self._ticket or self.state(now) is CircuitState.OPEN:
            return False
        self.failures += 1
        if self._open_until is None and self.failures < FAILURES_TO_OPEN:
            return False
        self.open_for(min(FIRST_COOL_OFF_S * 2**self._openings, self._longest_s) * (1 + JITTER * self._jitter()), now)
        self._openings = min(self._openings + 1, 32)
        return True

    def forgone(self, ticket: int, now: float) -> None:
        """The call ended without saying anything of the upstream: somebody else may probe."""
        if ticket == self._ticket:
            self._probe_at = None

    def open_for(self, seconds: float, now: float) -> None:
        """Opens the circuit whatever was counted."""
        self._change(now + seconds)

    def close(self) -> None:
        """Closes the circuit and forgets what was counted, whatever it waits for."""
        self.failures = self._openings = 0
        self._change(None)

    def _change(self, open_until: float | None) -> None:
        if open_until is not None or self._open_until is not None:
            self._ticket += 1
        self._open_until = open_until
        self._probe_at = None
