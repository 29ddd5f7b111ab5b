"""A real process under a real pseudo-terminal: it stalls, it goes away, signals come."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgw_tui.places import PLACES
from llmgw_tui.screens.dashboard import Dashboard

STALLED_S = 5.0
STALLED_ELSEWHERE_S = 2.5
SIZES = [(1, 1), (300, 100), (80, 24), (2, 50), (24, 6), (200, 3), (120, 40)]
STORM = 70
TYPED = {"dollar_sign": "$", "comma": ","}
EVERY_PLACE = {
    **{
        TYPED.get(place.key, place.key).encode(): place.title_words.split()[0].encode()
        for place in PLACES
        if place is not Dashboard
    },
    b"?": b"Keys",
}
"""What opens each, and a word that it then shows."""
DASHBOARD_ONLY = b"Tiers"
LONGEST_TICK_S = 1.0
"""A blocked loop hung for as long as the terminal did; a loaded test machine has hiccups of its own."""


class Terminal:
    """The process, and the reading end of its terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.report = folder / "report"
        self.output = bytearray()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("NO_COLOR", None)
        program = Path(__file__).with_name("in_a_terminal.py")
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AS_SESSION_LEADER, str(program), str(self.report), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "PYTHONPATH": str(program.parents[2])},
            start_new_session=True,
        )
        self._reading = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._reading.set()
        self._thread.start()

    def _read(self) -> None:
        while not self._closing:
            if not self._reading.wait(0.1):
                continue
            if select.select([self._master], [], [], 0.05)[0]:
                try:
                    self.output += os.read(self._master, 65_536)
                except OSError:
                    return

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def stop_reading(self) -> None:
        self._reading.clear()

    def read_again(self) -> None:
        self._reading.set()

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def hang_up(self) -> None:
        self._closing = True
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def lines(self) -> list[str]:
        return self.report.read_text().splitlines() if self.report.exists() else []

    def ticks(self) -> list[float]:
        return [float(line.split()[1]) for line in self.lines() if line.startswith("tick ") and len(line.split()) == 2]

    def wait_for(self, what: bytes, *, after: int = 0, within_s: float = 30.0) -> None:
        """Waits for ``what`` in the output after its first ``after`` bytes."""
        end = time.monotonic() + within_s
        while self.output.find(what, after) < 0:
            assert time.monotonic() < end, f"no {what!r} in {bytes(self.output[-2000:])!r}"
            assert self.process.poll() is None, bytes(self.output[-4000:])
            time.sleep(0.02)

    def attributes(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._closing = True
        self._thread.join()
        for end in {self._slave, self._master} - {-1}:
            os.close(end)


_AS_SESSION_LEADER = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    try:
        terminal.wait_for(b"RUNNING")
        terminal.wait_for(b"$50")
        yield terminal
    finally:
        terminal.close()


def is_restored(terminal: Terminal) -> bool:
    """The terminal's modes are as before, the cursor is back, and no mouse tracking is left."""
    sent = bytes(terminal.output)
    off = {
        b"\x1b[?1049l": b"\x1b[?1049h",
        b"\x1b[?25h": b"\x1b[?25l",
        b"\x1b[?1000l": b"\x1b[?1000h",
        b"\x1b[?1003l": b"\x1b[?1003h",
        b"\x1b[?1006l": b"\x1b[?1006h",
        b"\x1b[?2004l": b"\x1b[?2004h",
    }
    return terminal.attributes()[:4] == list(terminal.before)[:4] and all(
        sent.rfind(o) > sent.rfind(on) for o, on in off.items()
    )


def stalled_ticks(terminal: Terminal, for_s: float) -> list[float]:
    """The loop's steps while nothing reads, and the whole screen is to be written at every turn."""
    terminal.stop_reading()
    before = len(terminal.ticks())
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        terminal.resize(120, 40)
        time.sleep(0.05)
    return terminal.ticks()[before:]


def visit(terminal: Terminal, key: bytes, shows: bytes) -> None:
    seen = len(terminal.output)
    terminal.type(key)
    terminal.wait_for(shows, after=seen)


def test_in_no_place_does_a_stalled_terminal_stop_the_loop(terminal: Terminal) -> None:
    for key, shows in EVERY_PLACE.items():
        visit(terminal, key, shows)
        during = stalled_ticks(terminal, STALLED_ELSEWHERE_S)
        assert sum(during) > STALLED_ELSEWHERE_S * 0.8 and max(during) < LONGEST_TICK_S, key
        terminal.read_again()
        visit(terminal, b"\x1b", DASHBOARD_ONLY)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(15) == 0 and is_restored(terminal)


def test_in_no_place_does_a_storm_of_resizes_hold_up_the_loop(terminal: Terminal) -> None:
    for key, shows in EVERY_PLACE.items():
        visit(terminal, key, shows)
        before = len(terminal.ticks())
        for number in range(STORM):
            terminal.resize(*SIZES[number % len(SIZES)])
            time.sleep(0.01)
        terminal.resize(120, 40)
        time.sleep(0.5)
        assert max(terminal.ticks()[before:]) < LONGEST_TICK_S, key
        visit(terminal, b"\x1b", DASHBOARD_ONLY)
    assert b"Traceback" not in terminal.output
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(15) == 0 and is_restored(terminal)


def test_a_terminal_that_stops_reading_does_not_stop_the_loop(terminal: Terminal) -> None:
    during = stalled_ticks(terminal, STALLED_S)
    assert sum(during) > STALLED_S * 0.9
    assert max(during) < LONGEST_TICK_S
    seen = len(terminal.output)
    terminal.read_again()
    terminal.wait_for(b"Spend", after=seen)  # the frame of a pane that has not changed: a full repaint
    terminal.type(b"q")
    assert terminal.process.wait(15) == 0
    assert terminal.lines()[-2:] == ["quit", "ended 0"] and is_restored(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_with_the_terminal_restored(terminal: Terminal, number: signal.Signals) -> None:
    terminal.process.send_signal(number)
    assert terminal.process.wait(15) == 0
    assert terminal.lines()[-2:] == ["quit", "ended 0"]
    time.sleep(0.2)
    assert is_restored(terminal)


def test_a_terminal_that_goes_away_ends_it_cleanly(terminal: Terminal) -> None:
    terminal.hang_up()
    assert terminal.process.wait(15) == 0
    assert terminal.lines()[-2:] == ["quit", "ended 0"]


def test_ending_does_not_wait_for_a_stalled_terminal(terminal: Terminal) -> None:
    terminal.stop_reading()
    time.sleep(2)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(15) == 0
    assert terminal.lines()[-2:] == ["quit", "ended 0"]


def test_a_crash_of_the_screen_leaves_the_terminal_clean_and_ends_in_order(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "crash")
    try:
        assert terminal.process.wait(60) == 1
        assert terminal.lines()[-2:] == ["quit", "ended 1"]
        time.sleep(0.2)
        assert is_restored(terminal) and b"on purpose" in terminal.output
    finally:
        terminal.close()


def test_stop_signals_do_not_stop_the_gateway(terminal: Terminal) -> None:
    terminal.type(b"\x1a")
    terminal.process.send_signal(signal.SIGTSTP)
    before = len(terminal.ticks())
    end = time.monotonic() + 15
    while len(terminal.ticks()) < before + 50:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert terminal.process.poll() is None
