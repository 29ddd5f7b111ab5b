"""How long each model takes, and how often it answered today: from requests as they end."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway_core.events import Event, RequestFinished
from gateway_core.frozen import frozen
from gateway_core.model import RequestRow, Status
from gateway_core.store.days import day_of
from gateway_core.tallies import ModelUse

SAMPLES = 200
MAX_TARGETS = 256


@frozen
class Times:
    """Milliseconds of the newest answers; None without one."""

    samples: int = 0
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    first_token_p50_ms: float | None = None


NO_TIMES = Times()


class _Newest:
    """The newest samples, also in the order of their size: every decision asks for the one in the middle."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque()
        self.ordered: list[float] = []

    def add(self, sample: float) -> None:
        if len(self._samples) == SAMPLES:
            del self.ordered[bisect_left(self.ordered, self._samples.popleft())]
        self._samples.append(sample)
        insort(self.ordered, sample)

    def at(self, share: float) -> float | None:
        """The nearest-rank quantile; None without a sample."""
        many = len(self.ordered)
        return self.ordered[min(many - 1, int(many * share))] if many else None


@dataclass(slots=True)
class _Target:
    latencies_ms: _Newest = field(default_factory=_Newest)
    first_tokens_ms: _Newest = field(default_factory=_Newest)
    day: str = ""
    requests: int = 0

    def answered(self, latency_ms: float, first_token_ms: float | None) -> None:
        self.latencies_ms.add(latency_ms)
        if first_token_ms is not None:
            self.first_tokens_ms.add(first_token_ms)


class TargetTimes:
    """Kept by provider and model; the least recently used are forgotten."""

    def __init__(self) -> None:
        self._targets: OrderedDict[tuple[str, str], _Target] = OrderedDict()

    def restore(self, models: Iterable[ModelUse], day: str) -> None:
        """Takes up what the request log holds, the last used model last; ``day`` is the UTC day that they count for."""
        for use in models:
            target = self._target(use.provider, use.model)
            target.day, target.requests = day, use.requests
            for latency_ms, first_token_ms in use.answers:
                target.answered(latency_ms, first_token_ms)

    def hear(self, event: Event) -> None:
        """Listens to the bus."""
        if isinstance(event, RequestFinished):
            self.note(event.row)

    def note(self, row: RequestRow) -> None:
        """A request has ended. What a cache answered says nothing of a model."""
        if row.provider is None or row.model is None or row.cache.is_hit or row.status is Status.RUNNING:
            return
        target = self._target(row.provider, row.model)
        if (day := day_of(row.at)) > target.day:
            target.day, target.requests = day, 0
        target.requests += row.answered and day == target.day
        if row.status is Status.OK:
            target.answered(row.latency_ms, row.first_token_ms)

    def _target(self, provider: str, model: str) -> _Target:
        key = (provider, model)
        if (target := self._targets.get(key)) is None:
            target = self._targets[key] = _Target()
            if len(self._targets) > MAX_TARGETS:
                self._targets.popitem(last=False)
        self._targets.move_to_end(key)
        return target

    def of(self, provider: str, model: str) -> Times:
        """How long the newest answers of a model took."""
        target = self._targets.get((provider, model))
        if target is None:
            return NO_TIMES
        latencies, first = target.latencies_ms, target.first_tokens_ms
        return Times(len(latencies.ordered), latencies.at(0.5), latencies.at(0.95), first.at(0.5))

    def usual_ms(self, provider: str, model: str) -> float | None:
        """What half of the newest answers of a model took; None without one."""
        target = self._targets.get((provider, model))
        return target.latencies_ms.at(0.5) if target else None

    def requests_today(self, provider: str, model: str, now: float) -> int:
        """Requests since midnight UTC that a model has answered."""
        target = self._targets.get((provider, model))
        return target.requests if target and target.day == day_of(now) else 0
