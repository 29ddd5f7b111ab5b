"""Answers by ``Idempotency-Key``: a client that asks again gets the same answer, and pays once."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3

from gateway_core.clock import Clock
from gateway_core.store.answers import FIELDS, StoredAnswer, answer_of, row_of
from gateway_core.store.bounds import Bound
from gateway_core.store.database import Database, Work
from gateway_core.store.days import DAY_S

KEEP_S = DAY_S
MAX_ENTRIES = 5_000
MAX_BYTES = 256 * 1024 * 1024


class IdempotencyStore:
    """Completed answers for 24 hours. Only answers that worked are put here: a failed try must not poison its key."""

    def __init__(
        self, database: Database, clock: Clock, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._database = database
        self._clock = clock
        self._bound = Bound("idempotency", "length(completion)", "expires_at", max_entries, max_bytes)

    async def get(self, caller: str, key: str) -> tuple[str, StoredAnswer] | None:
        """The hash of the body that was answered under the caller's key, and the answer."""
        values = (caller, _hash(key), self._clock.now())

        def read(connection: sqlite3.Connection) -> tuple[str, StoredAnswer] | None:
            row = connection.execute(
                f"SELECT body_hash, {FIELDS} FROM idempotency WHERE caller = ? AND key_hash = ? AND expires_at > ?",
                values,
            ).fetchone()
            answer = answer_of(row[1:]) if row else None
            return (row[0], answer) if answer else None

        return await self._database.run(read)

    async def put(self, caller: str, key: str, body_hash: str, answer: StoredAnswer) -> bool:
        """Stores the answer. False when the key has one that has not expired: the first answer stays.

        The oldest answers go where there are too many, or they are too large together.
        """
        return await self._database.run(await self.writing(caller, key, body_hash, answer))

    async def writing(self, caller: str, key: str, body_hash: str, answer: StoredAnswer) -> Work[bool]:
        """What :meth:`put` does, to be done in a transaction with something else."""
        columns = await asyncio.to_thread(row_of, answer)
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM idempotency WHERE expires_at <= ?", (now,))
            new = self._insert(connection, (caller, _hash(key), body_hash, now + KEEP_S, *columns))
            self._bound.added(connection, len(columns[0]))
            return new

        return write

    def _insert(self, connection: sqlite3.Connection, values: tuple[object, ...]) -> bool:
        done = connection.execute(
            f"INSERT OR IGNORE INTO idempotency (caller, key_hash, body_hash, expires_at, {FIELDS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        return done.rowcount == 1


def _hash(key: str) -> str:
    """Keys are the caller's and may be long; they are only compared."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
