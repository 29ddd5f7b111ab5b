"""What SIGTERM and SIGINT do to a gateway without a screen: step by step, and the last one at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def end_by_signals(*steps: Callable[[], object]) -> None:
    """Has each SIGTERM or SIGINT take the next of the ``steps``; the one after the last kills the process.

    The ledger is written for that: what was reserved and has not ended is charged at the next start.
    """
    loop, left = asyncio.get_running_loop(), list(steps)

    def heard() -> None:
        step = left.pop(0)
        if not left:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
        step()

    for number in SIGNALS:
        loop.add_signal_handler(number, heard)
