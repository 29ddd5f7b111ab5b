"""What a scope gets of a table that it shares with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.cache.table import search, upkeep
from gateway_core.cache.table.entry import Entry
from gateway_core.cache.table.upkeep import Upkeep
from gateway_core.cache.table.vectors import Vectors
from gateway_core.cache.table.worth import Limits
from tests.cache.support import NOON
from tests.cache.table.support import OTHER, SCOPE, add, entry, many, opened, vector

ASKED = "What is the tallest tree of all?"
LIMIT = 5


@pytest.fixture(autouse=True)
def small_scopes_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "INDEX_ROWS", 10)
    for module in (upkeep, search):
        monkeypatch.setattr(module, "LARGE_SCOPE_ROWS", 20)


async def table_of(folder: Path, *entries: Entry) -> Vectors:
    """With the entries, and so many others in both scopes that both are searched through the vector index."""
    table = await opened(folder)
    add(table, *many(range(300)), *many(range(300, 600), OTHER), *entries)
    await Upkeep(table, Limits(10_000, 10**9), lambda: NOON).tidy()
    indices = await table.handle.run(lambda lance: lance.list_indices())
    assert "vector_idx" in {index.name for index in indices}
    return table


async def numbers(table: Vectors, scope: str, least_cosine: float = 0.99) -> set[int]:
    """Of the entries that are as near as the same words."""
    near = await table.find(vector(ASKED), scope, NOON, LIMIT, least_cosine)
    assert all(one.entry.scope_key == scope for one in near)
    return {int(one.entry.id, 16) for one in near if one.cosine >= 0.99}


async def test_both_find_their_own_answers_to_the_same_question(folder: Path) -> None:
    table = await table_of(folder, entry(1_000, ASKED), entry(1_001, ASKED, OTHER))
    assert (await numbers(table, SCOPE), await numbers(table, OTHER)) == ({1_000}, {1_001})


async def test_more_answers_of_others_than_are_looked_at_hide_none_of_its_own(folder: Path) -> None:
    others = [entry(2_000 + number, ASKED, OTHER) for number in range(3 * LIMIT)]
    table = await table_of(folder, entry(1_000, ASKED), entry(1_001, ASKED), *others)
    assert await numbers(table, SCOPE) == {1_000, 1_001}
    assert len(await numbers(table, OTHER)) == LIMIT


async def test_expired_answers_hide_none_that_are_live(folder: Path) -> None:
    old = [entry(2_000 + number, ASKED, expires_at=NOON + 1) for number in range(3 * LIMIT)]
    table = await table_of(folder, entry(1_000, ASKED), *old)
    near = await table.find(vector(ASKED), SCOPE, NOON + 2, LIMIT, 0.99)
    assert [int(one.entry.id, 16) for one in near] == [1_000]


async def test_where_nothing_is_too_far_the_nearest_of_the_scope_are_found(folder: Path) -> None:
    table = await table_of(folder, entry(1_000, ASKED), entry(1_001, ASKED, OTHER))
    near = await table.find(vector(ASKED), SCOPE, NOON, LIMIT)
    assert len(near) == LIMIT and int(near[0].entry.id, 16) == 1_000
    assert {one.entry.scope_key for one in near} == {SCOPE}
