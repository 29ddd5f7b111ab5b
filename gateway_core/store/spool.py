"""What is noted for the database and not in it yet, in two small files.

An entry is handed to the operating system and nothing waits for the disk: it survives the end of the process, however
that ends, and not a power loss. What was taken into the database is dropped a file at a time, so that an entry is in a
file until it is in the database.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

NAMES = ("llmgw.spool-a", "llmgw.spool-b")
_OPENED = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Spool:
    """The files in ``folder``, made with the first entry. One llmgw at a time may use them."""

    def __init__(self, folder: Path) -> None:
        self._paths = tuple(folder / name for name in NAMES)
        self._files: list[int | None] = [None, None]
        self._current = 0

    @property
    def is_there(self) -> bool:
        """A process has made it and not removed it."""
        return any(path.is_file() for path in self._paths)

    def make(self) -> bool:
        """Whether it is there to be added to."""
        try:
            return self._opened() >= 0
        except OSError:
            return False

    def add(self, entry: Sequence[object]) -> bool:
        """Whether the entry was written, as JSON. One that is there in part is never read, and spoils none after it."""
        try:
            line = b"\n" + orjson.dumps(entry) + b"\n"
            return os.write(self._opened(), line) == len(line)
        except (OSError, TypeError):
            return False

    def turn(self) -> None:
        """What is added from now on goes into the other file."""
        self._current = 1 - self._current

    def drop(self) -> None:
        """Forgets what was added between the last two turns: all that is written, unless writing has failed before.
        What stays is read again, and that must change nothing."""
        if (file := self._files[1 - self._current]) is not None:
            with suppress(OSError):
                os.ftruncate(file, 0)

    def read(self) -> list[list[Any]]:
        """All entries that are whole, those of an earlier process too. Raises ``OSError``."""
        found: list[list[Any]] = []
        for path in self._paths:
            with suppress(FileNotFoundError):
                for line in path.read_bytes().splitlines():
                    with suppress(ValueError):
                        found.append(orjson.loads(line))
        return [entry for entry in found if isinstance(entry, list) and entry]

    def remove(self) -> None:
        """Removes the files; what is added later makes new ones. Raises ``OSError``."""
        for place, path in enumerate(self._paths):
            if (file := self._files[place]) is not None:
                os.close(file)
            self._files[place] = None
            path.unlink(missing_ok=True)

    def _opened(self) -> int:
        file = self._files[self._current]
        if file is None:
            file = self._files[self._current] = os.open(self._paths[self._current], _OPENED, 0o600)
        return file
