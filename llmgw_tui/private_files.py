"""Files that their owner alone reads: exports, copies, what was set up on the screen."""

from __future__ import annotations

import os
from pathlib import Path

EXPORTS = "exports"
"""The folder, in the data folder, of what a person asked to have written."""


def write_private(path: Path, text: str) -> Path:
    """Writes ``text`` over what was there, with mode 0600 from the first byte on, whole or not at all; the path.

    Folders that are missing are made. Raises ``OSError``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        file.write(text)
    return beside.replace(path)
