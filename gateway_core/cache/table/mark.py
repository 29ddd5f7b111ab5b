"""Remembers whether the process before died inside LanceDB: a flipped bit can make it ask for 68 GB, which ends it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MOST_DEATHS = 3
"""Deaths in a row, without one operation that ended, after which it is the table. One may be a user's kill."""


class Mark:
    """A byte in a file, written before an operation and cleared after it: two system calls of microseconds.

    ``deaths`` counts the processes in a row that did not come back from their first operation. Without a path nothing
    is remembered.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: int | None = None
        self._inside = 0
        self.deaths = 0
        if path is None:
            return
        with contextlib.suppress(OSError):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            deaths = int.from_bytes(os.pread(self._file, 1, 0), "big")
            self.deaths = deaths if deaths <= MOST_DEATHS else 0  # more than are ever written: the mark is damaged

    def __enter__(self) -> None:
        self._inside += 1
        if self._inside == 1:
            self._write(min(self.deaths + 1, MOST_DEATHS))

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if self._inside == 0:
            self.clear()

    def clear(self) -> None:
        """Nothing is under way, and nobody died."""
        self.deaths = 0
        self._write(0)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, count: int) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._file, bytes([count]), 0)
