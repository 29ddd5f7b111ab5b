"""What is remembered of local models over restarts, by server and name: the operator's wishes, speeds, pulls."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from gateway_core.frozen import frozen
from gateway_core.local_values import ModelSpeed, UpdateCheck
from gateway_core.store.codec import from_json, to_json
from gateway_core.store.database import Database


@frozen
class Remembered:
    """Of one model at one server. ``update`` is of the version with the digest ``checked_digest``."""

    pinned: bool = False
    num_ctx: int | None = None
    pulling: bool = False
    pulled: bool = False
    """It came from a registry by our hand, which may therefore be asked for newer versions of that name."""
    speed: ModelSpeed = ModelSpeed()
    update: UpdateCheck = UpdateCheck()
    checked_digest: str = ""


NOTHING = Remembered()
NEWEST_LOOKED_AT = 20_000
"""Requests in which a model's last use is looked for."""


class LocalModelStore:
    """Loads and saves. ``server`` is the base URL: another server has other models, and another speed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, server: str) -> dict[str, Remembered]:
        """All that is remembered of a server's models; what cannot be read is left out."""

        def read(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            return connection.execute("SELECT name, value FROM local_models WHERE server = ?", (server,)).fetchall()

        found: dict[str, Remembered] = {}
        for name, value in await self._database.run(read):
            try:
                found[name] = from_json(Remembered, value)
            except ValueError:
                continue
        return found

    async def save(self, server: str, changed: Mapping[str, Remembered]) -> None:
        """Writes models; one of which nothing is remembered goes. Raises ``StoreError``."""
        kept = [(server, name, to_json(value)) for name, value in changed.items() if value != NOTHING]
        gone = [(server, name) for name, value in changed.items() if value == NOTHING]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO local_models (server, name, value) VALUES (?, ?, ?)", kept)
            connection.executemany("DELETE FROM local_models WHERE server = ? AND name = ?", gone)

        await self._database.run(write)

    async def last_uses(self) -> dict[str, float]:
        """When each local model answered last, as the newest of the request log have it; Unix seconds.

        Cached answers do not count. To look through a million requests would take a start a second.
        """

        def read(connection: sqlite3.Connection) -> dict[str, float]:
            query = """
                SELECT model, MAX(at)
                FROM (SELECT model, at, provider, cache FROM requests ORDER BY at DESC LIMIT ?)
                WHERE provider = 'local' AND model IS NOT NULL AND cache NOT IN ('exact', 'semantic') GROUP BY model
            """
            return dict(connection.execute(query, (NEWEST_LOOKED_AT,)).fetchall())

        return await self._database.run(read)
