"""The messages between the gateway and the table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway_core.cache.table.index import Index
from tests.cache.fakes import FakeEncoder
from tests.cache.support import NOON
from tests.cache.table.support import OTHER, SCOPE, add, entry, garble_all, many, opened

FIND = {"op": "find", "text": "What is a tree", "scope_key": SCOPE, "now": NOON}


async def index_of(folder: Path, *texts: str) -> Index:
    table = await opened(folder)
    add(table, *(entry(number, text) for number, text in enumerate(texts, 1)))
    return Index(FakeEncoder(), table, lambda: NOON)


async def ask(index: Index, **message: Any) -> Any:
    (reply,) = await index.answer([{"id": 7, **message}])
    return reply


async def test_messages_are_encoded_together_and_answered_in_order(folder: Path) -> None:
    encoder = FakeEncoder()
    index = Index(encoder, await opened(folder))
    kept = asdict(entry(1, "What is a tree?"))
    before, added, after, other, dropped = await index.answer(
        [
            {**FIND, "id": 1},
            {"op": "add", "entry": kept},
            {**FIND, "id": 2},
            {**FIND, "id": 3, "text": "What is a bush"},
            {"op": "drop", "ids": [kept["id"]]},
        ]
    )
    assert [reply["id"] for reply in (before, after, other)] == [1, 2, 3]
    assert (before["hits"], other["hits"]) == ([], [])
    assert [hit["entry"] for hit in after["hits"]] == [kept]
    assert (added["entries"], dropped["entries"], dropped["dropped"]) == (1, 0, 1)
    assert len(encoder.batches) == 1
    await index.answer([{**FIND, "id": 4}])
    assert len(encoder.batches) == 1


async def test_hits_are_told_and_shown(folder: Path) -> None:
    index = await index_of(folder, "What is a tree?", "What is a bush?")
    hit = {"op": "hit", "id": entry(1).id, "at": NOON + 1, "saved_microusd": 120, "saved_ms": 900}
    await index.answer([hit, hit])
    reply = await ask(index, op="browse", query="TREE", limit=10, order="hits", before=None)
    (row,) = reply["rows"]
    assert (reply["total"], row["hits"], row["used_at"], row["saved_microusd"]) == (1, 2, NOON + 1, 240)
    whole = (await ask(index, op="entry", entry_id=entry(1).id))["entry"]
    assert whole == {**row, "completion": entry(1).completion}
    assert (await ask(index, op="entry", entry_id=entry(9).id))["entry"] is None


async def test_a_scope_or_everything_can_be_dropped(folder: Path) -> None:
    index = await index_of(folder, "What is a tree?", "What is a bush?")
    assert (await ask(index, op="drop", scope_key=OTHER))["dropped"] == 0
    assert (await ask(index, op="drop", scope_key=SCOPE))["dropped"] == 2
    add(index._vectors, *many(range(3)))
    assert (await ask(index, op="drop", all=True))["dropped"] == 3


async def test_what_cannot_be_understood_is_an_error_and_no_end(folder: Path) -> None:
    index = await index_of(folder, "What is a tree?")
    nonsense: list[dict[str, Any]] = [
        {"op": "browse", "order": "worst"},
        {"op": "browse", "limit": "many"},
        {"op": "entry"},
        {"op": "entry", "entry_id": "' OR true"},
        {"op": "drop", "ids": ["x"]},
        {"op": "drop", "all": 1},
        {"op": "hit", "id": "zz", "at": 1, "saved_microusd": 1, "saved_ms": 1},
        {"op": "add", "entry": {"user_text": "half an entry"}},
        {**FIND, "scope_key": "'"},
    ]
    replies = await index.answer([*nonsense, {**FIND, "id": 5}])
    assert all(reply["error"] for reply in replies[:-1])
    assert len(replies[-1]["hits"]) == 1


async def test_a_hit_beyond_all_numbers_harms_no_other(folder: Path) -> None:
    index = await index_of(folder, "What is a tree?")
    await index._vectors.flush()
    told = {"op": "hit", "id": entry(1).id, "at": NOON, "saved_microusd": 2**70, "saved_ms": 1e300}
    await index.answer([told, told])
    assert await index._vectors.flush()


async def test_damage_found_later_is_noted_once(folder: Path) -> None:
    index = await index_of(folder, "What is a tree?")
    await index._vectors.flush()
    garble_all(folder)
    first, second = await index.answer([{**FIND, "id": 1}, {**FIND, "id": 2}])
    assert (first["hits"], second["hits"]) == ([], [])
    assert "begins anew" in second["note"]
    assert "note" not in await ask(index, **FIND)
