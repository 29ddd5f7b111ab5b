"""How much a table may hold: counted only where it may be too much."""

from __future__ import annotations

import sqlite3


class Bound:
    """Drops the oldest entries of ``table`` where there are more than ``most_entries``, or where they are together
    larger than ``most_bytes``; asked in the store's thread alone.

    To count 5,000 answers took 5 ms at each write. Where there are too many some more go than must, so that not each
    write of a full table counts them.
    """

    def __init__(self, table: str, size: str, age: str, most_entries: int, most_bytes: int) -> None:
        """``size`` and ``age`` are SQL of an entry: its bytes, and what is the larger the newer it is."""
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._count = f"SELECT count(*), coalesce(sum({size}), 0) FROM {table}"
        self._drop = (
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM (SELECT rowid,"
            f" row_number() OVER newest AS place, sum({size}) OVER newest AS together FROM {table}"
            f" WINDOW newest AS (ORDER BY {age} DESC, rowid DESC ROWS UNBOUNDED PRECEDING))"
            " WHERE place > ? OR together > ?)"
        )
        self._at_most: tuple[int, int] | None = None
        """Entries and bytes that there are, or were before some went; None until they are counted."""

    def added(self, connection: sqlite3.Connection, size_bytes: int) -> None:
        """Makes room after an entry was written."""
        if self._at_most is not None:
            entries, together = self._at_most
            self._at_most = (entries + 1, together + size_bytes)
        if not self._fits():
            self._at_most = connection.execute(self._count).fetchone()
            if not self._fits():
                connection.execute(self._drop, (self._most_entries - self._most_entries // 100, self._most_bytes))
                self._at_most = None

    def _fits(self) -> bool:
        if self._at_most is None:
            return False
        entries, together = self._at_most
        return entries <= self._most_entries and together <= self._most_bytes
