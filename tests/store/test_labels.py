"""Labels and heads on disk: what replaces what, what is bounded, and what one crash cannot halve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.learning.meaning import RANKS
from gateway_core.learning_values import Figures, HeadVersion, Source, Trial, WaitingSample
from gateway_core.store.database import Database
from gateway_core.store.heads import MOST_VERSIONS, HeadStore
from gateway_core.store.labels import MOST_SAMPLES, SAMPLES_S, Label, LabelStore
from gateway_core.store.requests import RequestLog
from tests.store.support import FakeClock, request_row

THUMB = Label("req_1", 10.0, Source.THUMB, "words", 0.0, 1.0, False, "local", 0.3, "up")


@pytest.fixture
def store(database: Database) -> LabelStore:
    return LabelStore(database, RANKS, most=5)


async def in_force(store: LabelStore) -> list[tuple[str, Source, float]]:
    return [(label.request_id, label.source, label.wanted) for label in (await store.active())[0]]


async def test_a_label_is_read_as_it_was_written(store: LabelStore) -> None:
    label = replace(THUMB, vector=b"\x00\x00\x80?", encoder="mini", difficulty=None, held_out=True)
    await store.add([label])
    assert await store.active() == ((label,), 1)


async def test_a_thumb_is_one_however_often_it_is_given(store: LabelStore) -> None:
    await store.add([THUMB])
    await store.add([replace(THUMB, at=11.0, source=Source.SAMPLE, wanted=0.5, verdict="down")])
    assert await in_force(store) == [("req_1", Source.SAMPLE, 0.5)]


async def test_the_users_word_goes_before_a_guess_whichever_comes_first(store: LabelStore) -> None:
    guess = replace(THUMB, at=12.0, source=Source.RETRY, wanted=1.0, verdict="")
    await store.add([replace(guess, at=8.0)])
    await store.add([THUMB])
    assert await in_force(store) == [("req_1", Source.THUMB, 0.0)]
    await store.add([guess])
    assert await in_force(store) == [("req_1", Source.THUMB, 0.0)]
    await store.add([replace(THUMB, at=13.0, source=Source.CHOICE, wanted=0.5)])
    assert await in_force(store) == [("req_1", Source.CHOICE, 0.5)]


async def test_a_thumb_taken_back_leaves_what_it_stood_before(store: LabelStore) -> None:
    await store.add([replace(THUMB, source=Source.RETRY, wanted=1.0), THUMB])
    assert await store.take_back("req_1") and not await store.take_back("req_1")
    assert await in_force(store) == [("req_1", Source.RETRY, 1.0)] and await store.changes() == 3


async def test_the_oldest_go(store: LabelStore) -> None:
    await store.add([replace(THUMB, request_id=f"req_{number}", at=float(number)) for number in range(8)])
    assert [label.request_id for label in (await store.active())[0]] == [f"req_{number}" for number in (7, 6, 5, 4, 3)]


async def test_the_request_log_shows_the_thumb(database: Database, clock: FakeClock, store: LabelStore) -> None:
    log = RequestLog(database, clock)
    await log.add(request_row("req_1"))
    await store.add([THUMB])
    assert [row.thumb for row in await log.recent(5)] == ["up"]
    await store.take_back("req_1")
    assert [row.thumb for row in await log.recent(5)] == [""]
    await store.add([THUMB])
    assert await store.forget() == 1 and [row.thumb for row in await log.recent(5)] == [""]


async def test_half_of_several_labels_is_never_kept(store: LabelStore) -> None:
    with pytest.raises(Exception, match="CHECK"):
        await store.add([THUMB, replace(THUMB, request_id="req_2", wanted=1.5)])
    assert await store.active() == ((), 0)


async def test_foreign_words_cost_no_label(store: LabelStore) -> None:
    await store.add([replace(THUMB, text="half a pair \ud83d")])
    assert (await store.active())[0][0].text == "half a pair ?"


async def test_vectors_are_kept_with_their_encoder(store: LabelStore) -> None:
    await store.add([THUMB])
    await store.keep_vectors({"req_1": b"abcd", "req_none": b"efgh"}, "mini")
    assert [(label.vector, label.encoder) for label in (await store.active())[0]] == [(b"abcd", "mini")]


async def test_samples_wait_until_they_are_judged_or_old(store: LabelStore) -> None:
    await store.pick(WaitingSample("req_0", 1.0, "old", "local"))
    await store.pick(WaitingSample("req_1", SAMPLES_S + 5.0, "words", "local"))
    assert [one.request_id for one in await store.waiting(0.0)] == ["req_1"] and await store.is_picked("req_1")
    await store.add([replace(THUMB, source=Source.SAMPLE)])
    assert await store.waiting(0.0) == () and await store.is_picked("req_1") and not await store.is_picked("req_0")
    for number in range(MOST_SAMPLES + 5):
        await store.pick(WaitingSample(f"more_{number:03}", SAMPLES_S + 10.0 + number, "words", "cheap"))
    assert len(await store.waiting(0.0)) == MOST_SAMPLES


def version(**more: object) -> HeadVersion:
    made = HeadVersion(0, 5.0, 40, Trial(new=Figures(12, 0.2, 9, 0.4, 0.9)), True, "better than before")
    return replace(made, **more)  # type: ignore[arg-type]


async def test_versions_are_gone_back_on_one_by_one(database: Database) -> None:
    heads = HeadStore(database)
    assert (await heads.standing()).in_force == 0 and await heads.go_back() is None
    assert [await heads.add(version(), f'{{"n":{number}}}', number * 10) for number in (1, 2)] == [1, 2]
    assert (await heads.standing()).head == '{"n":2}' and (await heads.standing()).tried == 20
    back = await heads.go_back()
    assert back is not None and (back.in_force, back.head) == (1, '{"n":1}')
    assert await heads.add(version(), '{"n":3}', 30) == 3
    back = await heads.go_back()
    assert back is not None and back.in_force == 1, "what was gone back on is not come back to"
    back = await heads.go_back()
    assert back is not None and (back.in_force, back.head) == (0, None) and await heads.go_back() is None


async def test_one_that_is_not_taken_up_is_shown_and_changes_nothing(database: Database) -> None:
    heads = HeadStore(database)
    await heads.add(version(), "{}", 10)
    await heads.add(version(taken=False, verdict="worse"), "{}", 20)
    found = await heads.versions()
    assert [(one.number, one.taken, one.in_force) for one in found] == [(2, False, False), (1, True, True)]
    assert found[1].trial.new == Figures(12, 0.2, 9, 0.4, 0.9) and (await heads.standing()).tried == 20


async def test_the_last_versions_are_kept_and_always_the_one_in_force(database: Database) -> None:
    heads = HeadStore(database)
    for _ in range(MOST_VERSIONS + 3):
        await heads.add(version(), "{}", 1)
    assert [one.number for one in await heads.versions()] == [8, 7, 6, 5, 4]
    for _ in range(4):
        await heads.go_back()
    for _ in range(3):
        await heads.add(version(taken=False), "{}", 1)
    assert [one.number for one in await heads.versions() if one.in_force] == [4]
    back = await heads.go_back()
    assert back is not None and back.in_force == 0, "what was before it is not kept any more: the rules decide"


async def test_a_label_that_another_version_wrote_is_left_out(database: Database, store: LabelStore) -> None:
    await store.add([THUMB, replace(THUMB, request_id="req_2")])
    await database.run(lambda connection: connection.execute("UPDATE labels SET source = 'gaze' WHERE number = 2"))
    assert await in_force(store) == [("req_1", Source.THUMB, 0.0)]
