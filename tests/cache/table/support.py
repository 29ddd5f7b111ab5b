"""What the tests of the table share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gateway_core.cache.table.entry import Entry
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.vectors import Vectors
from tests.cache.fakes import FakeEncoder
from tests.cache.support import NOON

SCOPE = "ab" * 32
OTHER = "cd" * 32


class SecondEncoder(FakeEncoder):
    """Another model, with vectors of the same length."""

    fingerprint = "second"

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        return [vector[::-1] for vector in super().encode(texts)]


def entry(number: int, text: str = "What is a tree?", scope: str = SCOPE, **columns: Any) -> Entry:
    known: dict[str, Any] = {
        "id": f"{number:032x}",
        "scope_key": scope,
        "user_text": text,
        "completion": '{"choices": []}',
        "tier": "cheap",
        "provider": "groq",
        "model": "llama",
        "created_at": NOON + number,
        "expires_at": NOON + 3600,
        "cost_microusd": 7,
        "usage": "{}",
        "made_in_ms": 1200.0,
    }
    return Entry(**(known | columns))


def many(numbers: Iterable[int], scope: str = SCOPE, **columns: Any) -> list[Entry]:
    return [entry(number, f"What is tree {number}?", scope, **columns) for number in numbers]


def vector(text: str) -> list[float]:
    return FakeEncoder().encode([text])[0]


async def opened(folder: Path, encoder: FakeEncoder | None = None) -> Vectors:
    return await Vectors.open(Place.own(folder), encoder or FakeEncoder(), lambda: NOON)


def add(table: Vectors, *entries: Entry) -> None:
    for one in entries:
        table.add(one, vector(one.user_text))


async def found(table: Vectors, text: str = "What is a tree?", scope: str = SCOPE, now: float = NOON) -> list[str]:
    return [near.entry.user_text for near in await table.find(vector(text), scope, now, 5)]


def table_files(folder: Path, pattern: str) -> list[Path]:
    """The files of the table whose path within it fits the pattern."""
    return sorted(path for path in folder.glob(f"answers_v*.lance/{pattern}") if path.is_file())


def garble_all(folder: Path) -> None:
    """Damages the table's data."""
    for file in table_files(folder, "data/*"):
        file.write_bytes(b"no table")
