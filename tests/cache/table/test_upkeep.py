"""What is done beside the look-ups: writing, forgetting by worth, compacting, indexing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from operator import mul
from pathlib import Path
from typing import Any

import pytest

from gateway_core.cache.table import search, upkeep
from gateway_core.cache.table.entry import Use
from gateway_core.cache.table.upkeep import Upkeep
from gateway_core.cache.table.vectors import FLUSH_ROWS, Vectors
from gateway_core.cache.table.worth import Limits
from tests.cache.support import NOON
from tests.cache.table.support import OTHER, SCOPE, add, entry, found, many, opened, table_files, vector

ROOMY = Limits(10_000, 10**9)


def keeper(table: Vectors, limits: Limits = ROOMY, now: float = NOON) -> Upkeep:
    return Upkeep(table, limits, lambda: now)


async def kept(table: Vectors) -> set[int]:
    rows = await table.handle.run(lambda lance: lance.query().select(["id"]).to_list())
    return {int(row["id"], 16) for row in rows}


async def test_what_has_expired_goes_first(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(1, 6)), replace(entry(9), expires_at=NOON - 1, cost_microusd=10**6))
    await keeper(table, Limits(5, 10**9)).tidy()
    assert await kept(table) == {1, 2, 3, 4, 5}


async def test_above_the_limit_the_answers_go_that_save_the_least(folder: Path) -> None:
    table = await opened(folder)
    old, new = NOON - 1800, NOON
    life: dict[str, Any] = {"expires_at": NOON + 1800}
    add(
        table,
        entry(1, created_at=old, cost_microusd=900, **life),
        entry(2, created_at=old, cost_microusd=100, **life),
        entry(3, created_at=old, cost_microusd=100, **life),
        entry(4, created_at=new, cost_microusd=100, **life),
        entry(5, created_at=old, cost_microusd=0, made_in_ms=60_000.0, **life),
        entry(6, created_at=old, cost_microusd=0, made_in_ms=0.0, **life),
    )
    table.hit(entry(2).id, Use(5, NOON - 60, 500, 1.0))
    await keeper(table, Limits(5, 10**9)).tidy()
    assert await kept(table) == {1, 2, 4, 5}
    await table.drop_all()


async def test_room_is_kept_by_what_an_answer_saves_for_its_size(folder: Path) -> None:
    table = await opened(folder)
    add(table, entry(1, completion="x" * 50_000), *many(range(2, 12)))
    await keeper(table, Limits(100, 50_000)).tidy()
    assert await kept(table) == set(range(2, 12))
    await keeper(table, Limits(100, 3_000)).tidy()
    assert 0 < len(await kept(table)) <= 3


async def test_many_small_writes_leave_few_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "OLD_VERSIONS", timedelta(0))
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 20)
    table = await opened(folder)
    keep = keeper(table)
    counts = []
    with pytest.warns(UserWarning, match="cleanup_older_than"):
        for turn in range(4):
            for number in range(20):
                add(table, entry(turn * 100 + number, f"What is tree {turn} {number}?"))
                table.hit(entry(1).id, Use(1, NOON, 1, 1.0))
                await table.flush()
            await keep.tidy()
            counts.append(len(table_files(folder, "**/*")))
    assert counts[-1] <= counts[1] + 2
    assert len(table_files(folder, "data/*")) <= 2
    assert await table.count() == 80


async def test_large_scopes_get_a_vector_index_and_small_ones_are_searched_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 10)
    monkeypatch.setattr(upkeep, "ROWS_A_PARTITION", 10)
    for module in (upkeep, search):
        monkeypatch.setattr(module, "LARGE_SCOPE_ROWS", 300)
    monkeypatch.setattr(search, "PROBES", 1)
    table = await opened(folder)
    others = [entry(1000 + n, f"Is {n * n} a {'tree' * n} or {'sea' * (40 - n)}?", OTHER) for n in range(40)]
    add(table, *many(range(300)), *others)
    await keeper(table).tidy()
    indices = await table.handle.run(lambda lance: lance.list_indices())
    assert sorted(index.name for index in indices) == ["id_idx", "scope_key_idx", "vector_idx"]
    for asked in others[::4]:
        mine = vector(asked.user_text)
        near = await table.find(mine, OTHER, NOON, 5)
        best = sorted((sum(map(mul, mine, vector(one.user_text))) for one in others), reverse=True)[:5]
        assert [one.cosine for one in near] == pytest.approx(best, abs=1e-4)
    assert "What is tree 7?" in [
        near.entry.user_text for near in await table.find(vector("What is tree 7?"), SCOPE, NOON, 50)
    ]
    add(table, entry(5000, "Something quite different"))
    await table.flush()
    assert (await found(table, "Something quite different"))[0] == "Something quite different"


async def test_it_writes_in_a_quiet_moment_or_when_much_waits(folder: Path) -> None:
    table = await opened(folder)
    keep = keeper(table)
    keep._tidied = float("inf")
    add(table, entry(1))
    assert keep.patience_s == upkeep.WRITE_AFTER_S
    keep.nudge(idle=False)
    await keep.settled()
    assert table.is_dirty
    keep.nudge(idle=True)
    await keep.settled()
    assert not table.is_dirty
    assert keep.patience_s == upkeep.TIDY_AFTER_S
    add(table, *many(range(FLUSH_ROWS)))
    keep.nudge(idle=False)
    await keep.settled()
    assert not table.is_dirty


async def test_it_tidies_when_idle_or_after_very_many_writes(folder: Path) -> None:
    table = await opened(folder)
    keep = keeper(table)
    add(table, *many(range(3)), replace(entry(9), expires_at=NOON - 1))
    await table.flush()
    keep.nudge(idle=False)
    assert await table.count() == 4
    keep.nudge(idle=True)
    await keep.settled()
    assert await kept(table) == {0, 1, 2}
    add(table, replace(entry(9), expires_at=NOON - 1))
    await table.flush()
    keep.nudge(idle=True)
    await keep.settled()
    assert len(await kept(table)) == 4
    table.writes += upkeep.MOST_WRITES
    keep.nudge(idle=False)
    await keep.settled()
    assert len(await kept(table)) == 3


async def test_closing_writes_what_waits_even_while_it_tidies(folder: Path) -> None:
    table = await opened(folder)
    keep = keeper(table)
    add(table, *many(range(3)))
    await table.flush()
    keep.nudge(idle=True)
    await asyncio.sleep(0)
    add(table, entry(7))
    await keep.close()
    assert await (await opened(folder)).count() == 4


async def test_look_ups_go_on_while_it_tidies(folder: Path) -> None:
    table = await opened(folder)
    add(table, *many(range(200)))
    await table.flush()
    keep = keeper(table)
    keep.nudge(idle=True)
    assert "What is tree 7?" in await found(table, "What is tree 7?")
    await keep.settled()
    assert "What is tree 7?" in await found(table, "What is tree 7?")
