"""Run as a program in a terminal by the tests: the control centre beside a ticker in the same loop, as the gateway is.

Writes a line a tick to the file named by the first argument, with the time since the last, and one when all ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from textual.drivers import _writer_thread

from gateway_core.model import Snapshot
from llmgw_tui.app import run_control_centre
from llmgw_tui.setup import Setup
from llmgw_tui.streams import let_go_of_terminal
from tests.fakes import snapshots
from tests.fakes.source import FakeSource

TICK_S = 0.01
WRITES_QUEUED = 8
"""Textual's 30 would take as much longer to fill: a loop that waits for the terminal shows it sooner."""
CRASHES_AFTER = 60
"""Snapshots, where ``crash`` is among the arguments."""


class MovingSource(FakeSource):
    """Every snapshot differs from the one before in all its rows, so that there is always something to draw."""

    number = 0

    def snapshot(self) -> Snapshot | None:
        self.number += 1
        if "crash" in sys.argv and self.number > CRASHES_AFTER:
            raise RuntimeError("on purpose")
        rows = snapshots.busy().requests
        turn = self.number % len(rows)
        return replace(super().snapshot() or snapshots.busy(), requests=rows[turn:] + rows[:turn], in_flight=0)


async def main(report: Path) -> int:
    with report.open("w", buffering=1) as out:

        async def tick() -> None:
            last = time.monotonic()
            while True:
                await asyncio.sleep(TICK_S)
                now = time.monotonic()
                print(f"tick {now - last:.4f}", file=out)
                last = now

        async def on_quit() -> None:
            print("quit", file=out)

        ticking = asyncio.create_task(tick())
        code = await run_control_centre(MovingSource(snapshots.busy()), Setup(updates_per_second=20), on_quit=on_quit)
        ticking.cancel()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            let_go_of_terminal()  # as the command does, for what is still unwritten fails the interpreter's end
        print(f"ended {code}", file=out)
        return code


if __name__ == "__main__":
    setattr(_writer_thread, "MAX_QUEUED_WRITES", WRITES_QUEUED)  # noqa: B010 - declared final
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
