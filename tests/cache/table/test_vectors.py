"""The table in LanceDB: found at once, bounded to a scope, private, and never fatal when it is damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.cache.table.index import Index
from gateway_core.cache.table.vectors import TABLE, Entry, Vectors
from tests.cache.fakes import DIMENSIONS, FakeEncoder
from tests.cache.support import NOON

SCOPE = "ab" * 32
OTHER = "cd" * 32


@pytest.fixture(autouse=True)
def private() -> Iterator[None]:
    """The child's umask."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def entry(number: int, text: str = "What is a tree?", scope: str = SCOPE) -> Entry:
    return Entry(
        id=f"{number:032x}",
        scope_key=scope,
        user_text=text,
        completion='{"choices": []}',
        tier="cheap",
        provider="groq",
        model="llama",
        created_at=NOON + number,
        expires_at=NOON + 3600,
        cost_microusd=7,
        usage="{}",
    )


def vector(text: str) -> list[float]:
    return FakeEncoder().encode([text])[0]


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}


async def add(table: Vectors, *entries: Entry) -> None:
    for one in entries:
        await table.add(one, vector(one.user_text))


async def found(table: Vectors, text: str = "What is a tree?", scope: str = SCOPE, now: float = NOON) -> list[str]:
    return [near.entry.user_text for near in await table.find(vector(text), scope, now, 5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "semantic.lance"


async def test_an_entry_is_found_before_and_after_it_is_written(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, entry(1))
    assert await found(table) == ["What is a tree?"]
    assert table.is_dirty
    await table.flush()
    assert not table.is_dirty
    again = await Vectors.open(folder, DIMENSIONS, NOON)
    (near,) = await again.find(vector("What is a tree?"), SCOPE, NOON, 5)
    assert near.entry == entry(1)
    assert near.cosine == pytest.approx(1.0, abs=1e-4)
    assert again.note == ""


async def test_the_nearest_come_first_whether_written_or_not(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, entry(1, "What is a tree?"), entry(2, "How deep is the sea?"))
    await table.flush()
    await add(table, entry(3, "What is a big tree?"))
    assert await found(table) == ["What is a tree?", "What is a big tree?", "How deep is the sea?"]


async def test_a_search_never_leaves_its_scope_or_its_time(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    for _ in range(2):
        await add(table, entry(1), entry(2, "What is the tree?", OTHER))
        assert await found(table) == ["What is a tree?"]
        assert await found(table, now=NOON + 3600) == []
        await table.flush()


async def test_an_entry_takes_the_place_of_its_elder(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, entry(1))
    await table.flush()
    await add(table, replace(entry(1), completion="new"))
    for _ in range(2):
        (near,) = await table.find(vector("What is a tree?"), SCOPE, NOON, 5)
        assert near.entry.completion == "new"
        await table.flush()


async def test_a_dropped_entry_is_gone(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, entry(1))
    await table.flush()
    await add(table, entry(2, "What is the tree?"))
    await table.drop([entry(1).id, entry(2).id])
    assert await found(table) == []
    assert await table.count() == 0


@pytest.mark.parametrize("bad", ["' OR '1'='1", "", "xyz", "AB" * 32, "ab' --"])
async def test_nothing_but_hex_digits_enters_a_filter(folder: Path, bad: str) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    with pytest.raises(ValueError, match="hex"):
        await table.find(vector("x"), bad, NOON, 5)
    with pytest.raises(ValueError, match="hex"):
        await table.drop([bad])
    with pytest.raises(ValueError, match="hex"):
        await table.add(replace(entry(1), scope_key=bad), vector("x"))


async def test_tidying_forgets_the_expired_and_the_oldest(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, *(entry(n, f"What is tree {n}?") for n in range(1, 6)))
    await add(table, replace(entry(9, "What is an old tree?"), expires_at=NOON - 1))
    await table.tidy(NOON, max_entries=3)
    assert sorted(await found(table)) == [f"What is tree {n}?" for n in (3, 4, 5)]


async def test_a_damaged_table_is_set_aside_and_a_new_one_made(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, entry(1))
    await table.flush()
    for file in (folder / f"{TABLE}.lance" / "data").iterdir():
        file.write_bytes(b"no table")
    again = await Vectors.open(folder, DIMENSIONS, NOON)
    assert "damaged" in again.note
    assert await found(again) == []
    await add(again, entry(2))
    await again.flush()
    assert await again.count() == 1
    assert (folder.parent / f"semantic.lance.corrupt-{int(NOON)}").is_dir()


async def test_a_table_of_another_encoder_or_schema_is_not_used(folder: Path) -> None:
    import lancedb

    connection = await lancedb.connect_async(str(folder))
    await connection.create_table("answers_v0", [{"id": "a"}])
    await Vectors.open(folder, DIMENSIONS, NOON)
    assert list((await connection.list_tables()).tables) == [TABLE]
    assert "damaged" in (await Vectors.open(folder, DIMENSIONS * 2, NOON)).note


async def test_its_files_are_private(folder: Path) -> None:
    table = await Vectors.open(folder, DIMENSIONS, NOON)
    await add(table, entry(1))
    await table.flush()
    assert modes(folder) <= {0o700, 0o600}


async def test_messages_are_encoded_together_and_answered_in_order(folder: Path) -> None:
    encoder = FakeEncoder()
    index = Index(encoder, await Vectors.open(folder, DIMENSIONS, NOON))
    kept = {name: getattr(entry(1, "What is a tree?"), name) for name in Entry.__slots__}
    find = {"op": "find", "text": "What is a tree", "scope_key": SCOPE, "now": NOON}
    before, added, after, other, dropped = await index.answer(
        [
            {**find, "id": 1},
            {"op": "add", "entry": kept},
            {**find, "id": 2},
            {**find, "id": 3, "text": "What is a bush"},
            {"op": "drop", "ids": [kept["id"]]},
        ]
    )
    assert [reply["id"] for reply in (before, after, other)] == [1, 2, 3]
    assert (before["hits"], other["hits"]) == ([], [])
    assert [hit["entry"] for hit in after["hits"]] == [kept]
    assert (added["entries"], dropped["entries"]) == (1, 0)
    assert len(encoder.batches) == 1
    await index.answer([{**find, "id": 4}])
    assert len(encoder.batches) == 1
