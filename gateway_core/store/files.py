"""Opens the database file: private, checked, brought up to date; a damaged one is set aside."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from gateway_core.store.errors import StoreError, StoreUnusable, explain, is_damage, is_store_failure
from gateway_core.store.migrations import check_version, migrate
from gateway_core.store.request_index import open_index

BUSY_TIMEOUT_S = 5.0
PAGE_BYTES = 8_192
"""Of a new file; an older one keeps its own. A request and its bodies leave half of a smaller page empty, and many at
once take half as many writes: a tenth of the time and of the disk (measured 2026-11-29, SQLite 3.40)."""
CACHE_BYTES = 4 * 1024 * 1024
"""Of pages in memory: a hundred requests that are written together change 600 of them, and the log has 20 indexes."""
CHECKED_WHOLE_BYTES = 64 * 1024 * 1024
"""A larger file is checked whole beside all else: at the start only its money and its switches are."""
NEWEST_CHECKED = 1_000
_CARRIED_OVER = ("reservations", "operator")
"""The tables whose loss would cost money or forget a kill switch."""


class _Damaged(Exception):
    """The file is broken."""


def make_private_folder(folder: Path) -> None:
    """Makes the folder with mode 0700 when it is missing. One that exists keeps its mode: it is the user's."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise StoreError(f"{folder} is not a folder. Give another one with --data-dir.") from None
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}. Give another folder with --data-dir.") from None


def make_private_file(path: Path) -> None:
    """Makes the file when it is missing, and gives it mode 0600 whatever the umask; SQLite's side files inherit it.

    One that exists is not opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise StoreError(f"{path} is a folder where llmgw keeps a file. Move it away, then start again.") from None
        if path.is_file():
            with suppress(OSError):
                path.chmod(0o600)
    except OSError as error:
        why = error.strerror
        raise StoreUnusable(f"{path} cannot be made: {why}. Check that its folder is yours, and has room.") from None


def open_database(path: Path, now: float) -> tuple[sqlite3.Connection, tuple[str, ...]]:
    """A connection to the file, up to date and sound, and what a person should know about it.

    A damaged file is renamed to ``<name>.corrupt-<time>`` and a new one is made. Raises :class:`StoreError`.
    """
    make_private_folder(path.parent)
    try:
        return _connect(path), ()
    except _Damaged:
        aside = _set_aside(path, now)
    try:
        connection = _connect(path)
    except _Damaged:
        raise StoreUnusable(f"{path} is damaged although it is new: the disk may be failing.") from None
    try:
        rows = _carry_over(aside, connection)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from None
    found = f"{rows} entries of the ledger and the switches were recovered" if rows else "nothing could be recovered"
    return connection, (f"The database was damaged and is kept as {aside.name}; {found}. Check today's spend.",)


def open_read_only(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """A connection that changes nothing, for a second process beside a running llmgw. Raises :class:`StoreError`.

    ``immutable`` is for a file that nobody writes meanwhile and that has no log: not even SQLite's side files are made.
    A second writer could meet SQLite's WAL-reset bug, and one that found damage would rename the file under the first.
    """
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}",
            BUSY_TIMEOUT_S,
            isolation_level=None,
            uri=True,
        )
    except sqlite3.Error as error:
        raise explain(error, path) from None
    try:
        check_version(connection, path, exactly=True)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error) and is_store_failure(error):
            raise explain(error, path) from None
        raise
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    make_private_file(path)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise explain(error, path) from None
    try:
        check_version(connection, path)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{CACHE_BYTES // 1024}")
        if not _is_sound(connection, path):
            raise _Damaged
        migrate(connection)
        open_index(connection)
        _check_writable(connection)
    except BaseException as error:
        connection.close()
        if is_damage(error):
            raise _Damaged from None
        if isinstance(error, sqlite3.Error) and is_store_failure(error):
            raise explain(error, path) from None
        raise
    return connection


def _is_sound(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the pages are whole; of a large file that is not suspected those that money is decided by."""
    suspicion = suspicion_of(path)
    if is_large(path) and not suspicion.exists() and _has_tables(connection):
        _read_newest_money(connection)
        return connection.execute("PRAGMA quick_check(operator)").fetchall() == [("ok",)]
    sound = connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    if sound:
        suspicion.unlink(missing_ok=True)
    return sound


def _read_newest_money(connection: sqlite3.Connection) -> None:
    """Raises ``DatabaseError`` where the newest entries of the ledger, those of its last day or those that are open
    cannot be read. To check a million entries took 2.7 s of CPU; older ones are checked beside all else."""
    connection.execute("SELECT * FROM reservations ORDER BY rowid DESC LIMIT ?", (NEWEST_CHECKED,)).fetchall()
    connection.execute("SELECT * FROM reservations WHERE state = 'reserved'").fetchall()
    connection.execute(
        "SELECT sum(cost_microusd) FROM reservations WHERE day >= (SELECT max(day) FROM reservations)"
    ).fetchall()


def is_large(path: Path) -> bool:
    return path.stat().st_size > CHECKED_WHOLE_BYTES


def suspicion_of(path: Path) -> Path:
    """The file that tells the next start to check all: damage was met in this one."""
    return path.with_name(f"{path.name}.suspect")


def _has_tables(connection: sqlite3.Connection) -> bool:
    query = f"SELECT count(*) FROM sqlite_schema WHERE name IN ({', '.join('?' * len(_CARRIED_OVER))})"
    return bool(connection.execute(query, _CARRIED_OVER).fetchone()[0] == len(_CARRIED_OVER))


def find_damage(path: Path, stopped: Callable[[], bool]) -> bool:
    """Reads the whole file, for as long as it is not stopped; seconds for a gigabyte. True when it is damaged: the next
    start checks all and sets it aside. Raises :class:`StoreError`."""
    with closing(open_read_only(path)) as connection:
        connection.set_progress_handler(stopped, 1_000)
        try:
            damaged = connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]
        except sqlite3.DatabaseError as error:
            damaged = is_damage(error)
    if damaged and not stopped():
        make_private_file(suspicion_of(path))
    return damaged and not stopped()


def _check_writable(connection: sqlite3.Connection) -> None:
    """Raises ``OperationalError`` on a read-only disk, where SQLite opens and begins without a word. Needs no space."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("ROLLBACK")


def _set_aside(path: Path, now: float) -> Path:
    """Renames the file and its write-ahead log; the log first, because a new database must never meet an old log."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    try:
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise StoreUnusable(f"{path} is damaged and cannot be set aside: {error.strerror}. Move it away.") from None
    return aside


def _carry_over(aside: Path, connection: sqlite3.Connection) -> int:
    """Copies what can still be read of the ledger and the operator's state; returns the number of rows.

    Each table is read from its newest row down and from its oldest up, each until the damage.
    """
    connection.execute("BEGIN IMMEDIATE")
    readable = f"{aside.resolve().as_uri()}?mode=ro"
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(readable, uri=True)) as damaged:
        for table in _CARRIED_OVER:
            for order in ("DESC", "ASC"):
                with suppress(sqlite3.DatabaseError):
                    _copy_rows(damaged, connection, table, order)
    rows: int = sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _CARRIED_OVER)
    connection.execute("COMMIT")
    return rows


def _copy_rows(damaged: sqlite3.Connection, sound: sqlite3.Connection, table: str, order: str) -> None:
    columns = [row[1] for row in sound.execute(f"PRAGMA table_info({table})")]
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    for row in damaged.execute(f"SELECT {names} FROM {table} ORDER BY rowid {order}"):
        with suppress(sqlite3.IntegrityError):
            sound.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})", row)
