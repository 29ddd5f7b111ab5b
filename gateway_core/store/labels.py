"""What the user has shown of answers: one row for each request and kind of label, and the requests picked by chance."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import fields

from gateway_core.frozen import frozen
from gateway_core.learning_values import Source, WaitingSample
from gateway_core.store.codec import clean_text
from gateway_core.store.database import Database

MOST_LABELS = 5_000
MOST_SAMPLES = 200
SAMPLES_S = 14 * 86_400.0
"""Nobody remembers how an answer was that is older."""
THUMBS = (Source.THUMB, Source.SAMPLE)


@frozen
class Label:
    """One judgement. ``wanted`` and ``difficulty`` are 0 to 1; ``text`` is the user's own words without secrets.

    ``vector`` holds 32-bit floats of the encoder whose fingerprint is ``encoder``.
    """

    request_id: str
    at: float
    source: Source
    text: str
    wanted: float
    weight: float
    held_out: bool
    tier: str = ""
    difficulty: float | None = None
    verdict: str = ""
    vector: bytes | None = None
    encoder: str = ""


_COLUMNS = tuple(field.name for field in fields(Label))
_SELECTED = ", ".join(f"labels.{name}" for name in _COLUMNS)


class LabelStore:
    """Labels by request and source. Of those on one request the highest in ``ranks`` is in force, of equals the latest.

    Every change counts up :meth:`changed`, which tells a head that there is something newer.
    """

    def __init__(self, database: Database, ranks: dict[Source, int], *, most: int = MOST_LABELS) -> None:
        self._database = database
        self._most = most
        self._rank = "CASE source " + " ".join(f"WHEN '{name}' THEN {rank}" for name, rank in ranks.items()) + " END"

    async def add(self, labels: Sequence[Label]) -> None:
        """Writes labels over those of the same request and source; the oldest go when there are too many."""

        def write(connection: sqlite3.Connection) -> None:
            for label in labels:
                _forget(connection, label.request_id, (label.source,) if label.source not in THUMBS else THUMBS)
                connection.execute(
                    f"INSERT INTO labels ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",
                    _values(label),
                )
                if label.source in THUMBS:
                    _mark(connection, label.request_id, label.verdict)
                self._supersede(connection, label.request_id)
            connection.execute(
                "DELETE FROM labels WHERE request_id IN (SELECT request_id FROM labels ORDER BY at DESC, number DESC"
                " LIMIT -1 OFFSET ?)",
                (self._most,),
            )
            _count(connection, len(labels))

        await self._database.run(write)

    async def take_back(self, request_id: str) -> bool:
        """Forgets the thumb on a request; what was superseded by it is in force again. False where there is none."""

        def write(connection: sqlite3.Connection) -> bool:
            if not _forget(connection, request_id, THUMBS):
                return False
            _mark(connection, request_id, "")
            self._supersede(connection, request_id)
            _count(connection, 1)
            return True

        return await self._database.run(write)

    async def active(self) -> tuple[tuple[Label, ...], int]:
        """The labels in force, newest first, and the count of changes that they are of."""

        def read(connection: sqlite3.Connection) -> tuple[tuple[Label, ...], int]:
            found = connection.execute(
                f"SELECT {_SELECTED} FROM labels WHERE NOT superseded ORDER BY at DESC, number DESC"
            )
            return tuple(label for row in found if (label := _label(row))), _changes(connection)

        return await self._database.run(read)

    async def beginnings(self, request_ids: Sequence[str], characters: int) -> dict[str, str]:
        """How the words of judged requests begin, by the request's id; those that are forgotten are missing."""

        def read(connection: sqlite3.Connection) -> dict[str, str]:
            marks = ", ".join("?" * len(request_ids))
            found = connection.execute(
                f"SELECT request_id, substr(text, 1, ?) FROM labels WHERE request_id IN ({marks})",
                (characters, *request_ids),
            )
            return dict(found.fetchall())

        return await self._database.run(read)

    async def keep_vectors(self, vectors: dict[str, bytes], encoder: str) -> None:
        """Keeps what an encoder made of texts, by the request's id."""

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE labels SET vector = ?, encoder = ? WHERE request_id = ?",
                [(vector, encoder, request_id) for request_id, vector in vectors.items()],
            )

        await self._database.run(write)

    async def changes(self) -> int:
        """How often labels were written or taken back."""
        return await self._database.run(_changes)

    async def forget(self) -> int:
        """Forgets all labels, all that was learned from them, and who waits for a thumb. Returns how many labels."""

        def write(connection: sqlite3.Connection) -> int:
            marked = "SELECT request_id FROM labels WHERE source IN ('thumb', 'sample')"
            connection.execute(f"UPDATE requests SET thumb = '' WHERE id IN ({marked})")
            many: int = connection.execute("SELECT count(*) FROM labels").fetchone()[0]
            for table in ("labels", "router_heads", "router_samples", "router_learning"):
                connection.execute(f"DELETE FROM {table}")
            return many

        return await self._database.run(write)

    # --- requests picked by chance -----------------------------------------------------------------------------------

    async def pick(self, sample: WaitingSample) -> None:
        """Has a request wait for a thumb; the oldest go."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO router_samples (request_id, at, preview, tier) VALUES (?, ?, ?, ?)",
                (sample.request_id, sample.at, clean_text(sample.text), sample.tier),
            )
            connection.execute(
                "DELETE FROM router_samples WHERE at < ? OR request_id NOT IN"
                " (SELECT request_id FROM router_samples ORDER BY at DESC, request_id LIMIT ?)",
                (sample.at - SAMPLES_S, MOST_SAMPLES),
            )

        await self._database.run(write)

    async def is_picked(self, request_id: str) -> bool:
        """Whether the user was asked about this request."""

        def read(connection: sqlite3.Connection) -> bool:
            found = connection.execute("SELECT 1 FROM router_samples WHERE request_id = ?", (request_id,))
            return found.fetchone() is not None

        return await self._database.run(read)

    async def waiting(self, since: float) -> tuple[WaitingSample, ...]:
        """The requests picked after ``since`` that nobody has given a thumb, newest first."""

        def read(connection: sqlite3.Connection) -> tuple[WaitingSample, ...]:
            found = connection.execute(
                "SELECT request_id, at, preview, tier FROM router_samples WHERE at >= ? AND NOT EXISTS"
                " (SELECT 1 FROM labels WHERE labels.request_id = router_samples.request_id"
                " AND source IN ('thumb', 'sample')) ORDER BY at DESC, request_id",
                (since,),
            )
            return tuple(WaitingSample(*row) for row in found)

        return await self._database.run(read)

    def _supersede(self, connection: sqlite3.Connection, request_id: str) -> None:
        connection.execute(
            "UPDATE labels SET superseded = (number != (SELECT number FROM labels WHERE request_id = ?1"
            f" ORDER BY {self._rank} DESC, at DESC, number DESC LIMIT 1)) WHERE request_id = ?1",
            (request_id,),
        )


def _forget(connection: sqlite3.Connection, request_id: str, sources: Sequence[Source]) -> int:
    marks = ", ".join("?" * len(sources))
    return connection.execute(
        f"DELETE FROM labels WHERE request_id = ? AND source IN ({marks})", (request_id, *map(str, sources))
    ).rowcount


def _mark(connection: sqlite3.Connection, request_id: str, thumb: str) -> None:
    """The request log's row shows the thumb too."""
    connection.execute("UPDATE requests SET thumb = ? WHERE id = ?", (thumb, request_id))


def _count(connection: sqlite3.Connection, many: int) -> None:
    connection.execute(
        "INSERT INTO router_learning (name, value) VALUES ('changes', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (many,),
    )


def _changes(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM router_learning WHERE name = 'changes'").fetchone()
    return int(found[0]) if found else 0


def _values(label: Label) -> tuple[object, ...]:
    values = (getattr(label, name) for name in _COLUMNS)
    return tuple(clean_text(str(value)) if isinstance(value, str) else value for value in values)


def _label(row: Sequence[object]) -> Label | None:
    """None for what another version has written: one label of many must not keep the router from all of them."""
    values = dict(zip(_COLUMNS, row, strict=True))
    if values["source"] not in list(Source):
        return None
    known = {"source": Source(str(values["source"])), "held_out": bool(values["held_out"])}
    return Label(**{**values, **known})  # type: ignore[arg-type]
