"""Whether what was sampled during a soak grew, or was only noise."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP = 10_000
"""Requests after which memory is looked at: until then lists reach their lengths, of up to 4,096 texts and turns."""
MOST_BYTES_A_REQUEST = 80.0
"""A gateway that keeps nothing of a request but its id, a text of 33 characters, keeps 82 bytes, and as many again in
the dictionary it is in (CPython 3.11)."""
NOISE_BYTES = 6_000_000
"""What the process may have grown over the whole run all the same: the allocator's pages are given back by chance, and
a sample a moment earlier in the write-ahead log's life differs by its pages."""
BLOCK = 10_000
"""Requests that the CPU of one is the mean of: the mixture of kinds is the same in each block."""
MOST_DEARER = 0.2
"""Of the CPU that a request takes, which may be added over the whole run: neighbours make the same work that much
dearer, by what they leave of the processor's caches and of its clock."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory after so many requests, in bytes; the gateway's CPU since its start, and its database's size."""

    requests: int
    gateway: int
    screen: int
    cpu_s: float = 0.0
    database: int = 0


def slope(samples: Sequence[tuple[int, float]]) -> float:
    """What each request adds: the median of the slopes between two samples, which odd ones do not move (Theil)."""
    found = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(samples, 2) if b[0] > a[0]]
    return statistics.median(found) if found else 0.0


def verdict(name: str, samples: list[tuple[int, int]]) -> tuple[str, bool]:
    """What became of one process after the warm-up, in words, and whether that is flat."""
    settled = [sample for sample in samples if sample[0] >= WARM_UP]
    if len(settled) < 3:
        return f"{name}: too few requests to tell, lists fill until {WARM_UP:,}", False
    span = settled[-1][0] - settled[0][0]
    grows = slope(settled)
    flat = grows * span <= max(NOISE_BYTES, MOST_BYTES_A_REQUEST * span)
    words = f"{grows:+.1f} bytes a request over {span:,} requests, at most {MOST_BYTES_A_REQUEST:.0f}"
    return f"{name}: {words}: {'flat' if flat else 'it GROWS'}", flat


def blocks_of(samples: list[Sample]) -> list[tuple[int, float]]:
    """Milliseconds of CPU that a request took in each block after the warm-up, with the number that the block ends
    at."""
    found: list[tuple[int, float]] = []
    begin: Sample | None = None
    for sample in samples:
        if begin is not None and sample.requests - begin.requests >= BLOCK:
            cost_ms = (sample.cpu_s - begin.cpu_s) * 1e3 / (sample.requests - begin.requests)
            found.append((sample.requests, cost_ms))
            begin = sample
        elif begin is None and sample.requests >= WARM_UP:
            begin = sample
    return found


def verdict_on_cost(blocks: Sequence[tuple[int, float]]) -> tuple[str, bool]:
    """What became of the CPU that a request takes, in words, and whether that is flat."""
    if len(blocks) < 3:
        return f"CPU: too few requests to tell, it takes three blocks of {BLOCK:,} after the first {WARM_UP:,}", False
    costs = [cost_ms for _, cost_ms in blocks]
    grows = slope(blocks) * (blocks[-1][0] - blocks[0][0])
    most = MOST_DEARER * statistics.median(costs)
    flat = grows <= most
    listed = ", ".join(f"{cost_ms:.2f}" for cost_ms in costs)
    words = f"CPU, ms a request by blocks of {BLOCK:,}: {listed}; {grows:+.2f} over the run, at most {most:.2f}"
    return f"{words}: {'flat' if flat else 'it GROWS'}", flat
