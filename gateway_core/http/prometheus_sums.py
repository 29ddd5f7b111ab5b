"""Counters and histograms as plain sums, put into the client library's form when ``/metrics`` is asked for.

The library's own take a lock and make texts of all labels for each sample, some two hundred calls a request. These are
fed by one thread, and read in any. The library is not imported before somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Labels = tuple[str, ...]


class Counts:
    """A counter; one without labels is there from the start. Counted with ``counts.of[labels] += 1``."""

    def __init__(self, name: str, told: str, labels: Sequence[str] = ()) -> None:
        self._name, self._told, self._labels = name, told, labels
        self.of: defaultdict[Labels, float] = defaultdict(float)
        if not labels:
            self.of[()] = 0.0

    def family(self) -> Metric:
        """What was counted so far."""
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(self._name, self._told, labels=self._labels)
        for labels, value in list(self.of.items()):
            family.add_metric([str(label) for label in labels], value)
        return family


class Distribution:
    """A histogram; one without labels is there from the start.

    ``bounds`` are its buckets' upper ones, the lowest first, without infinity.
    """

    def __init__(self, name: str, told: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name, self._told, self._labels, self._bounds = name, told, labels, bounds
        self._of: defaultdict[Labels, list[float]] = defaultdict(self._nothing)
        """How many values fell into each bucket, and behind these the sum of all."""
        if not labels:
            self._of[()] = self._nothing()

    def observe(self, labels: Labels, value: float) -> None:
        """Takes one value in."""
        found = self._of[labels]
        found[bisect_left(self._bounds, value)] += 1
        found[-1] += value

    def family(self) -> Metric:
        """What was observed so far."""
        from prometheus_client.core import HistogramMetricFamily
        from prometheus_client.utils import floatToGoString

        ends: list[str] = [floatToGoString(end) for end in (*self._bounds, float("inf"))]  # type: ignore[no-untyped-call]
        family = HistogramMetricFamily(self._name, self._told, labels=self._labels)
        for labels, found in list(self._of.items()):
            *counts, total = found.copy()
            buckets, so_far = [], 0.0
            for end, count in zip(ends, counts, strict=True):
                so_far += count
                buckets.append((end, so_far))
            family.add_metric([str(label) for label in labels], buckets, total)
        return family

    def _nothing(self) -> list[float]:
        return [0.0] * (len(self._bounds) + 2)
