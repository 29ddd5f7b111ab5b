"""Pairs of questions that a judge or the user compared, or that wait for it: what the semantic cache learns from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from enum import StrEnum

from gateway_core.frozen import frozen
from gateway_core.store.codec import clean_text
from gateway_core.store.database import Database

MOST_WAITING = 2_000
MOST_JUDGED = 20_000
WAITING_S = 14 * 86_400.0
"""Answers of such age have mostly expired: nobody needs to know any more."""


class PairKind(StrEnum):
    """How a pair came here."""

    GREY = "grey"
    """The guards were not sure; its answer was not served."""
    SHADOW = "shadow"
    """Its answer was served, or would have been: picked for a check."""
    USER = "user"
    """The user marked the answer wrong."""


class PairVerdict(StrEnum):
    """What is known of a pair."""

    WAITING = "waiting"
    SAME = "same"
    DIFFERENT = "different"
    UNCLEAR = "unclear"
    """The judge gave no clear answer, and is not asked again."""


@frozen
class Pair:
    """Two questions of one scope. ``entry_id`` is the cached answer given to ``stored``.

    ``samples`` are the hits picked for a check that this verdict is for, by the kind of hit ``allowed_by``.
    """

    id: str
    scope_key: str
    asked: str
    stored: str
    entry_id: str
    cosine: float
    kind: PairKind
    created_at: float
    allowed_by: str = ""
    samples: int = 0
    verdict: PairVerdict = PairVerdict.WAITING
    judged_by: str = ""
    judged_at: float | None = None
    attempts: int = 0
    error: str = ""


_COLUMNS = tuple(field.name for field in fields(Pair))
_SELECTED = ", ".join(_COLUMNS)


@frozen
class KnownPair:
    """What is kept of a pair in memory: 64 hex digits, the verdict, and of approved ones what makes an alias."""

    id: str
    verdict: PairVerdict
    kind: PairKind
    scope_key: str = ""
    asked: str = ""
    stored: str = ""
    cosine: float = 0.0


class PairStore:
    """Pairs by id. The oldest that wait go first when there are too many, then the oldest verdicts."""

    def __init__(self, database: Database, *, most_waiting: int = MOST_WAITING, most_judged: int = MOST_JUDGED) -> None:
        self._database = database
        self._most_waiting = most_waiting
        self._most_judged = most_judged

    async def known(self) -> tuple[KnownPair, ...]:
        """Every pair; with its texts only where it is approved."""

        def read(connection: sqlite3.Connection) -> tuple[KnownPair, ...]:
            found = connection.execute(
                "SELECT id, verdict, kind, iif(verdict = 'same', scope_key, ''), iif(verdict = 'same', asked, ''),"
                " iif(verdict = 'same', stored, ''), cosine FROM semantic_pairs ORDER BY created_at, id"
            )
            return tuple(KnownPair(row[0], PairVerdict(row[1]), PairKind(row[2]), *row[3:]) for row in found)

        return await self._database.run(read)

    async def queue(self, pairs: Sequence[Pair]) -> tuple[str, ...]:
        """Has pairs wait for a judge; one that waits already waits for more samples, one that is judged stays so.

        Returns the ids that went for want of room.
        """

        def write(connection: sqlite3.Connection) -> tuple[str, ...]:
            connection.executemany(
                f"INSERT INTO semantic_pairs ({_SELECTED}) VALUES ({', '.join('?' * len(_COLUMNS))})"
                " ON CONFLICT (id) DO UPDATE SET samples = samples + excluded.samples,"
                " kind = iif(excluded.kind = 'shadow', 'shadow', kind),"
                " allowed_by = iif(excluded.kind = 'shadow', excluded.allowed_by, allowed_by),"
                " entry_id = excluded.entry_id WHERE verdict = 'waiting'",
                [_values(pair) for pair in pairs],
            )
            dropped = connection.execute(
                "DELETE FROM semantic_pairs WHERE verdict = 'waiting' AND id NOT IN (SELECT id FROM semantic_pairs"
                " WHERE verdict = 'waiting' ORDER BY created_at DESC, id LIMIT ?) RETURNING id",
                (self._most_waiting,),
            )
            return tuple(row[0] for row in dropped.fetchall())

        return await self._database.run(write)

    async def next_waiting(self) -> Pair | None:
        """The pair to judge next: served hits before the rest, then the newest, which is most likely asked again."""

        def read(connection: sqlite3.Connection) -> Pair | None:
            row = connection.execute(
                f"SELECT {_SELECTED} FROM semantic_pairs WHERE verdict = 'waiting'"
                " ORDER BY kind = 'shadow' DESC, attempts, created_at DESC, id LIMIT 1"
            ).fetchone()
            return _pair(row) if row else None

        return await self._database.run(read)

    async def judge(self, pair: Pair) -> Pair | None:
        """Writes the verdict in ``pair``; returns the pair as it was before, None where it was not known.

        Samples that came while it was being judged are kept.
        """

        def write(connection: sqlite3.Connection) -> Pair | None:
            row = connection.execute(f"SELECT {_SELECTED} FROM semantic_pairs WHERE id = ?", (pair.id,)).fetchone()
            before = _pair(row) if row else None
            kept = replace(pair, samples=before.samples, allowed_by=before.allowed_by) if before else pair
            connection.execute(
                f"INSERT OR REPLACE INTO semantic_pairs ({_SELECTED}) VALUES ({', '.join('?' * len(_COLUMNS))})",
                _values(kept),
            )
            return before

        return await self._database.run(write)

    async def lessons(self, most: int) -> list[tuple[str, str, bool]]:
        """The newest verdicts as (asked, stored, same), oldest first."""

        def read(connection: sqlite3.Connection) -> list[tuple[str, str, bool]]:
            found = connection.execute(
                "SELECT asked, stored, verdict FROM semantic_pairs WHERE verdict IN ('same', 'different')"
                " AND asked != '' ORDER BY judged_at DESC, id LIMIT ?",
                (most,),
            ).fetchall()
            return [(asked, stored, verdict == "same") for asked, stored, verdict in reversed(found)]

        return await self._database.run(read)

    async def block(self, ids: Iterable[str], at: float) -> None:
        """Takes over pairs of which only the id is known, as different by the user's word."""
        rows = [
            Pair(one, "", "", "", "", 0.0, PairKind.USER, at, "", 0, PairVerdict.DIFFERENT, "user", at) for one in ids
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                f"INSERT OR IGNORE INTO semantic_pairs ({_SELECTED}) VALUES ({', '.join('?' * len(_COLUMNS))})",
                [_values(row) for row in rows],
            )

        await self._database.run(write)

    async def prune(self, now: float) -> tuple[str, ...]:
        """Drops what waits too long, and the oldest verdicts beyond ``most_judged``. Returns the ids."""

        def write(connection: sqlite3.Connection) -> tuple[str, ...]:
            old = connection.execute(
                "DELETE FROM semantic_pairs WHERE verdict = 'waiting' AND created_at < ? RETURNING id",
                (now - WAITING_S,),
            ).fetchall()
            many = connection.execute(
                "DELETE FROM semantic_pairs WHERE verdict != 'waiting' AND id NOT IN (SELECT id FROM semantic_pairs"
                " WHERE verdict != 'waiting' ORDER BY judged_at DESC, id LIMIT ?) RETURNING id",
                (self._most_judged,),
            ).fetchall()
            return tuple(row[0] for row in (*old, *many))

        return await self._database.run(write)


def _values(pair: Pair) -> tuple[object, ...]:
    values = (getattr(pair, name) for name in _COLUMNS)
    return tuple(clean_text(str(value)) if isinstance(value, str) else value for value in values)


def _pair(row: Sequence[object]) -> Pair:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Pair(**{**values, "kind": PairKind(str(values["kind"])), "verdict": PairVerdict(str(values["verdict"]))})  # type: ignore[arg-type]
