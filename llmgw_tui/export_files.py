"""Files that a person asked for: in the data folder's ``exports``, readable by their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "exports"


def write_export(data_folder: Path, name: str, text: str) -> Path:
    """Writes ``text`` over what was there, with mode 0600 from the first byte on. Raises ``OSError``."""
    folder = data_folder / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
    beside.replace(path)
    return path
