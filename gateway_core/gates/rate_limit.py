"""The rate limit: requests and tokens a minute for each caller, as buckets that refill all the time."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from gateway_core.clock import Clock
from gateway_core.model import Refusal
from gateway_core.wire import errors

MAX_CALLERS = 1024
_ROUNDING = 1e-6
"""What refilling in many small steps may lose; without it Retry-After could be a moment too short."""


@dataclass(slots=True)
class _Bucket:
    """What a caller may still use, as of ``at``; tokens below zero are owed."""

    requests: float
    tokens: float
    at: float


class RateLimit:
    """At most ``rpm`` requests and ``tpm`` tokens a minute for each caller; 0 is off. A refusal uses nothing."""

    def __init__(self, rpm: int, tpm: int, clock: Clock) -> None:
        self._rpm = rpm
        self._tpm = tpm
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def check(self, caller: str, tokens: int) -> Refusal | None:
        """Takes one request and ``tokens`` from the caller, or says when to come back."""
        if not self._rpm and not self._tpm:
            return None
        tokens = max(0, tokens)
        if self._tpm and tokens > self._tpm:
            return Refusal(
                "rate_limit_exceeded",
                f"llmgw: this request needs about {tokens} tokens, more than the {self._tpm} tokens a minute that are "
                "allowed, so waiting does not help. Shorten it, or raise RATE_LIMIT_TPM.",
                429,
            )
        bucket = self._bucket(caller)
        waits: list[tuple[int, str]] = []
        if self._rpm and bucket.requests < 1 - _ROUNDING:
            waits.append((_wait_s(1 - bucket.requests, self._rpm), f"{self._rpm} requests a minute"))
        if self._tpm and bucket.tokens < tokens - _ROUNDING:
            waits.append((_wait_s(tokens - bucket.tokens, self._tpm), f"{self._tpm} tokens a minute"))
        if waits:
            wait_s, what = max(waits)  # after the longer one there is room in both
            return errors.rate_limited(what, wait_s)
        bucket.requests -= 1
        bucket.tokens -= tokens
        return None

    def room(self, caller: str) -> tuple[int, int]:
        """Seconds until the caller's next request, and the tokens they may send now; takes nothing."""
        bucket = self._bucket(caller)
        full = self._rpm and bucket.requests < 1 - _ROUNDING
        return (_wait_s(1 - bucket.requests, self._rpm) if full else 0), int(bucket.tokens + _ROUNDING)

    def used(self, caller: str) -> tuple[float, float]:
        """Requests and tokens of the last minute that count against the caller now; takes nothing."""
        bucket = self._bucket(caller)
        return max(0.0, self._rpm - bucket.requests), max(0.0, self._tpm - bucket.tokens)

    def set_limits(self, rpm: int, tpm: int) -> None:
        """Other limits from now on. What a caller has used counts against them: nobody starts afresh."""
        for bucket in self._buckets.values():
            bucket.requests = bucket.requests + rpm - self._rpm if self._rpm else float(rpm)
            bucket.tokens = bucket.tokens + tpm - self._tpm if self._tpm else float(tpm)
        self._rpm, self._tpm = rpm, tpm

    def adjust(self, caller: str, tokens_delta: int) -> None:
        """Corrects an estimate: positive when more was used than :meth:`check` took, negative gives back.

        A caller owes at most one minute's tokens, so that a wrong count does not shut them out for long.
        """
        if not self._tpm:
            return
        bucket = self._bucket(caller)
        bucket.tokens = max(-float(self._tpm), min(float(self._tpm), bucket.tokens - tokens_delta))

    def _bucket(self, caller: str) -> _Bucket:
        """The caller's bucket, refilled up to now."""
        now = self._clock.monotonic()
        bucket = self._buckets.get(caller)
        if bucket is None:
            self._make_room()
            bucket = self._buckets[caller] = _Bucket(float(self._rpm), float(self._tpm), now)
        self._buckets.move_to_end(caller)
        minutes = max(0.0, now - bucket.at) / 60
        bucket.requests = min(float(self._rpm), bucket.requests + minutes * self._rpm)
        bucket.tokens = min(float(self._tpm), bucket.tokens + minutes * self._tpm)
        bucket.at = now
        return bucket

    def _make_room(self) -> None:
        """The caller silent for longest goes. After two minutes that loses nothing: a bucket is full by then."""
        while len(self._buckets) >= MAX_CALLERS:
            self._buckets.popitem(last=False)


def _wait_s(missing: float, per_minute: int) -> int:
    return max(1, math.ceil(missing * 60 / per_minute - _ROUNDING))
