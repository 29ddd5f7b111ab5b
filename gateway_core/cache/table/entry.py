"""What the table of answers by meaning holds: an answer, what it has saved, and a check that nothing of it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, replace
from hashlib import blake2b
from typing import Any

from gateway_core.frozen import frozen

Message = dict[str, Any]
Vector = list[float]

FOLDER = "semantic.lance"
_OVERHEAD_BYTES = 512
"""Of a row besides its texts and its vector: keys, numbers, its places in the indices."""


@frozen
class Entry:
    """An answer that may serve others. ``id`` and ``scope_key`` are hex digits, ``usage`` and ``completion`` JSON.

    ``made_in_ms`` is what the answer took when it was made; 0 where nobody knows.
    """

    id: str
    scope_key: str
    user_text: str
    completion: str
    tier: str
    provider: str
    model: str
    created_at: float
    expires_at: float
    cost_microusd: int
    usage: str
    made_in_ms: float = 0.0

    @property
    def check(self) -> str:
        """16 hex digits of what is served of it: LanceDB has no checksums, and a flipped bit would be an answer."""
        told = (self.id, self.scope_key, self.user_text, self.completion, self.tier, self.provider, self.model)
        digest = blake2b(digest_size=8)
        for text in (*told, self.usage):
            digest.update(b"%d:" % len(text) + text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@frozen
class Use:
    """What an entry has done: how often it served, when last, and what that saved in micro-dollars and milliseconds."""

    hits: int = 0
    used_at: float = 0.0
    saved_microusd: int = 0
    saved_ms: float = 0.0

    def plus(self, other: Use) -> Use:
        return Use(
            self.hits + other.hits,
            max(self.used_at, other.used_at),
            self.saved_microusd + other.saved_microusd,
            self.saved_ms + other.saved_ms,
        )

    def less(self, written: Use) -> Use:
        """What has come since ``written``."""
        return Use(
            self.hits - written.hits,
            self.used_at,
            self.saved_microusd - written.saved_microusd,
            self.saved_ms - written.saved_ms,
        )


@frozen
class Row:
    """An entry with its vector and its use, as it is written."""

    entry: Entry
    vector: Vector
    use: Use = field(default_factory=Use)

    @property
    def size_bytes(self) -> int:
        entry = self.entry
        texts = (entry.user_text, entry.completion, entry.usage, entry.provider, entry.model)
        return sum(len(text.encode("utf-8", "replace")) for text in texts) + 4 * len(self.vector) + _OVERHEAD_BYTES

    def as_columns(self) -> Message:
        """The columns by name."""
        kept = {name: getattr(self.entry, name) for name in ENTRY_COLUMNS}
        used = {name: getattr(self.use, name) for name in USE_COLUMNS}
        return {**kept, **used, "size_bytes": self.size_bytes, "check": self.entry.check, "vector": self.vector}


@frozen
class Neighbour:
    """An entry near a question; ``cosine`` is 1 for the same text."""

    entry: Entry
    cosine: float


ENTRY_COLUMNS = tuple(item.name for item in fields(Entry))
USE_COLUMNS = tuple(item.name for item in fields(Use))
_TOLD = (*(name for name in ENTRY_COLUMNS if name != "completion"), *USE_COLUMNS, "size_bytes")


def entry_of(row: Mapping[str, Any]) -> Entry | None:
    """The entry of a row; None when it is not as it was written."""
    entry = Entry(**{name: row[name] for name in ENTRY_COLUMNS})
    return entry if entry.check == row["check"] else None


def told(row: Mapping[str, Any], use: Use | None = None) -> Message:
    """A row for a list: all but its answer and its vector. ``use`` has come since it was written."""
    message = {name: row[name] for name in _TOLD}
    if use is not None:
        together = Use(*(row[name] for name in USE_COLUMNS)).plus(use)
        message |= {name: getattr(together, name) for name in USE_COLUMNS}
    return message


def renewed(row: Row, use: Use) -> Row:
    """The row with more use."""
    return replace(row, use=row.use.plus(use))


LIST_COLUMNS = list(_TOLD)
