"""What was read from the disk lately and is asked again and again, kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Entry(NamedTuple, Generic[T]):
    value: T
    expires_at: float
    size_bytes: int


@dataclass(slots=True)
class Recent(Generic[T]):
    """Values by their key until they expire: as many, and of as many bytes together, as are given. The least recently
    used go first."""

    most_entries: int
    most_bytes: int
    _entries: OrderedDict[str, _Entry[T]] = field(default_factory=OrderedDict)
    _size_bytes: int = 0

    def get(self, key: str, now: float) -> T | None:
        entry = self._entries.get(key)
        if entry is None or entry.expires_at <= now:
            return None
        self._entries.move_to_end(key)
        return entry.value

    def keep(self, key: str, value: T, expires_at: float, size_bytes: int) -> None:
        self.drop(key)
        self._entries[key] = _Entry(value, expires_at, size_bytes)
        self._size_bytes += size_bytes
        while len(self._entries) > self.most_entries or self._size_bytes > self.most_bytes:
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._size_bytes -= entry.size_bytes

    def clear(self) -> None:
        self._entries.clear()
        self._size_bytes = 0
