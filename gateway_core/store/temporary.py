"""A database in memory, for a gateway whose own file cannot be used: it serves what costs nothing, and forgets.

Served around are a file of a newer llmgw, a read-only one, a full or failing disk, a damaged file that cannot be set
aside: llmgw can put none of them right, a local model needs nothing of what is in the file, and a client whose provider
is gone is helped by nobody. Nothing paid is called, for a ledger that forgets would open the day's limit again; what an
operator decides is in force, and told to be lost with the process. The file itself is only read, so that a kill switch
which is on in it stays on.

Refused are a folder that another llmgw holds, for it serves already; a file that another program keeps locked, which
passes; a path that leads to something else, which is a mistake in the set-up.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway_core.store.migrations import migrate
from gateway_core.store.request_index import open_index

MOST_BYTES = 256 * 1024 * 1024
"""Above it the oldest must go, or nothing more is kept: it is memory."""
_PAGE_BYTES = 4096
_WAIT_S = 5.0


def open_temporary(name: str, file: Path) -> tuple[sqlite3.Connection, bool]:
    """An empty database in memory that :func:`open_temporary_reader` opens by the same ``name``; it ends with its last
    connection. Also whether it has the operator's decisions, the kill switch among them, as they are in ``file``."""
    connection = _connect(name, "")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA max_page_count = {MOST_BYTES // _PAGE_BYTES}")
    migrate(connection)
    open_index(connection)
    return connection, _take_over(file, connection)


def open_temporary_reader(name: str) -> sqlite3.Connection:
    """A second connection, which changes nothing."""
    return _connect(name, "&mode=ro")


def _connect(name: str, options: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:/{name}?vfs=memdb{options}", _WAIT_S, isolation_level=None, uri=True)


def _take_over(file: Path, connection: sqlite3.Connection) -> bool:
    if not file.is_file() or not file.stat().st_size:
        return True
    has_log = file.with_name(f"{file.name}-wal").exists()
    try:
        uri = f"{file.resolve().as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
        with closing(sqlite3.connect(uri, _WAIT_S, uri=True)) as kept:
            rows = kept.execute("SELECT name, value FROM operator").fetchall()
        connection.executemany("INSERT OR REPLACE INTO operator (name, value) VALUES (?, ?)", rows)
    except sqlite3.Error:
        return False
    return True
