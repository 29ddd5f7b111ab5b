"""What can go wrong with the data folder, in words that say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The store cannot be used; the message tells a person what to do. Nothing was written."""


class StoreUnusable(StoreError):
    """The file cannot be used as it is, and nothing else is wrong: what costs nothing is served without it.

    A folder that another llmgw holds, a file that another program keeps locked, or a path that leads to something else
    is none of these: who starts llmgw there has something to put right first.
    """


class NewerStore(StoreUnusable):
    """The file was made by a newer llmgw."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"{path} was written by a newer llmgw (schema {version}, this one knows {known}). "
            "Upgrade llmgw, or give another folder with --data-dir."
        )


class FolderInUse(StoreError):
    """Another llmgw works in the data folder; ``pid`` is its process, None when it did not say."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"llmgw is already running in {folder} ({who}). Stop it, or give another folder with --data-dir."
        )
        self.pid = pid


_ADVICE = {
    sqlite3.SQLITE_FULL: "The disk is full: {path} cannot be written. Free some space.",
    sqlite3.SQLITE_READONLY: "{path} is read-only. Make the file and its folder writable for your user.",
    sqlite3.SQLITE_PERM: "{path} may not be used. Make the file and its folder writable for your user.",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened. Check that its folder exists and is writable for your user.",
    sqlite3.SQLITE_BUSY: "Another program keeps {path} locked. Close it.",
    sqlite3.SQLITE_LOCKED: "Another program keeps {path} locked. Close it.",
    sqlite3.SQLITE_IOERR: "{path} cannot be read or written: the disk is full or failing. Free or check it.",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged. Restart llmgw: it sets the file aside and makes a new one.",
    sqlite3.SQLITE_NOTADB: "{path} is damaged. Restart llmgw: it sets the file aside and makes a new one.",
}


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is broken.

    Only a plain ``DatabaseError`` says so: a full or read-only disk is an ``OperationalError`` and must not cost the
    ledger.
    """
    return type(error) is sqlite3.DatabaseError and _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_store_failure(error: BaseException) -> bool:
    """Whether the file or the disk failed, rather than the statement being wrong."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """SQLite's error as a :class:`StoreError`."""
    code = _code(error)
    advice = _ADVICE.get(code)
    kind = StoreError if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else StoreUnusable
    return kind(advice.format(path=path) if advice else f"SQLite cannot use {path}: {error}.")


def _code(error: BaseException) -> int:
    """The primary result code; extended codes carry it in their low byte. -1 when there is none."""
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if extended is None else extended & 0xFF
