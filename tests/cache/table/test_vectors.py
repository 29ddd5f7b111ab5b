"""The table in LanceDB: found at once, bounded to a scope, written in batches, and private."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.cache.table import vectors
from gateway_core.cache.table.browse import browse
from gateway_core.cache.table.entry import Use
from gateway_core.cache.table.vectors import Vectors
from tests.cache.support import NOON
from tests.cache.table.support import OTHER, SCOPE, add, entry, found, many, opened, table_files, vector


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file may grow beyond a few bytes."""
    monkeypatch.setattr(vectors, "RETRY_S", 0.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def uses(table: Vectors) -> list[tuple[str, int, float, int, float]]:
    rows = (await browse(table, "", NOON)).rows
    return [(row["id"], row["hits"], row["used_at"], row["saved_microusd"], row["saved_ms"]) for row in rows]


async def test_an_entry_is_found_before_and_after_it_is_written(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    assert await found(table) == ["What is a tree?"]
    assert table.is_dirty
    assert await table.flush()
    assert not table.is_dirty
    again = await opened(folder)
    (near,) = await again.find(vector("What is a tree?"), SCOPE, NOON, 5)
    assert near.entry == entry(1)
    assert near.cosine == pytest.approx(1.0, abs=1e-4)
    assert again.take_note() == ""


async def test_an_entry_is_found_once_at_every_moment_of_its_writing(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(4)))
    writing = asyncio.create_task(table.flush())
    looks = 0
    while not writing.done():
        assert len(await found(table, "What is tree 1?")) == 4
        looks += 1
    assert looks and await writing
    assert len(await found(table, "What is tree 1?")) == 4


async def test_the_nearest_come_first_whether_written_or_not(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1, "What is a tree?"), entry(2, "How deep is the sea?"))
    await table.flush()
    add(table, entry(3, "What is a big tree?"))
    assert await found(table) == ["What is a tree?", "What is a big tree?", "How deep is the sea?"]


async def test_a_search_never_leaves_its_scope_or_its_time(folder: Path) -> None:
    table = await opened(folder)
    for _ in range(2):
        add(table, entry(1), entry(2, "What is the tree?", OTHER))
        assert await found(table) == ["What is a tree?"]
        assert await found(table, now=NOON + 3600) == []
        await table.flush()


async def test_an_entry_takes_the_place_of_its_elder(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    await table.flush()
    add(table, replace(entry(1), completion="new"))
    for _ in range(2):
        (near,) = await table.find(vector("What is a tree?"), SCOPE, NOON, 5)
        assert near.entry.completion == "new"
        await table.flush()


async def test_entries_to_be_written_hide_no_others(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(10)))
    await table.flush()
    add(table, *(replace(one, expires_at=NOON - 1) for one in many(range(5))))
    assert sorted(await found(table, "What is tree 0?")) == [f"What is tree {n}?" for n in range(5, 10)]


async def test_expired_entries_hide_no_others(folder: Path) -> None:
    table = await opened(folder)
    add(table, *(replace(one, expires_at=NOON) for one in many(range(5))), *many(range(5, 10)))
    await table.flush()
    assert sorted(await found(table, "What is tree 0?")) == [f"What is tree {n}?" for n in range(5, 10)]


@pytest.mark.parametrize("is_written", [True, False])
async def test_what_is_further_than_asked_for_is_not_found(folder: Path, is_written: bool) -> None:
    table = await opened(folder)
    add(table, entry(1), entry(2, "What is a tree house?"), entry(3, "How deep is the sea?"))
    if is_written:
        await table.flush()
    asked = vector("What is a tree?")
    near = await table.find(asked, SCOPE, NOON, 5, 0.8)
    assert [one.entry.user_text for one in near] == ["What is a tree?", "What is a tree house?"]
    assert len(await table.find(asked, SCOPE, NOON, 5)) == 3


async def test_a_dropped_entry_is_gone(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    await table.flush()
    add(table, entry(2, "What is the tree?"), replace(entry(1), completion="new"))
    assert await table.drop([entry(1).id, entry(2).id, entry(3).id]) == 2
    assert await found(table) == []
    assert await table.count() == 0


async def test_an_entry_dropped_while_it_is_written_stays_gone(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(3)))
    writing = asyncio.create_task(table.flush())
    await asyncio.sleep(0)
    assert await table.drop_all() == 3
    await writing
    assert await found(table) == []
    assert await table.count() == 0


async def test_a_scope_and_everything_can_be_dropped(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(3)), *many(range(10, 14), OTHER))
    await table.flush()
    add(table, *many(range(20, 22)))
    assert await table.drop_scope(SCOPE) == 5
    assert await table.count() == 4
    assert await table.drop_all() == 4
    assert await table.count() == 0


@pytest.mark.parametrize("bad", ["' OR '1'='1", "", "xyz", "AB" * 32, "ab' --", "ab" * 16 + "\n"])
async def test_nothing_but_hex_digits_enters_a_filter(folder: Path, bad: str) -> None:
    table = await opened(folder)
    with pytest.raises(ValueError, match="hex"):
        await table.find(vector("x"), bad, NOON, 5)
    with pytest.raises(ValueError, match="hex"):
        await table.drop([bad])
    with pytest.raises(ValueError, match="hex"):
        await table.drop_scope(bad)
    with pytest.raises(ValueError, match="hex"):
        table.hit(bad, Use(1))
    with pytest.raises(ValueError, match="hex"):
        add(table, replace(entry(1), scope_key=bad))


async def test_hits_are_counted_before_and_after_they_are_written(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1), entry(2))
    table.hit(entry(1).id, Use(1, NOON + 10, 7, 1200.0))
    await table.flush()
    for _ in range(2):
        table.hit(entry(1).id, Use(1, NOON + 20, 7, 1200.0))
    table.hit(entry(2).id, Use(1, NOON + 5, 3, 0.5))
    wanted = [(entry(2).id, 1, NOON + 5, 3, 0.5), (entry(1).id, 3, NOON + 20, 21, 3600.0)]
    assert await uses(table) == wanted
    assert await table.flush()
    assert not table.uses
    assert await uses(table) == await uses(await opened(folder)) == wanted


async def test_hits_that_come_while_they_are_written_are_kept(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    for _ in range(2):
        writing = asyncio.create_task(table.flush())
        while not writing.done():
            await asyncio.sleep(0)
            if table.uses or table.pending:
                table.hit(entry(1).id, Use(1, NOON, 1, 1.0))
                break
        await writing
        table.hit(entry(1).id, Use(1, NOON, 1, 1.0))
    await table.flush()
    assert (await uses(table))[0][1] == 4


async def test_a_full_disk_loses_nothing_and_is_told_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = await opened(folder)
    add(table, entry(1), entry(5, "What is old?"))
    await table.flush()
    add(table, entry(2, "What is the tree?"))
    table.hit(entry(1).id, Use(1, NOON, 1, 1.0))
    with full_disk(monkeypatch):
        for _ in range(2):
            assert not await table.flush()
            assert await table.drop([entry(5).id]) == 0
            assert sorted(await found(table)) == ["What is a tree?", "What is the tree?"]
    note = table.take_note()
    assert note.count("cannot be used") == 1
    assert await table.flush()
    assert table.take_note() == ""
    again = await opened(folder)
    assert sorted(await found(again)) == ["What is a tree?", "What is the tree?"]
    assert [row[1] for row in await uses(again)] == [0, 1]
    assert not list(folder.parent.glob("*.corrupt-*"))


async def test_what_waits_for_a_full_disk_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "PENDING_ROWS", 10)
    table = await opened(folder)
    add(table, *many(range(30)))
    assert sorted(row.entry.created_at - NOON for row in table.pending.values()) == list(range(20, 30))
    monkeypatch.setattr(vectors, "PENDING_BYTES", 3_000)
    add(table, entry(30))
    assert 0 < sum(row.size_bytes for row in table.pending.values()) <= 3_000


async def test_its_files_are_private(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    await table.flush()
    assert table_files(folder, "data/*")
    assert modes(folder) <= {0o700, 0o600}
