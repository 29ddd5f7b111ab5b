"""How often a process that serves looks for garbage, and what it keeps lists of."""

from __future__ import annotations

import gc
import sys

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


def list_no_generators() -> None:
    """In the event loop that runs: it keeps no list any more of the asynchronous generators in use.

    asyncio closes those that are left at its end, of which there are none: each is closed where it is used, and one
    that nobody has any more is closed as before. A request has thirteen, 2 % of its calls (counted 2026-11).
    """
    sys.set_asyncgen_hooks(firstiter=None, finalizer=sys.get_asyncgen_hooks().finalizer)
