"""The steps of SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal

from llmgw_tui.ending import SIGNALS, end_by_signals


async def test_each_signal_takes_the_next_step_and_the_one_after_the_last_kills() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    first, second = asyncio.Event(), asyncio.Event()
    try:
        end_by_signals(first.set, second.set)
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(30):
            await first.wait()
            assert not second.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            await second.wait()
        assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL, signal.SIG_DFL]
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
