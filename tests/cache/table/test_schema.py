"""Versions and encoders: older tables are taken over, later ones left alone, and vectors never mixed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import lancedb
import pytest

from gateway_core.cache.table import schema
from gateway_core.cache.table.schema import FIRST, names_of, table_of
from gateway_core.cache.table.upkeep import Upkeep
from gateway_core.cache.table.vectors import Vectors
from gateway_core.cache.table.worth import Limits
from tests.cache.fakes import DIMENSIONS, FakeEncoder
from tests.cache.support import NOON
from tests.cache.table.support import SCOPE, SecondEncoder, add, entry, found, many, opened, vector


async def first_version(folder: Path, *numbers: int) -> None:
    """The table as version 1 wrote it."""
    import pyarrow as pa  # type: ignore[import-untyped]

    rows = []
    for one in many(numbers):
        row = {name: value for name, value in asdict(one).items() if name != "made_in_ms"}
        rows.append({**row, "vector": vector(one.user_text)})
    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    columns = [pa.field(name, kinds[type(value)]) for name, value in rows[0].items() if name != "vector"]
    kept = pa.schema([*columns, pa.field("vector", pa.list_(pa.float32(), DIMENSIONS))])
    connection = await lancedb.connect_async(str(folder))
    await connection.create_table(FIRST, rows, schema=kept)


async def names(folder: Path) -> list[str]:
    return sorted(await names_of(await lancedb.connect_async(str(folder))))


async def test_a_table_of_the_version_before_is_taken_over(folder: Path) -> None:
    await first_version(folder, *range(300))
    table = await opened(folder)
    assert table.take_note() == ""
    assert await table.count() == 300
    (near, *_) = await table.find(vector("What is tree 7?"), SCOPE, NOON, 5)
    assert near.cosine == pytest.approx(1.0, abs=1e-4)
    assert (near.entry.completion, near.entry.made_in_ms) == ('{"choices": []}', 0.0)
    assert await names(folder) == [table_of(FakeEncoder())]


async def test_a_take_over_that_is_cut_short_is_done_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await first_version(folder, *range(20))
    monkeypatch.setattr(schema, "_PIECE_ROWS", 8)
    real, calls = schema._from_first, 0

    def breaks(row: dict[str, object]) -> object:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise RuntimeError("killed")
        return real(row)

    with monkeypatch.context() as patched:
        patched.setattr(schema, "_from_first", breaks)
        table = await opened(folder)
    assert 0 < await table.count() < 20
    assert FIRST in await names(folder)
    again = await opened(folder)
    assert await again.count() == 20
    assert FIRST not in await names(folder)


async def test_vectors_of_another_encoder_are_not_taken_over(folder: Path) -> None:
    await first_version(folder, 1, 2)
    table = await opened(folder, SecondEncoder())
    assert await table.count() == 0
    assert FIRST in await names(folder)
    assert await (await opened(folder)).count() == 2


async def test_a_damaged_table_of_the_version_before_is_no_failure(folder: Path) -> None:
    await first_version(folder, 1, 2)
    for file in (folder / f"{FIRST}.lance" / "data").iterdir():
        file.write_bytes(b"no table")
    table = await opened(folder)
    assert "could not be read" in table.take_note()
    add(table, entry(1))
    assert await found(table) == ["What is a tree?"]


async def test_each_encoder_has_a_table_and_finds_it_again(folder: Path) -> None:
    first = await opened(folder)
    add(first, entry(1))
    await first.flush()
    second = await opened(folder, SecondEncoder())
    assert await second.count() == 0
    assert await (await opened(folder)).count() == 1
    assert table_of(FakeEncoder()) != table_of(SecondEncoder())


async def test_a_table_of_a_later_version_is_left_alone(folder: Path) -> None:
    connection = await lancedb.connect_async(str(folder))
    later = "answers_v3_0123456789abcdef"
    await connection.create_table(later, [{"id": "a"}])
    table = await opened(folder)
    add(table, entry(1))
    await Upkeep(table, Limits(10, 10**6), lambda: NOON).tidy()
    assert await names(folder) == sorted([table_of(FakeEncoder()), later])


async def test_other_columns_under_our_name_are_damage(folder: Path) -> None:
    connection = await lancedb.connect_async(str(folder))
    await connection.create_table(table_of(FakeEncoder()), [{"id": "a"}])
    assert "begins anew" in (await opened(folder)).take_note()


async def test_a_table_of_another_encoder_goes_when_all_of_it_has_expired(folder: Path) -> None:
    first = await opened(folder)
    add(first, entry(1, expires_at=NOON + 100))
    await first.flush()
    await first_version(folder, 1)

    async def tidied(now: float) -> list[str]:
        table = await Vectors.open(first.handle.place, SecondEncoder(), lambda: now)
        await Upkeep(table, Limits(10, 10**6), lambda: now).tidy()
        return await names(folder)

    assert await tidied(NOON) == sorted([FIRST, *map(table_of, (FakeEncoder(), SecondEncoder()))])
    assert await tidied(NOON + 200) == sorted([FIRST, table_of(SecondEncoder())])
    assert await tidied(NOON + 4000) == [table_of(SecondEncoder())]
