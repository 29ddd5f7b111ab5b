"""A damaged table: found at start by a real search or later by a look-up, mended or set aside, never fatal."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lancedb
import pytest

from gateway_core.cache.table import upkeep
from gateway_core.cache.table.handle import Away, Handle
from gateway_core.cache.table.mark import MOST_DEATHS, Mark
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.vectors import Vectors
from gateway_core.cache.table.worth import Limits
from tests.cache.fakes import FakeEncoder
from tests.cache.support import NOON
from tests.cache.table.support import add, entry, found, many, opened, table_files

ROOT = str(Path(__file__).parents[3])


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garble(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


DAMAGES: list[Callable[[Path], None]] = [cut, empty, os.unlink, garble]


def aside(folder: Path) -> list[Path]:
    return sorted(folder.parent.glob(f"{folder.name}.corrupt-*/*.lance"))


async def filled(folder: Path) -> Vectors:
    """A table with rows, a deletion, and an index."""
    table = await opened(folder)
    add(table, *many(range(1, 40)))
    await table.flush()
    await upkeep.Upkeep(table, Limits(1000, 10**9), lambda: NOON).tidy()
    await table.drop([entry(9).id])
    assert table_files(folder, "_deletions/*") and table_files(folder, "_indices/*/*")
    return table


@pytest.fixture(autouse=True)
def indexed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 10)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("files", ["data/*", "_deletions/*", "_versions/*.manifest"])
async def test_damage_at_start_is_set_aside_and_a_new_table_made(
    folder: Path, files: str, damage: Callable[[Path], None]
) -> None:
    await filled(folder)
    for file in table_files(folder, files):
        damage(file)
    again = await opened(folder)
    assert "begins anew" in again.take_note()
    assert await found(again) == []
    add(again, entry(1))
    assert await again.flush()
    assert await found(again) == ["What is a tree?"]
    assert len(aside(folder)) == 1
    assert (await opened(folder)).take_note() == ""


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_noticed_by_a_look_up_loses_nothing_that_waits(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    table = await filled(folder)
    add(table, entry(1))
    for file in table_files(folder, "data/*"):
        damage(file)
    assert await found(table) == ["What is a tree?"]
    assert "begins anew" in table.take_note()
    assert await table.flush()
    assert await found(table) == await found(await opened(folder)) == ["What is a tree?"]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_noticed_by_a_write_loses_nothing_that_waits(folder: Path, damage: Callable[[Path], None]) -> None:
    table = await opened(folder)
    add(table, *many(range(1, 40)))
    await table.flush()
    add(table, entry(1))
    for file in table_files(folder, "data/*"):
        damage(file)
    assert await table.flush()
    assert len(aside(folder)) == 1
    assert await found(table) == ["What is a tree?"]


@pytest.mark.parametrize("damage", [cut, empty, garble])
async def test_a_table_that_can_only_be_read_is_made_anew_with_all_its_rows(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    """Manifests of older versions: searches and writes go on, but nothing could be compacted any more."""
    table = await filled(folder)
    for file in table_files(folder, "_versions/*.manifest"):
        damage(file)
    add(table, entry(1))
    assert await table.flush()
    await upkeep.Upkeep(table, Limits(1000, 10**9), lambda: NOON).tidy()
    assert await table.count() == 38
    assert "begins anew" in table.take_note()
    await upkeep.Upkeep(table, Limits(1000, 10**9), lambda: NOON).tidy()
    assert table.take_note() == ""


async def test_what_can_still_be_read_is_brought_along(folder: Path) -> None:
    table = await opened(folder)
    for number in range(3):
        add(table, *many(range(number * 10, number * 10 + 10)))
        await table.flush()
    files = table_files(folder, "data/*")
    newest = max(files, key=lambda file: file.stat().st_mtime_ns)
    garble(newest)
    again = await opened(folder)
    assert await again.count() == 20
    assert "begins anew" in again.take_note()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("live", [True, False])
async def test_a_damaged_index_costs_the_index_only(folder: Path, live: bool, damage: Callable[[Path], None]) -> None:
    table = await filled(folder)
    for file in table_files(folder, "_indices/*/*"):
        damage(file)
    table = table if live else await opened(folder)
    assert len(await found(table)) == 5
    add(table, entry(1))
    assert await table.flush()
    assert await table.count() == 38
    assert aside(folder) == []
    assert table.take_note() == ""


async def test_a_row_that_is_not_as_it_was_written_is_never_served(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1), entry(2, "What is the tree?"))
    await table.flush()
    await table.handle.run(lambda lance: lance.update(where="created_at > 0", updates={"completion": "another answer"}))
    assert await found(table) == []


async def test_only_the_latest_damaged_tables_are_kept(folder: Path) -> None:
    for day in range(4):
        table = await Vectors.open(Place.own(folder), FakeEncoder(), lambda day=day: NOON + day)  # type: ignore[misc]
        add(table, entry(1))
        await table.flush()
        for file in table_files(folder, "data/*"):
            garble(file)
            os.utime(file, (NOON + day, NOON + day))
        assert await found(table) == []
    assert len(aside(folder)) == 2


async def test_tables_of_others_are_not_touched_by_damage_to_ours(folder: Path) -> None:
    await filled(folder)
    connection = await lancedb.connect_async(str(folder))
    await connection.create_table("somebody_else", [{"id": "a"}])
    for file in table_files(folder, "data/*"):
        garble(file)
    await opened(folder)
    assert await (await connection.open_table("somebody_else")).count_rows() == 1


async def test_a_shared_table_is_never_set_aside(folder: Path) -> None:
    shared = Place.of(str(folder), Path())
    table = await Vectors.open(shared, FakeEncoder(), lambda: NOON)
    add(table, entry(1))
    await table.flush()
    for file in table_files(folder, "data/*"):
        garble(file)
    for again in (table, await Vectors.open(shared, FakeEncoder(), lambda: NOON)):
        add(again, entry(2, "What is the tree?"))
        assert await found(again) == ["What is the tree?"]
        assert not await again.flush()
        assert "tried again" in again.take_note()
    assert aside(folder) == []


async def test_a_place_that_cannot_be_used_is_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    table = await Vectors.open(Place.of(str(file / "cache"), tmp_path), FakeEncoder(), lambda: NOON)
    assert "cannot be used" in table.take_note()
    add(table, entry(1))
    assert await found(table) == ["What is a tree?"]
    with pytest.raises(Away):
        await table.handle.connection()


async def test_what_is_told_of_a_place_has_no_keys_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(uri: str, **options: object) -> None:
        raise ValueError(f"cannot connect to {uri}")

    monkeypatch.setattr(lancedb, "connect_async", refuses)
    table = await Vectors.open(Place.of("s3://key:hidden@bucket/x", Path()), FakeEncoder(), lambda: NOON)
    note = table.take_note()
    assert note.count("s3://…@bucket/x") == 2
    assert "hidden" not in note


def test_a_process_that_dies_again_and_again_in_the_table_begins_anew(folder: Path) -> None:
    """As with a flipped bit that makes LanceDB ask for 68 GB, which ends the process."""
    folder.mkdir()
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "import asyncio\n"
        "from pathlib import Path\n"
        "from gateway_core.cache.table.place import Place\n"
        "from gateway_core.cache.table.handle import Handle\n"
        "from tests.cache.fakes import FakeEncoder\n"
        "handle = Handle(Place.own(Path(sys.argv[2])), FakeEncoder(), lambda: 1.0)\n"
        "async def die(table): os._exit(9)\n"
        "async def live(table): print(*handle.notes)\n"
        "asyncio.run(handle.run(die if sys.argv[3] == 'die' else live))\n"
    )

    def run(what: str) -> str:
        command = [sys.executable, "-c", code, ROOT, str(folder), what]
        return subprocess.run(command, capture_output=True, text=True).stdout

    run("die")
    mark = next(folder.glob("*.at-work"))
    assert mark.read_bytes() == b"\1"
    mark.write_bytes(bytes([MOST_DEATHS]))
    assert "begins anew" in run("live")
    assert mark.read_bytes() == b"\0"
    assert len(aside(folder)) == 1


def test_deaths_are_counted_until_something_works(tmp_path: Path) -> None:
    for deaths in range(3):
        mark = Mark(tmp_path / "mark")
        assert mark.deaths == deaths
        mark.__enter__()
    with Mark(tmp_path / "mark"):
        pass
    assert Mark(tmp_path / "mark").deaths == 0


def test_a_damaged_mark_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "mark").write_bytes(b"\xff")
    assert Mark(tmp_path / "mark").deaths == 0


def test_without_a_file_nothing_is_remembered(tmp_path: Path) -> None:
    with Mark(None):
        pass
    with Mark(tmp_path / "no" / "folder"):
        pass


async def test_a_package_that_is_missing_is_no_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ImportError):
        await Handle(Place.own(folder), FakeEncoder(), lambda: NOON).open()
