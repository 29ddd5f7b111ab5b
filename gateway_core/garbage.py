"""How often a process that serves looks for garbage, and what it keeps lists of."""

from __future__ import annotations

import asyncio
import gc
import sys

THRESHOLDS = (100_000, 10, 20)
"""Python's own are 700, 10, 10: a request makes thousands of values, and hardly any in a circle. The first is more than
what lives at a time of a busy agent's requests: a thousand values each, until they are written. At 20,000 these were
gone through again and again, for 4 % of an OpenClaw request's CPU and 17 ms at a time (measured 2026-11)."""

EVERY_S = 20.0


def settle_in() -> None:
    """All three below, for a process that serves: in its event loop, once it has started."""
    collect_seldom()
    collect_now_and_then()
    list_no_generators()


def collect_seldom() -> None:
    """What a start has made is not gone through again, and what comes after it less often.

    It is 8 % of a request's CPU (measured 2026-11), and a full collection finds little to go through.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def collect_now_and_then() -> None:
    """In the event loop that runs: looks every ``EVERY_S`` through what was made since.

    What holds itself in a circle, as a broken connection does in asyncio and aiohttp, would otherwise wait until there
    are so many more values: a busy day's garbage was 11 MB (measured 2026-11-29), and what a process once had it seldom
    gives back. What lives is gone through once, in a millisecond or two.
    """
    gc.collect(1)
    asyncio.get_running_loop().call_later(EVERY_S, collect_now_and_then)


def list_no_generators() -> None:
    """In the event loop that runs: it keeps no list any more of the asynchronous generators in use.

    asyncio closes those that are left at its end, of which there are none: each is closed where it is used, and one
    that nobody has any more is closed as before. A request has thirteen, 2 % of its calls (counted 2026-11).
    """
    sys.set_asyncgen_hooks(firstiter=None, finalizer=sys.get_asyncgen_hooks().finalizer)
