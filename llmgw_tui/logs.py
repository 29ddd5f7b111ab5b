"""The log file: never the terminal, which belongs to the screen."""

from __future__ import annotations

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from gateway_core.redaction import Redactor
from llmgw_tui.crashes import crash_report
from llmgw_tui.text import one_line

FILE = "llmgw.log"
LARGEST_BYTES = 2_000_000
OLD_FILES = 2


class _Clean(logging.Formatter):
    """One line for each record: foreign text can neither forge a line nor reach a terminal that shows the file.

    Of an exception its places are told, not its text; what is known as a secret, or looks like one, is left out.
    """

    redactor = Redactor()

    def format(self, record: logging.LogRecord) -> str:
        return one_line(f"{self.formatTime(record)} {self.redactor.clean(super().format(record))}")

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        error = ei[1] if isinstance(ei, tuple) and len(ei) > 1 else None
        return crash_report(error) if isinstance(error, BaseException) else ""


def hide_in_log(redactor: Redactor) -> None:
    """Has what ``redactor`` knows, now and later, left out of the log file."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Clean):
            handler.formatter.redactor = redactor


class _PrivateFile(RotatingFileHandler):
    """Mode 0600 whatever the umask, the files that follow when one is full too."""

    def _open(self) -> TextIOWrapper:
        opened = open(  # noqa: SIM115  the handler closes it
            self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=_private
        )
        assert isinstance(opened, TextIOWrapper)
        return opened

    def handleError(self, record: logging.LogRecord) -> None:
        """On a full disk a line is lost. The library would print a traceback into the screen for each."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def log_to_file(folder: Path, level: int = logging.INFO) -> str:
    """Sends all logging to ``llmgw.log`` in the data folder; returns why that cannot be, else nothing.

    llmgw works without a log. Whether it can work in that folder at all is for the store to say.
    """
    path = folder / FILE
    handler: logging.Handler
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler, trouble = _PrivateFile(path, maxBytes=LARGEST_BYTES, backupCount=OLD_FILES, encoding="utf-8"), ""
        os.chmod(path, 0o600)
    except OSError as error:
        handler, trouble = logging.NullHandler(), f"{path} cannot be written ({error.strerror}): llmgw keeps no log."
    handler.setFormatter(_Clean("%(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("httpx2", "httpcore2", "openai", "anthropic", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return trouble
