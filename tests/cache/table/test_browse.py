"""The entries as a person looks at them: every text searched for stands for itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from gateway_core.cache.table.browse import browse
from gateway_core.cache.table.browse import entry as entry_by_id
from gateway_core.cache.table.entry import Use
from gateway_core.cache.table.vectors import Vectors
from tests.cache.support import NOON
from tests.cache.table.support import add, entry, many, opened

ODD = [
    "What is 100% of it?",
    "What is snake_case?",
    "What is 'quoted'; DROP TABLE answers --?",
    'What is "double"?',
    "What is C:\\temp\\?",
    "What is a \0 byte?",
    "What is 🙂 about?",
    "ما هي عاصمة غانا؟",
    "Was heißt STRASSE?",
]


async def ids(table: Vectors, query: str = "", **options: object) -> list[int]:
    page = await browse(table, query, NOON, **options)  # type: ignore[arg-type]
    return [int(row["id"], 16) for row in page.rows]


@pytest.mark.parametrize("written", [True, False])
async def test_what_is_looked_for_stands_for_itself(folder: Path, written: bool) -> None:
    table = await opened(folder)
    add(table, *(entry(number, text) for number, text in enumerate(ODD, 1)))
    if written:
        await table.flush()
    wanted = {
        "%": [1],
        "_": [2],
        "'": [3],
        "'quoted'; drop": [3],
        '"': [4],
        "\\": [5],
        "\0": [6],
        "🙂": [7],
        "عاصمة": [8],
        "strasse": [9],
        "HEISST": [9],
        "what is %": [],
        "' OR 1=1 --": [],
        "": list(range(9, 0, -1)),
    }
    for query, numbers in wanted.items():
        assert await ids(table, query) == numbers, query
        assert (await browse(table, query, NOON)).total == len(numbers)


async def test_a_row_tells_all_but_its_answer(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    table.hit(entry(1).id, Use(1, NOON + 5, 7, 1200.0))
    for _ in range(2):
        (row,) = (await browse(table, "", NOON)).rows
        known = {name: value for name, value in asdict(entry(1)).items() if name != "completion"}
        size = row.pop("size_bytes")
        assert row == known | {"hits": 1, "used_at": NOON + 5, "saved_microusd": 7, "saved_ms": 1200.0}
        assert size > len("What is a tree?")
        await table.flush()


async def test_the_orders(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1), entry(2, completion="x" * 500), entry(3))
    await table.flush()
    table.hit(entry(1).id, Use(2, NOON, 1, 1.0))
    table.hit(entry(3).id, Use(1, NOON, 9, 1.0))
    for _ in range(2):
        assert await ids(table, order="newest") == [3, 2, 1]
        assert await ids(table, order="hits") == [1, 3, 2]
        assert await ids(table, order="saved") == [3, 1, 2]
        assert (await ids(table, order="largest"))[0] == 2
        await table.flush()
    with pytest.raises(ValueError, match="newest, hits, saved, largest"):
        await browse(table, "", NOON, order="worst; --")


async def test_pages_follow_each_other(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(1, 5)))
    await table.flush()
    add(table, *many(range(5, 8)))
    seen: list[int] = []
    before = None
    while page := await ids(table, limit=3, before=before):
        seen += page
        before = f"{page[-1]:032x}"
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert await ids(table, limit=2, before="ff" * 16) == [7, 6]
    assert await ids(table, limit=-1) == []


async def test_what_is_gone_is_not_listed(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1), entry(2, expires_at=NOON - 1), entry(3))
    await table.flush()
    await table.drop([entry(3).id])
    assert await ids(table) == [1]


async def test_one_entry_with_its_answer(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1))
    for hits in (1, 2):
        table.hit(entry(1).id, Use(1, NOON, 1, 1.0))
        found = await entry_by_id(table, entry(1).id)
        assert found and (found["completion"], found["hits"]) == ('{"choices": []}', hits)
        await table.flush()
    assert await entry_by_id(table, entry(2).id) is None
    with pytest.raises(ValueError, match="hex"):
        await entry_by_id(table, "' OR true --")
