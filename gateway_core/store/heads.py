"""What was learned, version by version, and which of them is in force."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import replace

from gateway_core.frozen import frozen
from gateway_core.learning_values import HeadVersion, Trial
from gateway_core.store.codec import from_json, to_json
from gateway_core.store.database import Database

MOST_VERSIONS = 5
_SELECTED = "number, at, labels, trial, taken, verdict"


@frozen
class Standing:
    """``in_force`` is a version's number, 0 for the rules alone; ``tried`` the changes of the last fit."""

    in_force: int
    tried: int
    head: str | None
    """JSON of the head in force."""


class HeadStore:
    """Versions that were taken up, the last :data:`MOST_VERSIONS`, and the last one that was not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self) -> Standing:
        """What is in force."""

        def read(connection: sqlite3.Connection) -> Standing:
            number = _state(connection, "in_force")
            head = connection.execute("SELECT head FROM router_heads WHERE number = ?", (number,)).fetchone()
            return Standing(number if head else 0, _state(connection, "tried"), head[0] if head else None)

        return await self._database.run(read)

    async def add(self, version: HeadVersion, head: str, tried: int) -> int:
        """Keeps a version, and has it in force if it was taken; returns its number. All or nothing of it is durable."""

        def write(connection: sqlite3.Connection) -> int:
            before = _state(connection, "in_force")
            number = 1 + int(connection.execute("SELECT coalesce(max(number), 0) FROM router_heads").fetchone()[0])
            connection.execute(
                "INSERT INTO router_heads (number, at, labels, head, trial, taken, verdict, before)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(number, version.at, version.labels, head, to_json(version.trial)),
                    *(version.taken, version.verdict, before),
                ),
            )
            _keep(connection, "tried", tried)
            if version.taken:
                _keep(connection, "in_force", number)
            _prune(connection, number if version.taken else before)
            return number

        return await self._database.run(write)

    async def note_tried(self, tried: int) -> None:
        """Notes that a fit of so many changes brought nothing new."""
        await self._database.run(lambda connection: _keep(connection, "tried", tried))

    async def go_back(self) -> Standing | None:
        """Has the version in force that was so before; None where the rules are in force already."""

        def write(connection: sqlite3.Connection) -> Standing | None:
            number = _state(connection, "in_force")
            if not number:
                return None
            found = connection.execute("SELECT before FROM router_heads WHERE number = ?", (number,)).fetchone()
            before = int(found[0]) if found else 0
            head = connection.execute("SELECT head FROM router_heads WHERE number = ?", (before,)).fetchone()
            _keep(connection, "in_force", before if head else 0)
            return Standing(before if head else 0, _state(connection, "tried"), head[0] if head else None)

        return await self._database.run(write)

    async def versions(self) -> tuple[HeadVersion, ...]:
        """Newest first."""

        def read(connection: sqlite3.Connection) -> tuple[HeadVersion, ...]:
            in_force = _state(connection, "in_force")
            found = connection.execute(f"SELECT {_SELECTED} FROM router_heads ORDER BY number DESC").fetchall()
            return tuple(replace(_version(*row), in_force=row[0] == in_force) for row in found)

        return await self._database.run(read)


def _version(number: int, at: float, labels: int, trial: str, taken: int, verdict: str) -> HeadVersion:
    held = Trial()
    with suppress(ValueError):
        held = from_json(Trial, trial)
    return HeadVersion(number, at, labels, held, bool(taken), verdict)


def _prune(connection: sqlite3.Connection, in_force: int) -> None:
    connection.execute(
        "DELETE FROM router_heads WHERE number != ? AND number NOT IN"
        " (SELECT number FROM router_heads WHERE taken ORDER BY number DESC LIMIT ?) AND number NOT IN"
        " (SELECT number FROM router_heads WHERE NOT taken ORDER BY number DESC LIMIT 1)",
        (in_force, MOST_VERSIONS),
    )


def _state(connection: sqlite3.Connection, name: str) -> int:
    found = connection.execute("SELECT value FROM router_learning WHERE name = ?", (name,)).fetchone()
    return int(found[0]) if found else 0


def _keep(connection: sqlite3.Connection, name: str, value: int) -> None:
    connection.execute("INSERT OR REPLACE INTO router_learning (name, value) VALUES (?, ?)", (name, value))
