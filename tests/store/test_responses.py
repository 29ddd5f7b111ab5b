"""Responses that are kept: by caller, in chains, within bounds."""

from __future__ import annotations

import pytest

from gateway_core.model import JsonObject
from gateway_core.store.database import Database
from gateway_core.store.days import DAY_S
from gateway_core.store.responses import ChainTooLong, KeptResponse, ResponseStore
from tests.store.support import NOON, FakeClock

ME, OTHER = "caller-1", "caller-2"


def kept(number: int, previous: int | None = None, text: str = "hello") -> KeptResponse:
    asked = ({"id": f"msg_in{number}", "type": "message", "role": "user", "content": text},)
    output: list[JsonObject] = [{"id": f"msg_{number}", "type": "message", "role": "assistant", "content": []}]
    response: JsonObject = {"id": f"resp_{number}", "output": output}
    link = None if previous is None else f"resp_{previous}"
    return KeptResponse(f"resp_{number}", link, "", NOON + number, asked, response)


@pytest.fixture
def store(database: Database, clock: FakeClock) -> ResponseStore:
    return ResponseStore(database, clock)


async def test_a_response_is_found_by_its_caller_alone(store: ResponseStore) -> None:
    await store.put(ME, kept(1))
    assert await store.get(ME, "resp_1") == kept(1)
    assert await store.get(OTHER, "resp_1") is None
    assert await store.items(OTHER, ["msg_1"]) == {}


async def test_a_chain_is_told_from_its_beginning(store: ResponseStore) -> None:
    for number in range(3):
        await store.put(ME, kept(number, number - 1 if number else None))
    chain = await store.chain(ME, "resp_2", 10**6)
    assert isinstance(chain, tuple)
    assert [turn.id for turn in chain] == ["resp_0", "resp_1", "resp_2"]
    assert [item["id"] for item in chain[1].items] == ["msg_in1", "msg_1"]


async def test_a_chain_with_a_hole_names_it(store: ResponseStore) -> None:
    for number in range(3):
        await store.put(ME, kept(number, number - 1 if number else None))
    assert await store.delete(ME, "resp_0")
    assert not await store.delete(ME, "resp_0")
    assert await store.chain(ME, "resp_2", 10**6) == "resp_0"


async def test_a_chain_that_links_to_itself_ends(store: ResponseStore) -> None:
    await store.put(ME, kept(1, 1))
    with pytest.raises(ChainTooLong):
        await store.chain(ME, "resp_1", 10**9)


async def test_a_chain_larger_than_a_request_may_be_is_not_read_to_its_end(store: ResponseStore) -> None:
    await store.put(ME, kept(1))
    with pytest.raises(ChainTooLong):
        await store.chain(ME, "resp_1", 10)


async def test_items_are_found_by_id_until_their_response_goes(store: ResponseStore) -> None:
    await store.put(ME, kept(1))
    found = await store.items(ME, ["msg_1", "msg_in1", "msg_9"])
    assert set(found) == {"msg_1", "msg_in1"}
    await store.delete(ME, "resp_1")
    assert await store.items(ME, ["msg_1"]) == {}


async def test_the_oldest_go_when_there_are_too_many_or_too_large(database: Database, clock: FakeClock) -> None:
    few = ResponseStore(database, clock, max_entries=2)
    for number in range(3):
        await few.put(ME, kept(number))
    assert [await few.get(ME, f"resp_{number}") is None for number in range(3)] == [True, False, False]

    small = ResponseStore(database, clock, max_bytes=300)
    await small.put(ME, kept(3))
    assert await small.get(ME, "resp_1") is None
    assert await small.get(ME, "resp_3") is not None


async def test_old_ones_go_and_all_go_where_nothing_is_to_be_kept(store: ResponseStore, clock: FakeClock) -> None:
    await store.put(ME, kept(1))
    await store.put(ME, kept(2))
    clock.at = NOON + 1.5 + 7 * DAY_S
    assert await store.prune(7) == 1
    assert await store.get(ME, "resp_2") is not None
    assert await store.prune(0) == 1


async def test_a_damaged_response_is_one_that_is_not_kept(store: ResponseStore, database: Database) -> None:
    await store.put(ME, kept(1))
    await database.run(lambda connection: connection.execute("UPDATE responses SET input = x'00'").rowcount)
    assert await store.get(ME, "resp_1") is None
    assert await store.chain(ME, "resp_1", 10**6) == "resp_1"
