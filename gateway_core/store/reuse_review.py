"""What is measured of the semantic cache's answers: counts by day, scopes with wrong hits, and small state."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from gateway_core.frozen import frozen
from gateway_core.store.database import Database


@frozen
class ScopeRecord:
    """``wrong`` hits in a scope, the last at ``last_at``."""

    wrong: int
    last_at: float


class ReuseReviewStore:
    """Counts are added up; scopes and state are replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self) -> dict[tuple[str, str], int]:
        """All counts by UTC day and name."""

        def read(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
            found = connection.execute("SELECT day, name, value FROM semantic_counts")
            return {(day, name): value for day, name, value in found}

        return await self._database.run(read)

    async def add_counts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Adds to the counts of days."""
        rows = [(day, name, value) for (day, name), value in counts.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO semantic_counts (day, name, value) VALUES (?, ?, ?)"
                " ON CONFLICT (day, name) DO UPDATE SET value = value + excluded.value",
                rows,
            )

        await self._database.run(write)

    async def clear_counts(self, *, keep: str) -> None:
        """Forgets all counts but those of one name."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM semantic_counts WHERE name != ?", (keep,))

        await self._database.run(write)

    async def scopes(self) -> dict[str, ScopeRecord]:
        """The scopes that had wrong hits."""

        def read(connection: sqlite3.Connection) -> dict[str, ScopeRecord]:
            found = connection.execute("SELECT scope_key, wrong, last_at FROM semantic_scopes")
            return {key: ScopeRecord(wrong, last_at) for key, wrong, last_at in found}

        return await self._database.run(read)

    async def save_scope(self, scope_key: str, record: ScopeRecord) -> None:
        """Writes a scope's record."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO semantic_scopes (scope_key, wrong, last_at) VALUES (?, ?, ?)",
                (scope_key, record.wrong, record.last_at),
            )

        await self._database.run(write)

    async def forget_scopes(self, before: float) -> None:
        """Forgets the scopes whose last wrong hit was earlier."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM semantic_scopes WHERE last_at < ?", (before,))

        await self._database.run(write)

    async def state(self) -> dict[str, str]:
        """All small state by name."""

        def read(connection: sqlite3.Connection) -> dict[str, str]:
            return dict(connection.execute("SELECT name, value FROM semantic_state").fetchall())

        return await self._database.run(read)

    async def save_state(self, values: Mapping[str, str | None]) -> None:
        """Writes state by name; None forgets it."""
        kept = [(name, value) for name, value in values.items() if value is not None]
        gone = [(name,) for name, value in values.items() if value is None]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO semantic_state (name, value) VALUES (?, ?)", kept)
            connection.executemany("DELETE FROM semantic_state WHERE name = ?", gone)

        await self._database.run(write)
