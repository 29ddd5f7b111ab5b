"""The full-text index over the request log: words of each ended request, and of what was said in it.

``request_words`` holds the words as they were made (SQLite before 3.43 can delete from an index only what it is told),
``request_text`` is an FTS5 index over it; both number requests as the log's ``rowid`` does. Triggers of the one
connection that writes keep up with what changes and goes. What is new is put in by plain statements: one that runs a
trigger opens a savepoint, at which FTS5 writes out all it has gathered, 0.1 ms for each request. Where SQLite has no
FTS5 the words are searched without an index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from gateway_core.model import RequestRow
from gateway_core.request_words import row_text
from gateway_core.store.codec import clean_text
from gateway_core.store.parts import read_answer, read_messages
from gateway_core.store.request_rows import SELECTED, row_of
from gateway_core.store.said import said_words

FILL_ROWS = 20
"""Old requests that are indexed in one step: their bodies are unpacked, and paid calls wait for the same thread."""
FILLED = -1e15
MERGE_PAGES = 200
_MAKE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS request_text USING fts5 (words, said, content = 'request_words',"
    " content_rowid = 'number', columnsize = 0, tokenize = 'unicode61 remove_diacritics 0')"
)
_TAKE_OUT = (
    "INSERT INTO request_text (request_text, rowid, words, said) VALUES ('delete', old.number, old.words, old.said)"
)
_PUT_IN = "INSERT INTO request_text (rowid, words, said) VALUES"
_KEEP = (
    f"CREATE TEMP TRIGGER words_dropped AFTER DELETE ON main.request_words BEGIN {_TAKE_OUT}; END",
    "CREATE TEMP TRIGGER words_changed AFTER UPDATE OF words, said ON main.request_words"
    f" WHEN old.words != new.words OR old.said != new.said BEGIN {_TAKE_OUT};"
    f" {_PUT_IN} (new.number, new.words, new.said); END",
)
_UNCOUNT = (
    "CREATE TEMP TRIGGER IF NOT EXISTS requests_dropped AFTER DELETE ON main.requests"
    " BEGIN UPDATE request_index SET value = value - 1 WHERE name = 'kept'; END"
)
_ADD = (
    "INSERT INTO request_words (number, request_id, words, said) VALUES (?, ?, ?, coalesce(?, ''))"
    " ON CONFLICT DO NOTHING"
)
_CHANGE = "UPDATE request_words SET words = ?3, said = coalesce(?4, said) WHERE number = ?1 AND request_id = ?2"


def open_index(connection: sqlite3.Connection) -> None:
    """Makes the index if SQLite can. One that was not kept, or that a VACUUM left behind, is made anew, in steps."""
    if kept(connection) is None:
        _note(connection, "kept", connection.execute("SELECT count(*) FROM requests").fetchone()[0])
    connection.execute(_UNCOUNT)
    try:
        connection.execute(_MAKE)
        connection.execute("SELECT rowid FROM request_text WHERE request_text MATCH 'a' LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        _note(connection, "full_text", 0)
        return
    if not has_full_text(connection) or _renumbered(connection):
        connection.execute("BEGIN IMMEDIATE")
        drop_triggers(connection)
        connection.execute("DROP TABLE request_text")
        connection.execute(_MAKE)
        connection.execute("DELETE FROM request_words")
        newest = connection.execute("SELECT coalesce(max(at), ?) FROM requests", (FILLED,)).fetchone()[0]
        _note(connection, "unfilled", newest)
        _note(connection, "full_text", 1)
        connection.execute("COMMIT")
    drop_triggers(connection)
    for trigger in _KEEP:
        connection.execute(trigger)


def drop_triggers(connection: sqlite3.Connection) -> None:
    """Has the index no longer kept, by this connection."""
    for name in ("dropped", "changed"):
        connection.execute(f"DROP TRIGGER IF EXISTS temp.words_{name}")


def _renumbered(connection: sqlite3.Connection) -> bool:
    """Whether the newest request that is indexed has another number in the log. VACUUM closes gaps."""
    found = connection.execute(
        "SELECT number, (SELECT rowid FROM requests WHERE id = request_id) FROM request_words"
        " ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return found is not None and found[0] != found[1]


def kept(connection: sqlite3.Connection) -> int | None:
    """How many requests the log holds; None where nobody has counted them yet."""
    found = _noted(connection, "kept", -1)
    return None if found < 0 else int(found)


def has_full_text(connection: sqlite3.Connection) -> bool:
    return bool(_noted(connection, "full_text", 0))


def unfilled_until(connection: sqlite3.Connection) -> float:
    """Unix seconds: requests up to then may not be in the index yet; :data:`FILLED` when all are."""
    return _noted(connection, "unfilled", FILLED)


def count_added(connection: sqlite3.Connection, number: int) -> None:
    """There are so many more requests. To count a million takes 20 ms, each time that somebody looks at the log."""
    if number:
        connection.execute("UPDATE request_index SET value = value + ? WHERE name = 'kept'", (number,))


def index_row(connection: sqlite3.Connection, number: int, row: RequestRow, said: str | None) -> None:
    """Puts a request that has ended into the index. ``said`` None leaves what is known of that."""
    words = row_text(row)
    try:
        _index(connection, number, row.id, words, said)
    except UnicodeEncodeError:  # lone surrogates
        _index(connection, number, row.id, clean_text(words), None if said is None else clean_text(said))


def _index(connection: sqlite3.Connection, number: int, request_id: str, words: str, said: str | None) -> None:
    values = (number, request_id, words, said)
    if connection.execute(_ADD, values).rowcount == 0:
        connection.execute(_CHANGE, values)
        return
    try:
        connection.execute(f"{_PUT_IN} (?, ?, coalesce(?, ''))", (number, words, said))
    except sqlite3.OperationalError:
        if has_full_text(connection):
            raise


def index_stored(connection: sqlite3.Connection, request_id: str) -> None:
    """Puts a request into the index from what the log holds of it."""
    number, messages, answer, *values = connection.execute(
        f"SELECT requests.rowid, messages, answer, {SELECTED} FROM requests"
        " LEFT JOIN bodies ON bodies.request_id = requests.id WHERE id = ?",
        (request_id,),
    ).fetchone()
    index_row(connection, number, row_of(values), said_words(read_messages(connection, messages), read_answer(answer)))


def forget_said(connection: sqlite3.Connection, request_ids: Iterable[str]) -> None:
    """Takes what was said in these requests out of the index."""
    connection.executemany("UPDATE request_words SET said = '' WHERE request_id = ?", [(one,) for one in request_ids])


def forget(connection: sqlite3.Connection, request_ids: Iterable[str]) -> None:
    """Takes requests out of the index."""
    connection.executemany("DELETE FROM request_words WHERE request_id = ?", [(one,) for one in request_ids])


def fill(connection: sqlite3.Connection) -> bool:
    """Indexes some of the requests that were logged before there was an index, the newest first; False when all are."""
    until = unfilled_until(connection)
    if until == FILLED:
        return False
    found = connection.execute(
        "SELECT id, at FROM requests WHERE at <= ? AND status != 'running' AND NOT EXISTS"
        " (SELECT 1 FROM request_words WHERE request_id = requests.id) ORDER BY at DESC LIMIT ?",
        (until, FILL_ROWS),
    ).fetchall()
    for request_id, _ in found:
        index_stored(connection, request_id)
    _note(connection, "unfilled", found[-1][1] if found else FILLED)
    return bool(found)


def merge(connection: sqlite3.Connection, *, first: bool) -> bool:
    """A step of writing the index anew without what was taken out of it; False when that is done."""
    if not has_full_text(connection):
        return False
    before = connection.total_changes
    pages = -MERGE_PAGES if first else MERGE_PAGES
    connection.execute("INSERT INTO request_text (request_text, rank) VALUES ('merge', ?)", (pages,))
    return connection.total_changes - before >= 2


def _noted(connection: sqlite3.Connection, name: str, default: float) -> float:
    found = connection.execute("SELECT value FROM request_index WHERE name = ?", (name,)).fetchone()
    return default if found is None else float(found[0])


def _note(connection: sqlite3.Connection, name: str, value: float) -> None:
    connection.execute("INSERT OR REPLACE INTO request_index (name, value) VALUES (?, ?)", (name, value))
