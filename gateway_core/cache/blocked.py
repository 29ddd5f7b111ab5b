"""Pairs of questions marked wrong while they were kept in a text file, before the database: hashes, one a line."""

from __future__ import annotations

import re
from pathlib import Path

FILE = "semantic-blocked.txt"
_PAIR = re.compile(r"[0-9a-f]{64}")


def blocked_pairs(folder: Path) -> frozenset[str]:
    """The pairs in the file; none without one. Lines that are no pair are passed over."""
    try:
        lines = (folder / FILE).read_text("ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(line for line in lines if _PAIR.fullmatch(line))


def forget_file(folder: Path) -> None:
    """Removes the file, once its pairs are kept elsewhere."""
    (folder / FILE).unlink(missing_ok=True)
