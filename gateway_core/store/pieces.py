"""Large parts of what is said, kept once: a conversation sends its prompt, its tools and its history with every turn.

A piece is JSON text without secrets, known by a digest of what it was made of. Bodies name pieces by their number. A
piece is dropped when no body that is kept can name it: ``used_at`` is less than :data:`FRESH_S` older than the newest
that does, so that a turn writes none of what was noted lately.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from gateway_core.known_secrets import KnownSecrets
from gateway_core.store.codec import pack_text, to_json, unpack_text

PIECE_BYTES = 512
"""Of JSON from which a part is worth a piece of its own. Measured on an OpenClaw body of 63 kB: 0.4 ms a turn to find
its parts among those kept, where compressing it took 2.3 ms and 16 kB of the disk."""
FRESH_S = 3_600.0
_FIND = "SELECT digest, number, used_at, looked_by FROM pieces WHERE digest IN (SELECT value FROM json_each(?))"
DROPPED_AT_ONCE = 500


class Looks(Protocol):
    """Takes out of JSON text what looks like a secret. ``version`` is above 0 and changes with what it looks for."""

    @property
    def version(self) -> int: ...

    def without(self, text: bytes) -> bytes:
        """The same object where there is nothing."""


class Kept(NamedTuple):
    """Where a text is kept: ``said`` is the piece without known secrets, ``sent`` the one without what looks like a
    secret either; ``hides`` says that something was taken out for the first, ``masked`` for any."""

    said: int
    sent: int
    hides: bool = False
    masked: bool = False


class _Found(NamedTuple):
    number: int
    used_at: float
    looked_by: int
    """The version of :class:`Looks` that found nothing in it; 0 where none did."""


def keep(
    connection: sqlite3.Connection, at: float, texts: Sequence[bytes], secrets: KnownSecrets, looks: Looks | None
) -> list[Kept]:
    """Has each text kept for a request that came ``at``. A digest is only written of a text without secrets."""
    if not texts:
        return []
    digests = [_digest(text, secrets) for text in texts]
    found = _find(connection, digests)
    stale = [(at, one.number) for one in found.values() if one.used_at <= at - FRESH_S]
    if stale:
        connection.executemany("UPDATE pieces SET used_at = ? WHERE number = ?", stale)
    kept = []
    for text, digest in zip(texts, digests, strict=True):
        one = found.get(digest)
        if one is not None and (looks is None or one.looked_by == looks.version):
            kept.append(Kept(one.number, one.number))
        else:
            kept.append(_looked_at(connection, at, text, secrets, looks))
    return kept


def _looked_at(
    connection: sqlite3.Connection, at: float, text: bytes, secrets: KnownSecrets, looks: Looks | None
) -> Kept:
    said = secrets.without_in(text)
    sent = looks.without(said) if looks else said
    version = looks.version if looks else 0
    number = _kept(connection, at, said, secrets, version if sent is said else 0)
    other = number if sent is said else _kept(connection, at, sent, secrets, version)
    return Kept(number, other, said is not text, sent is not text)


def _kept(connection: sqlite3.Connection, at: float, text: bytes, secrets: KnownSecrets, looked_by: int) -> int:
    digest = _digest(text, secrets)
    one = _find(connection, (digest,)).get(digest)
    if one is not None:
        connection.execute(
            "UPDATE pieces SET used_at = max(used_at, ?), looked_by = max(looked_by, ?) WHERE number = ?",
            (at, looked_by, one.number),
        )
        return one.number
    content = pack_text(text)
    made = connection.execute(
        "INSERT INTO pieces (digest, used_at, looked_by, size_bytes, content) VALUES (?, ?, ?, ?, ?)",
        (digest, at, looked_by, len(content), content),
    )
    assert made.lastrowid is not None
    return made.lastrowid


def _find(connection: sqlite3.Connection, digests: Sequence[str]) -> dict[str, _Found]:
    """The pieces by their digests."""
    found = connection.execute(_FIND, (to_json(digests),))
    return {digest: _Found(number, used_at, looked_by) for digest, number, used_at, looked_by in found}


def _digest(text: bytes, secrets: KnownSecrets) -> str:
    """With other secrets to take out, a text is another one: it is looked at again."""
    digest = secrets.begun_digest.copy()
    digest.update(text)
    name: str = digest.hexdigest()
    return name[:32]


def texts_of(connection: sqlite3.Connection, numbers: Iterable[int]) -> Mapping[int, bytes]:
    """The pieces by their numbers. Raises ``ValueError`` where one is damaged, ``LookupError`` where one is gone."""
    wanted = set(numbers)
    query = "SELECT number, content FROM pieces WHERE number IN (SELECT value FROM json_each(?))"
    found = connection.execute(query, (to_json(list(wanted)),)) if wanted else ()
    texts = {number: unpack_text(content) for number, content in found}
    if len(texts) < len(wanted):
        raise LookupError("a part of what was said is gone")
    return texts


def drop_unused(connection: sqlite3.Connection) -> bool:
    """Drops some pieces that no body names any more; False when there are none."""
    oldest = connection.execute("SELECT min(at) FROM bodies").fetchone()[0]
    before = float("inf") if oldest is None else oldest - FRESH_S
    done = connection.execute(
        "DELETE FROM pieces WHERE number IN (SELECT number FROM pieces WHERE used_at <= ? LIMIT ?)",
        (before, DROPPED_AT_ONCE),
    )
    return done.rowcount > 0
