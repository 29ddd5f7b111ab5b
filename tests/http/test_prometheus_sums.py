"""What is counted as plain sums, beside the client library's own counters and histograms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gateway_core.http.prometheus_sums import Counts, Distribution
from gateway_core.model import CacheStatus

BOUNDS = (0.5, 1, 2.5, 1_048_576)
NAMES = st.sampled_from(["a", 'quoted "b"', "two\nlines", CacheStatus.MISS])
VALUES = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 2.5, 3e6]), st.floats(0, 1e7))


@dataclass(frozen=True)
class Shown(Collector):
    """One family, written out as ``/metrics`` is."""

    of: Counts | Distribution

    def collect(self) -> Iterable[Metric]:
        return [self.of.family()]


def text(of: Counts | Distribution) -> bytes:
    registry = CollectorRegistry()
    registry.register(Shown(of))
    return generate_latest(registry)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_a_counter_is_written_as_the_librarys(counted: list[tuple[str, float]]) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    theirs, ours = Counter("n", "What.", ("which",), registry=registry), Counts("n", "What.", ("which",))
    for name, value in counted:
        theirs.labels(name).inc(value)
        ours.of[name,] += value
    assert text(ours) == generate_latest(registry)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_a_histogram_is_written_as_the_librarys(observed: list[tuple[str, float]]) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    theirs = Histogram("h", "How long.", ("which",), buckets=BOUNDS, registry=registry)
    ours = Distribution("h", "How long.", ("which",), BOUNDS)
    for name, value in observed:
        theirs.labels(name).observe(value)
        ours.observe((name,), value)
    assert text(ours) == generate_latest(registry)


def test_a_counter_without_labels_is_there_before_anything_happened() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    Counter("n", "What.", registry=registry)
    assert text(Counts("n", "What.")) == generate_latest(registry)


def test_a_histogram_without_labels_is_there_before_anything_happened() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    Histogram("h", "How long.", buckets=BOUNDS, registry=registry)
    assert text(Distribution("h", "How long.", (), BOUNDS)) == generate_latest(registry)
