"""Exact confidence limits of a share that was counted (Clopper and Pearson, Biometrika 26, 1934)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

_STEPS = 60
"""Halvings of the interval: beyond what a float tells apart."""


@lru_cache(1024)
def limits(hits: int, trials: int, error: float = 0.05) -> tuple[float, float]:
    """The limits that enclose the true share with a confidence of ``1 - error``; 0 to 1 without any trial."""
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} of {trials}")
    low = _where(lambda share: 1 - _at_most(hits - 1, trials, share), error / 2) if hits else 0.0
    high = _where(lambda share: 1 - _at_most(hits, trials, share), 1 - error / 2) if hits < trials else 1.0
    return low, high


def _where(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function that rises from 0 at 0 to 1 at 1 has a value."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def _at_most(hits: int, trials: int, share: float) -> float:
    """The chance of ``hits`` or fewer in ``trials``."""
    if share <= 0.0:
        return 1.0
    if share >= 1.0:
        return float(hits >= trials)
    log_share, log_rest = math.log(share), math.log1p(-share)
    ways = math.lgamma(trials + 1)
    return min(
        1.0,
        math.fsum(
            math.exp(
                ways
                - math.lgamma(one + 1)
                - math.lgamma(trials - one + 1)
                + one * log_share
                + (trials - one) * log_rest
            )
            for one in range(hits + 1)
        ),
    )
