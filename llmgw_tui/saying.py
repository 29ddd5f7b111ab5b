"""Lines for whoever reads stdout, which may be nobody: a terminal that has stopped reading holds up no request."""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from collections import deque

log = logging.getLogger(__name__)

WAITING = 1_000
"""Lines that may wait for their reader; what comes beyond is counted, and left out."""
TOGETHER_S = 0.05
"""Lines that come within so long are written at once: a busy gateway wakes the thread twenty times a second, and not
for each request."""
LAST_WORDS_S = 1.0
LOOK_S = 1.0


class Sayer:
    """Writes lines in a thread of its own, by the file's number: nothing of it is locked when the process ends.

    A line that cannot be written, to a pipe that nobody reads, a terminal that has gone or a disk that is full, is
    dropped: all that is said here is in the request log or the log file too.
    """

    def __init__(self, number: int | None = None, waiting: int = WAITING) -> None:
        self._number = sys.stdout.fileno() if number is None else number
        self._encoding = sys.stdout.encoding or "utf-8"
        self._waiting = waiting
        self._lines: deque[str] = deque()
        self._is_some, self._is_over = threading.Event(), threading.Event()
        self._failed = False
        self.dropped = 0
        """Lines that did not fit since the last one that did."""
        self._thread = threading.Thread(target=self._write_all, name="llmgw-stdout", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Has the line written. Never waits."""
        if len(self._lines) >= self._waiting:
            self.dropped += 1
            return
        if self.dropped:
            self._lines.append(f"({self.dropped} lines were left out: nobody read them)")
            self.dropped = 0
        self._lines.append(line)
        if not self._is_some.is_set():
            self._is_some.set()

    def close(self, within_s: float = LAST_WORDS_S) -> None:
        """Waits a moment for what is still to be written."""
        self._is_over.set()
        self._is_some.set()
        self._thread.join(within_s)

    def _write_all(self) -> None:
        while not self._is_over.is_set() or self._lines:
            self._is_some.wait()
            self._is_over.wait(TOGETHER_S)
            self._is_some.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            try:
                self._write("".join([f"{line}\n" for line in lines]).encode(self._encoding, "backslashreplace"))
            except OSError as error:
                if not self._failed:
                    log.warning("stdout takes no more lines: %s", error.strerror)
                self._failed = True
            else:
                self._failed = False

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._number, data) :]
            except BlockingIOError:  # whoever shares the terminal may have made it so
                select.select([], [self._number], [], LOOK_S)
