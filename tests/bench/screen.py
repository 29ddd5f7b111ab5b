"""What the control centre in a terminal of 120x40 costs the gateway that it is in, at a steady rate of requests."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import tempfile
import termios
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cells import Cell, Result, measure
from tests.bench.figures import middle, quietest
from tests.bench.findings import Finding
from tests.bench.machine import Patience
from tests.bench.servers import Provider, llmgw
from tests.start_cost import PATIENCE_S

COLUMNS, LINES = 120, 40
SHOWN = b"REQUESTS"
"""What its first screen says."""
RATE = 300.0
MOST_SLOWER, MOST_P99_MS = 1.2, 50.0
MOST_POINTS = 8.0
"""Of a core, for the screen at this rate."""
MOST_KB_A_S = 40.0
"""To the terminal: a slow link shows it all."""
KINDS = {"exact hits": True, "pass-through": False}
"""Whether the requests repeat, by what they are called."""


class Terminal:
    """Reads what a screen writes as fast as it can, and counts."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.bytes_read = 0
        self.is_drawn = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        seen = b""
        with suppress(OSError):
            while piece := os.read(self._master, 65_536):
                self.bytes_read += len(piece)
                if not self.is_drawn.is_set():
                    seen += piece
                    if SHOWN in seen.upper():
                        self.is_drawn.set()
        os.close(self._master)

    def close(self) -> None:
        """Once the screen has ended; reading ends by it."""
        os.close(self.slave)


@dataclass(frozen=True, slots=True)
class Seen:
    """One round: what was asked and answered, and the bytes that came to the terminal in a second of it."""

    result: Result
    shown_per_s: float


def cell(kind: str, seconds: float) -> Cell:
    return Cell("small", connections=64, rate=RATE, seconds=seconds, warm_up_s=3.0, repeats=KINDS[kind])


def look(given: Provider, kind: str, patience: Patience, seconds: float, *, with_screen: bool) -> Seen:
    """Starts ``llmgw`` with a screen or headless, and asks. Raises ``RuntimeError`` where no screen is drawn."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        terminal = Terminal() if with_screen else None
        if terminal is not None:
            stack.callback(terminal.close)
        slave = None if terminal is None else terminal.slave
        server = stack.enter_context(llmgw(Path(name), given, terminal=slave))
        if terminal is not None and not terminal.is_drawn.wait(PATIENCE_S):
            raise RuntimeError("the control centre draws nothing")
        before = terminal.bytes_read if terminal else 0
        asked = cell(kind, seconds)
        result = measure(asked, server, given, patience)
        shown = (terminal.bytes_read if terminal else 0) - before
        return Seen(result, shown / (asked.warm_up_s + result.report.elapsed_s))


def findings(given: Provider, patience: Patience, rounds: int, seconds: float) -> list[Finding]:
    """Medians of rounds with and without the screen in turn."""
    found = []
    for kind in KINDS:
        seen: dict[bool, list[Seen]] = {False: [], True: []}
        for number in range(rounds):
            for with_screen in (False, True) if number % 2 == 0 else (True, False):
                seen[with_screen].append(look(given, kind, patience, seconds, with_screen=with_screen))
        found += _compared(kind, seen[False], seen[True])
    return found


def _compared(kind: str, without: list[Seen], with_it: list[Seen]) -> list[Finding]:
    name = f"control centre open, {kind} at {RATE:.0f} requests/s"

    def both(place: str) -> tuple[float, float]:
        headless, open_ = (_median_ms(seen, place) for seen in (without, with_it))
        return headless, open_

    headless, p50 = both("p50")
    headless_p99, p99 = both("p99")
    each_s = middle(_cpu_s_each(one.result) for one in _quiet(without)) or 0.0
    points = middle(_points(one.result, each_s) for one in _quiet(with_it)) or 0.0
    headless_points = middle(_points(one.result, 0.0) for one in _quiet(without)) or 0.0
    per_s = middle(one.result.report.per_s for one in _quiet(with_it)) or 0.0
    beside = f"headless: {headless:.2f} ms; {per_s:.0f}/s were answered"
    return [
        Finding(f"{name}: p50", p50, "ms", MOST_SLOWER * headless, beside),
        Finding(f"{name}: p99", p99, "ms", MOST_P99_MS, f"headless: {headless_p99:.1f} ms"),
        Finding(
            f"{name}: CPU of the screen", points, "% of a core", MOST_POINTS, f"all, headless: {headless_points:.0f} %"
        ),
        Finding(f"{name}: written to the terminal", _kb_a_s(with_it), "kB/s", MOST_KB_A_S),
    ]


def _quiet(seen: list[Seen]) -> list[Seen]:
    return quietest([(one.result.strangers, one) for one in seen])


def _median_ms(seen: list[Seen], place: str) -> float:
    return middle(one.result.report.latency_ms[place] for one in _quiet(seen)) or 0.0


def _cpu_s_each(result: Result) -> float:
    return result.cpu_s / max(1, result.report.all_answered)


def _points(result: Result, each_s: float) -> float:
    """Percent of a core, but for what the requests take that were answered."""
    return (result.cpu_s - each_s * result.report.all_answered) / result.taken_s * 100


def _kb_a_s(seen: list[Seen]) -> float:
    return middle(one.shown_per_s / 1e3 for one in _quiet(seen)) or 0.0
