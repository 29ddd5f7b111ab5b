"""Waits until a screen under test has nothing left to do, as Textual's pilot wants to know after every key.

Textual waits in steps of 20 ms for the process to use no CPU (``textual._wait``, version 8): at least 80 ms a key, far
more where the machine is busy. What is to be waited for can be seen: callbacks, the next frame, work in threads.
"""

from __future__ import annotations

import asyncio
from asyncio import sleep
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SOON_S = 0.02
"""A timer that is due so soon is a frame, or the end of a refresh; others are the heartbeat, and pauses in typing."""
_QUIET_TURNS = 3


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Takes the place of Textual's function of that name, whose arguments it has."""
    loop: Any = asyncio.get_running_loop()
    until = loop.time() + max_sleep
    if min_sleep > 0:
        await sleep(min_sleep)
    quiet = 0
    while quiet < _QUIET_TURNS and loop.time() < until:
        await sleep(0)
        due_s = _next_due(loop)
        if loop._ready or loop._selector.select(0):
            quiet = 0
        elif due_s is not None and due_s < SOON_S:
            quiet = 0
            await sleep(max(0.0, due_s))
        elif _works(loop._default_executor):
            quiet = 0
            await sleep(0.001)
        else:
            quiet += 1


def _next_due(loop: Any) -> float | None:
    """Seconds until the next timer that was not cancelled."""
    due = [timer.when() for timer in loop._scheduled if not timer.cancelled()]
    return min(due) - loop.time() if due else None


def _works(executor: ThreadPoolExecutor | None) -> bool:
    if executor is None:
        return False
    threads: Any = executor
    return bool(threads._work_queue.qsize()) or threads._idle_semaphore._value < len(threads._threads)
