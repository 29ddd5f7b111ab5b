"""Responses that can be asked for again: each turn's own items, and a link to the turn before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.store.bounds import Bound
from gateway_core.store.codec import pack, unpack
from gateway_core.store.database import Database
from gateway_core.store.days import DAY_S
from gateway_core.wire.json_values import as_objects

MAX_ENTRIES = 10_000
MAX_BYTES = 256 * 1024 * 1024
LONGEST_CHAIN = 2_000
_FIELDS = "id, previous_id, provider, created_at, input, response"


class ChainTooLong(Exception):
    """The turns of a conversation are together more than may be sent."""


@frozen
class KeptResponse:
    """One answered turn. ``input`` are the items of this turn alone, ``response`` the Response object as given.

    ``provider`` names who keeps it too, having answered in Responses itself; empty for everybody else.
    """

    id: str
    previous_id: str | None
    provider: str
    created_at: float
    input: tuple[JsonObject, ...]
    response: JsonObject

    @property
    def output(self) -> tuple[JsonObject, ...]:
        items = self.response.get("output")
        return tuple(as_objects(items))

    @property
    def items(self) -> tuple[JsonObject, ...]:
        """What the turn adds to a conversation."""
        return (*self.input, *self.output)


class ResponseStore:
    """Responses by caller and id. The oldest go first when there are too many, or when ``prune`` finds them too old."""

    def __init__(
        self, database: Database, clock: Clock, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._database = database
        self._clock = clock
        self._bound = Bound("responses", "size_bytes", "created_at", max_entries, max_bytes)

    async def put(self, caller: str, kept: KeptResponse) -> None:
        """Keeps a response; on the disk when this returns."""
        asked, answered = pack(kept.input), pack(kept.response)
        size_bytes = len(asked) + len(answered)
        names = {item["id"] for item in kept.items if isinstance(item.get("id"), str)}

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT OR REPLACE INTO responses (caller, size_bytes, {_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (caller, size_bytes, kept.id, kept.previous_id, kept.provider, kept.created_at, asked, answered),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO response_items (caller, item_id, response_id) VALUES (?, ?, ?)",
                [(caller, name, kept.id) for name in names],
            )
            self._bound.added(connection, size_bytes)

        await self._database.run(write)

    async def get(self, caller: str, response_id: str) -> KeptResponse | None:
        """The response, None where it is not kept or damaged."""
        return await self._database.run(lambda connection: _get(connection, caller, response_id))

    async def chain(self, caller: str, response_id: str, limit_bytes: int) -> tuple[KeptResponse, ...] | str:
        """The turns up to ``response_id``, oldest first; or the id of the first one missing.

        Raises :class:`ChainTooLong` past ``limit_bytes`` of compressed turns.
        """

        def read(connection: sqlite3.Connection) -> tuple[KeptResponse, ...] | str:
            turns: list[KeptResponse] = []
            size_bytes = 0
            wanted: str | None = response_id
            while wanted is not None:
                kept = _get(connection, caller, wanted)
                if kept is None:
                    return wanted
                size_bytes += _size(connection, caller, wanted)
                if size_bytes > limit_bytes or len(turns) == LONGEST_CHAIN:
                    raise ChainTooLong
                turns.append(kept)
                wanted = kept.previous_id
            return tuple(reversed(turns))

        return await self._database.run(read)

    async def items(self, caller: str, item_ids: Iterable[str]) -> dict[str, JsonObject]:
        """Items of kept responses by their id; those that are not kept are left out."""
        wanted = set(item_ids)

        def read(connection: sqlite3.Connection) -> dict[str, JsonObject]:
            found: dict[str, JsonObject] = {}
            for item_id in wanted:
                row = connection.execute(
                    "SELECT response_id FROM response_items WHERE caller = ? AND item_id = ?", (caller, item_id)
                ).fetchone()
                kept = _get(connection, caller, row[0]) if row and item_id not in found else None
                if kept is not None:
                    found |= {item["id"]: item for item in kept.items if item.get("id") in wanted}
            return found

        return await self._database.run(read)

    async def delete(self, caller: str, response_id: str) -> bool:
        """Forgets a response; False when there was none."""

        def write(connection: sqlite3.Connection) -> bool:
            where = "DELETE FROM responses WHERE caller = ? AND id = ?"
            return connection.execute(where, (caller, response_id)).rowcount == 1

        return await self._database.run(write)

    async def prune(self, keep_days: int) -> int:
        """Forgets what is older than ``keep_days``, everything when that is 0; returns how many."""
        oldest = self._clock.now() - keep_days * DAY_S if keep_days else float("inf")

        def write(connection: sqlite3.Connection) -> int:
            return connection.execute("DELETE FROM responses WHERE created_at < ?", (oldest,)).rowcount

        return await self._database.run(write)


def _size(connection: sqlite3.Connection, caller: str, response_id: str) -> int:
    size_bytes: int = connection.execute(
        "SELECT size_bytes FROM responses WHERE caller = ? AND id = ?", (caller, response_id)
    ).fetchone()[0]
    return size_bytes


def _get(connection: sqlite3.Connection, caller: str, response_id: str) -> KeptResponse | None:
    row = connection.execute(
        f"SELECT {_FIELDS} FROM responses WHERE caller = ? AND id = ?", (caller, response_id)
    ).fetchone()
    if row is None:
        return None
    found_id, previous_id, provider, created_at, asked, answered = row
    try:
        items, response = unpack(asked), unpack(answered)
    except ValueError:
        return None
    if not isinstance(items, list) or not isinstance(response, dict):
        return None
    return KeptResponse(found_id, previous_id, provider, created_at, tuple(items), response)
