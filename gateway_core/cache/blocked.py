"""Pairs of questions that somebody said are not the same, in a text file: it outlives the cache's own data."""

from __future__ import annotations

import os
import re
from pathlib import Path

FILE = "semantic-blocked.txt"
_PAIR = re.compile(r"[0-9a-f]{64}")


class BlockedPairs:
    """Hashes of pairs, one a line. ``load`` and ``add`` touch the disk: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._pairs: set[str] = set()

    def __contains__(self, pair: str) -> bool:
        return pair in self._pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def load(self) -> None:
        """Reads the file, if there is one; lines that are no pair are passed over."""
        try:
            lines = self._path.read_text("ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return
        self._pairs.update(line for line in lines if _PAIR.fullmatch(line))

    def add(self, pair: str) -> None:
        """Blocks a pair for good, durably."""
        if pair in self._pairs:
            return
        self._pairs.add(pair)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, f"\n{pair}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
