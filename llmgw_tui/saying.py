"""Lines for whoever reads stdout, which may be nobody: a terminal that has stopped reading holds up no request."""

from __future__ import annotations

import logging
import os
import queue
import select
import sys
import threading
from contextlib import suppress

log = logging.getLogger(__name__)

WAITING = 1_000
"""Lines that may wait for their reader; what comes beyond is counted, and left out."""
LAST_WORDS_S = 0.5
LOOK_S = 1.0


class Sayer:
    """Writes lines in a thread of its own, by the file's number: nothing of it is locked when the process ends.

    A line that cannot be written, to a pipe that nobody reads, a terminal that has gone or a disk that is full, is
    dropped: all that is said here is in the request log or the log file too.
    """

    def __init__(self, number: int | None = None, waiting: int = WAITING) -> None:
        self._number = sys.stdout.fileno() if number is None else number
        self._encoding = sys.stdout.encoding or "utf-8"
        self._lines: queue.Queue[str | None] = queue.Queue(waiting)
        self._failed = False
        self.dropped = 0
        """Lines that did not fit since the last one that did."""
        self._thread = threading.Thread(target=self._write_all, name="llmgw-stdout", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Has the line written. Never waits."""
        try:
            if self.dropped:
                self._lines.put_nowait(f"({self.dropped} lines were left out: nobody read them)")
                self.dropped = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Waits a moment for what is still to be written."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=LAST_WORDS_S)
            self._thread.join(LAST_WORDS_S)

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(f"{line}\n".encode(self._encoding, "backslashreplace"))
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
