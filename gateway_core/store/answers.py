"""Exact-cache storage: whole answers by the fingerprint of what was asked."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from functools import partial
from typing import Any

from gateway_core.cache_entries import EXACT
from gateway_core.frozen import frozen
from gateway_core.model import CacheEntry, JsonObject, Tier, Usage
from gateway_core.store.codec import clean_text, from_json, pack, to_json, unpack
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.recent import Recent

log = logging.getLogger(__name__)

MAX_ENTRIES = 10_000
QUESTION_CHARACTERS = 300
MAX_BYTES = 256 * 1024 * 1024
MOST_WAITING = 256
"""Answers that wait for the disk; the next one waits with them."""
RECENT_ENTRIES = 256
RECENT_BYTES = 2 * 1024 * 1024
"""Of packed answers that are kept unpacked in memory: a turn of the store's thread took 0.6 ms for each hit."""
FIELDS = "completion, tier, provider, model, created_at, cost_microusd, usage, latency_ms"
Row = tuple[bytes, str, str, str, float, int, str, float]
_LISTED = (
    "key, question, tier, provider, model, created_at, expires_at, hits, used_at, cost_microusd, latency_ms, size_bytes"
)
_COUNT = _LISTED.count(",") + 1
_DROP_OLDEST = (
    "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM (SELECT rowid,"
    " row_number() OVER latest AS place, sum(size_bytes) OVER latest AS together FROM answers"
    " WINDOW latest AS (ORDER BY used_at DESC, rowid DESC ROWS UNBOUNDED PRECEDING))"
    " WHERE place > ? OR together > ?)"
)
_PREFIX = "x-"
_ID_DIGITS = 16
"""Of a key's 64: enough to tell ten thousand apart."""


@frozen
class StoredAnswer:
    """A whole ``chat.completion`` as it was given, by whom, when, and what it cost then, in money and in time.

    ``latency_ms`` is 0 where it was not written down.
    """

    completion: JsonObject
    tier: Tier
    provider: str
    model: str
    created_at: float
    cost_microusd: int
    usage: Usage
    latency_ms: float = 0.0


@frozen
class _Put:
    """An answer on its way to the disk."""

    answer: StoredAnswer
    expires_at: float
    question: str
    row: Row

    @property
    def size_bytes(self) -> int:
        return len(self.row[0])


class AnswerStore:
    """Answers until they expire; the least recently used go first when there are too many.

    An answer is found as soon as it is put, and written soon after: nobody waits for the disk, and what a crash takes
    is asked again. That a key is not there is known without the disk, and so are answers that were served lately. Hits
    are counted in memory and written with the next change.
    """

    def __init__(self, database: Database, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._database = database
        database.on_hurry.append(self._write)
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._hits: dict[str, tuple[int, float]] = {}
        self._waiting: dict[str, _Put] = {}
        """What is not yet on disk."""
        self._writing: asyncio.Future[tuple[int, int] | None] | None = None
        """The batch under way."""
        self._at_most = (max_entries, max_bytes)
        """How many answers there are, and bytes of them: not more, as far as is known."""
        self._keys: set[str] | None = None
        """At least those on disk; None until they are read: at the start, and again where most of them have gone."""
        self._recent: Recent[StoredAnswer] = Recent(RECENT_ENTRIES, RECENT_BYTES)
        """Some of those on disk."""
        self._forgettings = 0
        """How often answers were forgotten: what was being read meanwhile is not kept in memory."""

    async def get(self, key: str, now: float) -> StoredAnswer | None:
        """The answer, unless it has expired. Counts a hit."""
        if (waits := self._waiting.get(key)) is not None:
            answer = waits.answer if waits.expires_at > now else None
        elif self._keys is not None and key not in self._keys:
            return None
        elif (answer := self._recent.get(key, now)) is None:
            answer = await self._read(key, now)
        if answer is not None:
            count, _ = self._hits.get(key, (0, now))
            self._hits[key] = (count + 1, now)
            if len(self._hits) >= self._max_entries:
                await self.flush()
        return answer

    async def _read(self, key: str, now: float) -> StoredAnswer | None:
        wanted, before = self._keys is None, self._forgettings

        def read(connection: sqlite3.Connection) -> tuple[StoredAnswer | None, float, int, set[str]]:
            expires_at, size_bytes, *row = connection.execute(
                f"SELECT expires_at, size_bytes, {FIELDS} FROM answers WHERE key = ? AND expires_at > ?", (key, now)
            ).fetchone() or (0.0, 0)
            keys = {found for (found,) in connection.execute("SELECT key FROM answers")} if wanted else set()
            return answer_of(tuple(row)) if row else None, expires_at, size_bytes, keys

        answer, expires_at, size_bytes, keys = await self._database.run(read)
        if self._keys is None:
            self._keys = keys
        if answer is not None and before == self._forgettings:
            self._recent.keep(key, answer, expires_at, size_bytes)
        return answer

    async def put(self, key: str, answer: StoredAnswer, expires_at: float, question: str = "") -> bool:
        """Stores the answer over an older one and makes room. False when it alone is larger than the whole cache.

        Of ``question`` the first characters are kept, for people to find the answer by.
        """
        waits = _Put(answer, expires_at, clean_text(question[:QUESTION_CHARACTERS]), row_of(answer))
        if waits.size_bytes > self._max_bytes:
            return False
        if len(self._waiting) >= MOST_WAITING:
            await self._written()
        self._waiting[key] = waits
        self._database.wait()
        return True

    def _write(self) -> None:
        """Begins to write all that waits. What cannot be written is no longer served either: it would be gone
        tomorrow."""
        if self._writing is not None or not self._waiting:
            return
        batch, hits = dict(self._waiting), self._take_hits()
        count, size_bytes = self._at_most
        self._at_most = count + len(batch), size_bytes + sum(waits.size_bytes for waits in batch.values())
        fits = self._at_most[0] <= self._max_entries and self._at_most[1] <= self._max_bytes
        self._writing = self._database.begin(partial(self._insert, batch, hits, fits), patiently=True)
        self._writing.add_done_callback(partial(self._ended, batch, hits))

    def _ended(
        self,
        batch: dict[str, _Put],
        hits: dict[str, tuple[int, float]],
        writing: asyncio.Future[tuple[int, int] | None],
    ) -> None:
        self._writing = None
        if error := writing.exception():
            self._give_back(hits)
            what = error if isinstance(error, StoreError) else type(error).__name__
            log.warning("%d answers were not cached: %s", len(batch), what)
        else:
            if made_room := writing.result():
                self._at_most = made_room
                self._recent.clear()
            if self._keys is not None:
                self._keys.update(batch)
                if len(self._keys) > 2 * self._max_entries:
                    self._keys = None
        for key, waits in batch.items():
            self._recent.drop(key)
            if self._waiting.get(key) is waits:
                del self._waiting[key]
        if self._waiting:
            self._database.wait()

    def _insert(
        self, batch: dict[str, _Put], hits: dict[str, tuple[int, float]], fits: bool, connection: sqlite3.Connection
    ) -> tuple[int, int] | None:
        """Writes a batch and makes room, unless it ``fits``; how many answers of how many bytes there are then."""
        connection.executemany(
            f"INSERT OR REPLACE INTO answers (key, expires_at, used_at, size_bytes, question, {FIELDS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (key, one.expires_at, one.answer.created_at, one.size_bytes, one.question, *one.row)
                for key, one in batch.items()
            ],
        )
        if hits:
            _write_hits(connection, hits)
        return None if fits else self._make_room(connection, max(one.answer.created_at for one in batch.values()))

    async def _written(self) -> None:
        """Returns once what waits now is on disk: the batch under way, and the next."""
        for _ in range(2):
            if self._waiting:
                self._database.hurry()
            if self._writing is not None:
                await asyncio.wait((self._writing,))

    async def delete(self, key: str, created_at: float | None = None) -> bool:
        """Forgets one answer, with ``created_at`` only the one given then; False when there was none."""
        await self._written()

        def write(connection: sqlite3.Connection) -> bool:
            return (
                connection.execute(
                    "DELETE FROM answers WHERE key = ?1 AND (?2 IS NULL OR created_at = ?2)", (key, created_at)
                ).rowcount
                == 1
            )

        self._forgettings += 1
        self._recent.drop(key)
        return await self._database.run(write)

    async def delete_expired(self, now: float) -> int:
        """Forgets what has expired; returns how many."""
        await self.flush()

        def write(connection: sqlite3.Connection) -> int:
            return connection.execute("DELETE FROM answers WHERE expires_at <= ?", (now,)).rowcount

        return await self._database.run(write)

    async def count(self) -> int:
        """Answers stored, expired ones that are not yet deleted included."""
        await self._written()

        def read(connection: sqlite3.Connection) -> int:
            count: int = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
            return count

        return await self._database.run(read) + sum(key not in (self._keys or ()) for key in self._waiting)

    async def listed(self, now: float) -> tuple[CacheEntry, ...]:
        """What is kept and has not expired, without the answers, newest first."""
        await self.flush()

        def read(connection: sqlite3.Connection) -> tuple[CacheEntry, ...]:
            found = connection.execute(
                f"SELECT {_LISTED} FROM answers WHERE expires_at > ? ORDER BY created_at DESC, key", (now,)
            )
            return tuple(_entry(row) for row in found)

        return await self._database.run(read)

    async def find(self, entry_id: str) -> tuple[str, CacheEntry, StoredAnswer | None] | None:
        """The key, the entry and the answer of a listed entry's id; None when it has gone."""
        first = entry_id.removeprefix(_PREFIX)
        await self.flush()

        def read(connection: sqlite3.Connection) -> tuple[str, CacheEntry, StoredAnswer | None] | None:
            row = connection.execute(
                f"SELECT {_LISTED}, {FIELDS} FROM answers WHERE key >= ? AND key < ?", (first, f"{first}g")
            ).fetchone()
            return (row[0], _entry(row[:_COUNT]), answer_of(row[_COUNT:])) if row else None

        return await self._database.run(read)

    async def clear(self) -> int:
        """Forgets all answers; returns how many."""
        await self._written()
        self._forgettings += 1
        self._recent.clear()
        return await self._database.run(lambda connection: connection.execute("DELETE FROM answers").rowcount)

    async def flush(self) -> None:
        """Writes what is only in memory: answers that wait, and the hits counted since the last change."""
        await self._written()
        if hits := self._take_hits():
            try:
                await self._database.run(lambda connection: _write_hits(connection, hits))
            except StoreError:
                self._give_back(hits)
                raise

    def _take_hits(self) -> dict[str, tuple[int, float]]:
        """The hits not yet written, to be written once: a caller who is cancelled meanwhile has them written too."""
        hits, self._hits = self._hits, {}
        return hits

    def _give_back(self, hits: dict[str, tuple[int, float]]) -> None:
        """Counts hits again that could not be written."""
        for key, (count, used_at) in hits.items():
            more, last = self._hits.get(key, (0, used_at))
            self._hits[key] = (count + more, max(used_at, last))

    def _make_room(self, connection: sqlite3.Connection, now: float) -> tuple[int, int]:
        """Expired answers go only when there is no room, then the least recently used: some more than must, so that
        not every answer has all of them counted. How many there are then, of how many bytes."""
        for statement, values in (
            ("DELETE FROM answers WHERE expires_at <= ?", (now,)),
            (_DROP_OLDEST, (self._max_entries - self._max_entries // 100, self._max_bytes - self._max_bytes // 100)),
        ):
            count, size_bytes = _counted(connection)
            if count <= self._max_entries and size_bytes <= self._max_bytes:
                return count, size_bytes
            connection.execute(statement, values)
        return _counted(connection)


def _counted(connection: sqlite3.Connection) -> tuple[int, int]:
    count, size_bytes = connection.execute("SELECT count(*), coalesce(sum(size_bytes), 0) FROM answers").fetchone()
    return count, size_bytes


def row_of(answer: StoredAnswer) -> Row:
    """The answer as the columns :data:`FIELDS`."""
    target = (str(answer.tier), answer.provider, answer.model)
    cost = (answer.cost_microusd, to_json(answer.usage), answer.latency_ms)
    return (pack(answer.completion), *target, answer.created_at, *cost)


def answer_of(row: Row) -> StoredAnswer | None:
    """The columns :data:`FIELDS` as an answer; None when they are damaged, which is a miss."""
    completion, tier, provider, model, created_at, cost_microusd, usage, latency_ms = row
    try:
        whole = unpack(completion)
        if not isinstance(whole, dict):
            return None
        paid = from_json(Usage, usage)
        return StoredAnswer(whole, Tier(tier), provider, model, created_at, cost_microusd, paid, latency_ms)
    except ValueError:
        return None


def exact_id(key: str) -> str:
    """What people know an answer of the exact cache by."""
    return f"{_PREFIX}{key[:_ID_DIGITS]}"


def _entry(row: tuple[Any, ...]) -> CacheEntry:
    """The columns :data:`_LISTED` as an entry."""
    key, question, tier, provider, model, created_at, expires_at, hits, used_at, cost_microusd, latency_ms, size = row
    return CacheEntry(
        id=exact_id(key),
        kind=EXACT,
        question=question,
        tier=tier,
        provider=provider,
        model=model,
        created_at=created_at,
        expires_at=expires_at,
        hits=hits,
        used_at=used_at if hits else 0.0,
        saved_microusd=hits * cost_microusd,
        saved_ms=hits * latency_ms,
        size_bytes=size,
    )


def _write_hits(connection: sqlite3.Connection, hits: dict[str, tuple[int, float]]) -> None:
    connection.executemany(
        "UPDATE answers SET hits = hits + ?, used_at = max(used_at, ?) WHERE key = ?",
        [(count, used_at, key) for key, (count, used_at) in hits.items()],
    )
