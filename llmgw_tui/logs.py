"""The log file: never the terminal, which belongs to the screen."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from llmgw_tui.text import one_line

LARGEST_BYTES = 2_000_000
OLD_FILES = 2


class _Clean(logging.Formatter):
    """One line for each record: foreign text can neither forge a line nor reach a terminal that shows the file."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


class _Quiet(RotatingFileHandler):
    """On a full disk the file lacks lines; logging's own complaint would be written across the screen."""

    def handleError(self, record: logging.LogRecord) -> None:
        return None


def log_to_file(folder: Path, level: int = logging.INFO) -> Path:
    """Sends all logging to ``llmgw.log`` in the data folder, mode 0600; returns its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "llmgw.log"
    handler = _Quiet(path, maxBytes=LARGEST_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    os.chmod(path, 0o600)
    handler.setFormatter(_Clean("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("httpx2", "httpcore2", "openai", "anthropic", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return path
