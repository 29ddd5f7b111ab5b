from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway_core.store.answers import MOST_WAITING, AnswerStore, row_of
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.idempotency import IdempotencyStore
from tests.store.support import NOON, FakeClock, make_read_only, rows, stored_answer

LATER = NOON + 3600


@pytest.fixture
def answers(database: Database) -> AnswerStore:
    return AnswerStore(database)


async def test_an_answer_comes_back_as_it_was(answers: AnswerStore) -> None:
    assert await answers.put("k", stored_answer(), LATER)
    assert await answers.get("k", NOON) == stored_answer()
    assert await answers.get("other", NOON) is None
    assert await answers.count() == 1


async def test_an_answer_is_served_until_it_expires(answers: AnswerStore) -> None:
    await answers.put("k", stored_answer(), LATER)
    assert await answers.get("k", LATER - 1) is not None
    assert await answers.get("k", LATER) is None
    assert await answers.delete_expired(LATER) == 1
    assert await answers.count() == 0


async def test_a_newer_answer_takes_the_place_of_an_older(answers: AnswerStore) -> None:
    await answers.put("k", stored_answer("old"), LATER)
    await answers.put("k", stored_answer("new"), LATER)
    assert await answers.get("k", NOON) == stored_answer("new")
    assert await answers.count() == 1


async def test_a_deleted_answer_is_gone(answers: AnswerStore) -> None:
    await answers.put("k", stored_answer(), LATER)
    assert await answers.delete("k")
    assert not await answers.delete("k")
    assert await answers.get("k", NOON) is None


async def test_hits_are_counted_once_and_kept(answers: AnswerStore, database: Database) -> None:
    await answers.put("k", stored_answer(), LATER)
    for second in range(3):
        await answers.get("k", NOON + second)
    await answers.flush()
    await answers.flush()
    assert await rows(database, "SELECT hits, used_at FROM answers") == [(3, NOON + 2)]
    await answers.get("k", NOON + 5)
    await answers.put("other", stored_answer(), LATER)
    await answers.flush()
    assert await rows(database, "SELECT hits FROM answers WHERE key = 'k'") == [(4,)]


async def test_hits_are_written_once_though_who_looks_leaves(answers: AnswerStore, database: Database) -> None:
    await answers.put("k" * 64, stored_answer(), LATER, "What is the capital of Ghana?\ud800" + "x" * 400)
    await answers.get("k" * 64, NOON)
    looking = [asyncio.create_task(answers.listed(NOON)) for _ in range(3)]
    await asyncio.sleep(0)
    looking[0].cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    ((entry),) = await answers.listed(NOON)
    assert (entry.hits, entry.saved_microusd, entry.kind) == (1, 120, "exact")
    assert entry.question.startswith("What is the capital of Ghana?") and len(entry.question) == 300
    await answers.get("k" * 64, NOON)
    await make_read_only(database)
    with pytest.raises(StoreError):
        await answers.flush()
    await make_read_only(database, False)
    assert (await answers.listed(NOON))[0].hits == 2


async def test_the_least_recently_used_goes_first(database: Database) -> None:
    answers = AnswerStore(database, max_entries=3)
    for number in range(3):
        await answers.put(f"k{number}", stored_answer(created_at=NOON + number), LATER)
    await answers.get("k0", NOON + 10)
    await answers.put("k3", stored_answer(created_at=NOON + 20), LATER)
    await answers.flush()
    assert await rows(database, "SELECT key FROM answers ORDER BY key") == [("k0",), ("k2",), ("k3",)]


async def test_expired_answers_go_before_used_ones(database: Database) -> None:
    answers = AnswerStore(database, max_entries=2)
    await answers.put("kept", stored_answer(created_at=NOON), LATER)
    await answers.put("expired", stored_answer(created_at=NOON + 1), NOON + 5)
    await answers.put("new", stored_answer(created_at=NOON + 10), LATER)
    await answers.flush()
    assert await rows(database, "SELECT key FROM answers ORDER BY key") == [("kept",), ("new",)]


async def test_the_cache_stays_under_its_size(database: Database) -> None:
    answers = AnswerStore(database, max_bytes=2000)
    for number in range(20):
        text = "".join(chr(33 + (number * 7 + place * place) % 90) for place in range(400))
        assert await answers.put(f"k{number}", stored_answer(text, created_at=NOON + number), LATER)
    await answers.flush()
    ((total, newest),) = await rows(database, "SELECT sum(size_bytes), max(key = 'k19') FROM answers")
    assert isinstance(total, int) and 0 < total <= 2000
    assert newest == 1


async def test_an_answer_larger_than_the_cache_is_not_stored(database: Database) -> None:
    answers = AnswerStore(database, max_bytes=10)
    assert not await answers.put("k", stored_answer(), LATER)
    assert await answers.count() == 0


async def test_a_damaged_answer_is_a_miss(answers: AnswerStore, database: Database) -> None:
    await answers.put("k", stored_answer(), LATER)
    await answers.flush()
    await rows(database, "UPDATE answers SET completion = x'00ff'")
    assert await answers.get("k", NOON) is None


async def test_an_answer_is_found_before_it_is_on_disk_and_expires_there_too(
    answers: AnswerStore, database: Database
) -> None:
    await answers.put("k", stored_answer(), LATER)
    assert await rows(database, "SELECT key FROM answers") == []
    assert await answers.get("k", NOON) == stored_answer()
    assert await answers.get("k", LATER) is None
    await answers.flush()
    assert await rows(database, "SELECT key, hits FROM answers") == [("k", 1)]


async def test_a_key_that_is_not_there_takes_no_look_at_the_disk(
    answers: AnswerStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answers.put("k", stored_answer(), LATER)
    await answers.flush()
    again = AnswerStore(database)
    assert await again.get("other", NOON) is None
    assert await again.get("k", NOON) == stored_answer()

    async def looked(work: object) -> None:
        raise AssertionError("the disk was asked")

    monkeypatch.setattr(database, "run", looked)
    assert await again.get("other", NOON) is None


async def test_an_answer_that_cannot_be_written_is_not_served_on(
    answers: AnswerStore, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await make_read_only(database)
    assert await answers.put("k", stored_answer(), LATER)
    await answers.flush()
    assert "1 answers were not cached" in caplog.text
    await make_read_only(database, False)
    assert await answers.get("k", NOON) is None
    await answers.put("k", stored_answer(), LATER)
    await answers.flush()
    assert await answers.count() == 1


async def test_no_more_than_so_many_answers_wait_for_the_disk(database: Database) -> None:
    answers = AnswerStore(database)
    for number in range(MOST_WAITING + 1):
        await answers.put(f"k{number}", stored_answer(created_at=NOON + number), LATER)
    assert await rows(database, "SELECT count(*) FROM answers") == [(MOST_WAITING,)]


async def test_keys_of_answers_that_have_gone_are_not_remembered_for_ever(database: Database) -> None:
    answers = AnswerStore(database, max_entries=4)
    assert await answers.get("none", NOON) is None
    most = 0
    for number in range(40):
        await answers.put(str(number), stored_answer(), NOON + 60)
        await answers.flush()
        most = max(most, len(answers._keys or ()))
        assert await answers.get(str(number), NOON) is not None
        assert await answers.get(f"not {number}", NOON) is None
    assert 4 <= most <= 9
    assert await answers.count() <= 4


async def test_an_answer_that_was_read_lately_takes_no_look_at_the_disk_and_counts_its_hits(
    answers: AnswerStore, database: Database
) -> None:
    await answers.put("k", stored_answer(), LATER)
    await answers.flush()
    assert await answers.get("k", NOON) == stored_answer()
    await rows(database, "UPDATE answers SET completion = x'00ff'")
    assert await answers.get("k", NOON) == stored_answer()
    assert await answers.get("k", LATER) is None
    await answers.flush()
    assert await rows(database, "SELECT hits FROM answers") == [(2,)]


async def test_an_answer_in_memory_goes_when_it_is_replaced_or_forgotten(answers: AnswerStore) -> None:
    for forget in (answers.clear, partial(answers.delete, "k")):
        for content in ("first", "second"):
            await answers.put("k", stored_answer(content), LATER)
            await answers.flush()
            assert await answers.get("k", NOON) == stored_answer(content)
        await forget()
        assert await answers.get("k", NOON) is None


async def test_an_answer_that_is_read_while_it_is_forgotten_does_not_stay_in_memory(answers: AnswerStore) -> None:
    for forget in (answers.clear, partial(answers.delete, "k")):
        await answers.put("k", stored_answer(), LATER)
        await answers.flush()
        reading, forgetting = asyncio.create_task(answers.get("k", NOON)), asyncio.create_task(forget())
        await asyncio.sleep(0)
        forgetting.cancel()  # whoever asked for it has gone
        await asyncio.gather(reading, forgetting, return_exceptions=True)
        await answers.count()
        assert await answers.get("k", NOON) is None


async def test_an_answer_that_made_room_for_others_is_not_in_memory_either(database: Database) -> None:
    answers = AnswerStore(database, max_entries=2)
    await answers.put("old", stored_answer(), LATER)
    await answers.flush()
    assert await answers.get("old", NOON) == stored_answer()
    for number in range(3):
        await answers.put(f"k{number}", stored_answer(created_at=NOON + 9), LATER)
        await answers.flush()
    assert await rows(database, "SELECT count(*) FROM answers WHERE key = 'old'") == [(0,)]
    assert await answers.get("old", NOON) is None


# --- Idempotency-Key -------------------------------------------------------------------------------------------


async def test_a_key_gives_the_body_it_was_used_with(database: Database, clock: FakeClock) -> None:
    store = IdempotencyStore(database, clock)
    assert await store.put("ada", "key", "body", stored_answer())
    assert await store.get("ada", "key") == ("body", stored_answer())
    assert await store.get("bob", "key") is None
    assert await store.get("ada", "other") is None


async def test_the_first_answer_of_a_key_stays(database: Database, clock: FakeClock) -> None:
    store = IdempotencyStore(database, clock)
    await store.put("ada", "key", "body", stored_answer("first"))
    assert not await store.put("ada", "key", "body 2", stored_answer("second"))
    assert await store.get("ada", "key") == ("body", stored_answer("first"))


async def test_a_key_is_free_again_after_a_day(database: Database, clock: FakeClock) -> None:
    store = IdempotencyStore(database, clock)
    await store.put("ada", "key", "body", stored_answer())
    clock.advance(86_399)
    assert await store.get("ada", "key") is not None
    clock.advance(1)
    assert await store.get("ada", "key") is None
    assert await store.put("ada", "key", "body 2", stored_answer("second"))
    assert await store.get("ada", "key") == ("body 2", stored_answer("second"))


async def test_keys_are_bounded_and_not_kept_as_sent(database: Database, clock: FakeClock) -> None:
    store = IdempotencyStore(database, clock, max_entries=2)
    for name in ("a", "b", "\ud800" * 100_000):
        await store.put("ada", name, "body", stored_answer())
        clock.advance(1)
    found = await rows(database, "SELECT length(key_hash) FROM idempotency")
    assert found == [(64,), (64,)]
    assert await store.get("ada", "a") is None
    assert await store.get("ada", "b") is not None


async def test_answers_of_keys_are_bounded_in_size_too(database: Database, clock: FakeClock) -> None:
    """The oldest go first; one that alone is too large is not kept."""
    size = len(row_of(stored_answer())[0])
    store = IdempotencyStore(database, clock, max_bytes=2 * size)
    for name in ("a", "b", "c"):
        await store.put("ada", name, "body", stored_answer())
        clock.advance(1)
    assert [await store.get("ada", name) is not None for name in ("a", "b", "c")] == [False, True, True]
    assert await rows(database, "SELECT count(*) FROM idempotency") == [(2,)]
