"""What a look-up may serve, what it queues, and what verdicts and marks do: all of it over a restart."""

from __future__ import annotations

import pytest

from gateway_core.cache.review.book import MOST_QUEUED_AN_HOUR, entry_id, pair_id
from gateway_core.cache.review.room import Review
from gateway_core.cache.review.scopes import TTL_S
from gateway_core.store.pairs import Pair, PairStore, PairVerdict
from tests.cache.review.support import SCOPE, Parts, near, pass_exam

ASKED, STORED, THIRD = "Which city is Ghana's capital?", "What is the capital of Ghana?", "Ghana's capital?"
BY = "local model referee"


@pytest.fixture
async def review(parts: Parts) -> Review:
    parts.child.start()
    return await parts.started()


async def waiting(review: Review) -> Pair:
    pair = await review.book.next_waiting()
    assert pair
    return pair


async def judge(review: Review, verdict: PairVerdict) -> None:
    await review.judged(await waiting(review), verdict, BY)


async def test_grey_pairs_wait_the_nearest_two_of_a_request(review: Review, parts: Parts) -> None:
    review.missed(SCOPE, ASKED, [near(STORED), near(THIRD), near("Fourth?")])
    assert review.stats().grey_waiting == 2
    assert {(await waiting(review)).stored} <= {STORED, THIRD}
    assert (await waiting(review)).samples == 0


async def test_no_more_grey_pairs_in_an_hour_than_a_judge_can_do(review: Review, parts: Parts) -> None:
    for number in range(MOST_QUEUED_AN_HOUR + 5):
        review.missed(SCOPE, f"Question {number}?", [near(STORED)])
    assert review.stats().grey_waiting == MOST_QUEUED_AN_HOUR
    parts.clock.at += 3600
    review.missed(SCOPE, "Later?", [near(STORED)])
    assert review.stats().grey_waiting == MOST_QUEUED_AN_HOUR + 1


@pytest.mark.parametrize("verdict", [PairVerdict.SAME, PairVerdict.DIFFERENT, PairVerdict.UNCLEAR])
async def test_a_pair_that_was_judged_is_never_asked_again_in_either_order(
    review: Review, parts: Parts, verdict: PairVerdict
) -> None:
    review.missed(SCOPE, ASKED, [near(STORED)])
    await judge(review, verdict)
    for later in (review, await parts.started()):
        later.missed(SCOPE, ASKED, [near(STORED)])
        later.missed(SCOPE, STORED, [near(ASKED)])
        assert await later.book.next_waiting() is None


@pytest.mark.parametrize(("verdict", "same"), [(PairVerdict.SAME, True), (PairVerdict.DIFFERENT, False)])
async def test_a_verdict_is_taught_now_and_each_time_the_child_is_there_again(
    review: Review, parts: Parts, verdict: PairVerdict, same: bool
) -> None:
    review.missed(SCOPE, ASKED, [near(STORED)])
    await judge(review, verdict)
    pair = frozenset((ASKED, STORED))
    assert parts.child.lessons == {pair: same}
    parts.child.die()
    parts.child.start()
    await review.pupil.settled()
    assert parts.child.lessons == {pair: same}
    parts.child.die()
    later = await parts.started()
    parts.child.start()
    await later.pupil.settled()
    assert parts.child.lessons == {pair: same}


async def test_an_unclear_pair_is_not_taught(review: Review, parts: Parts) -> None:
    review.missed(SCOPE, ASKED, [near(STORED)])
    await judge(review, PairVerdict.UNCLEAR)
    assert parts.child.lessons == {}
    assert review.admit(SCOPE, ASKED, near(STORED)) == "words", "the guards' own rules need no judge"
    await pass_exam(review)
    assert review.admit(SCOPE, ASKED, near(STORED, why="learned")) == ""


async def test_a_rejected_pair_is_blocked_and_its_answer_stays_for_its_own_question(
    review: Review, parts: Parts
) -> None:
    review.missed(SCOPE, ASKED, [near(STORED)])
    await judge(review, PairVerdict.DIFFERENT)
    assert review.admit(SCOPE, ASKED, near(STORED)) == ""
    assert review.admit(SCOPE, STORED, near(ASKED)) == ""
    assert review.admit(SCOPE, THIRD, near(STORED)) == "words"
    assert not any(message["op"] == "drop" for message in parts.child.told)
    assert review.scopes.wrong(SCOPE) == 0, "nobody was given a wrong answer"


async def test_learned_hits_need_a_judge_that_passed(review: Review, parts: Parts) -> None:
    learned = near(STORED, why="learned")
    assert review.admit(SCOPE, ASKED, learned) == ""
    assert review.stats().withheld == 1
    await pass_exam(review)
    assert review.admit(SCOPE, ASKED, learned) == "learned"
    await review.use_judge("local/another:3b")
    assert review.admit(SCOPE, ASKED, learned) == ""
    later = await parts.started()
    await later.use_judge("local/referee:1b")
    assert later.admit(SCOPE, ASKED, learned) == "learned", "the exam is kept over a restart"


async def test_an_approved_pair_is_an_alias_both_ways(review: Review, parts: Parts) -> None:
    await pass_exam(review)
    review.missed(SCOPE, ASKED, [near(STORED, cosine=0.86)])
    await judge(review, PairVerdict.SAME)
    for later in (review, await parts.started()):
        assert later.admit(SCOPE, ASKED, near(STORED, why="learned")) == "alias"
        (alias,) = later.book.aliases(entry_id(SCOPE, STORED))
        assert (alias.entry_id, alias.cosine) == (entry_id(SCOPE, ASKED), 0.86)
        assert [one.entry_id for one in later.book.aliases(entry_id(SCOPE, ASKED))] == [entry_id(SCOPE, STORED)]
        assert later.admits_alias(SCOPE, ASKED, STORED) and not later.admits_alias(SCOPE, ASKED, THIRD)
        assert not later.admits_alias("other", ASKED, STORED)


@pytest.mark.parametrize(
    ("why", "number", "sampled"),
    [("words", 0.029, 1), ("words", 0.031, 0), ("learned", 0.49, 1), ("learned", 0.51, 0)],
)
async def test_hits_are_picked_for_a_check_by_chance(
    review: Review, parts: Parts, why: str, number: float, sampled: int
) -> None:
    await pass_exam(review)
    parts.chance.number = number
    assert review.admit(SCOPE, ASKED, near(STORED, why=why)) == why
    stats = review.stats()
    assert (stats.shadow_sampled, stats.shadow_waiting, stats.shadow_unchecked) == (sampled, sampled, sampled)


async def test_served_hits_are_judged_before_grey_pairs_and_the_newest_first(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    review.admit(SCOPE, ASKED, near(STORED))
    for question in ("Older?", "Newer?"):
        parts.clock.at += 1
        review.missed(SCOPE, question, [near(THIRD)])
    order = []
    while review.book.has_waiting:
        order.append((await waiting(review)).asked)
        await judge(review, PairVerdict.SAME)
    assert order == [ASKED, "Newer?", "Older?"]


async def test_a_check_that_approves_counts_every_hit_that_waited_for_it(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    review.admit(SCOPE, ASKED, near(STORED))
    pair = await waiting(review)
    review.admit(SCOPE, ASKED, near(STORED))
    await review.flush()
    await review.judged(pair, PairVerdict.SAME, BY)
    assert (review.stats().total.checked, review.stats().total.wrong) == (2, 0)
    review.admit(SCOPE, ASKED, near(STORED))
    assert (review.stats().total.checked, review.stats().shadow_unchecked) == (3, 0), "known already"


async def test_hits_picked_while_a_judgement_fails_still_wait_for_the_next(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    review.admit(SCOPE, ASKED, near(STORED))
    pair = await waiting(review)
    review.admit(SCOPE, ASKED, near(STORED))
    await review.flush()
    await review.judged(pair, PairVerdict.WAITING, BY, "no answer")
    await judge(review, PairVerdict.SAME)
    assert review.stats().total.checked == 2


async def test_a_check_that_rejects_evicts_blocks_and_tightens(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    assert review.admit(SCOPE, ASKED, near(STORED)) == "words"
    await judge(review, PairVerdict.DIFFERENT)
    assert parts.child.told[-1] == {"op": "drop", "ids": [entry_id(SCOPE, STORED)]}
    parts.chance.number = 1
    for later in (review, await parts.started()):
        assert later.admit(SCOPE, ASKED, near(STORED)) == ""
        assert later.admit(SCOPE, THIRD, near("Other?", cosine=0.949)) == ""
        assert later.admit(SCOPE, THIRD, near("Other?", cosine=0.95)) == "words"
        assert later.admit("other", THIRD, near("Other?", cosine=0.9)) == "words"
        stats = later.stats()
        assert (stats.total.checked, stats.total.wrong, stats.total.rate) == (1, 1, 1.0)
        assert (stats.tightened_scopes, stats.closed_scopes) == (1, 0)


async def test_a_second_wrong_hit_closes_the_scope_until_its_time_is_over(review: Review, parts: Parts) -> None:
    review.counts.add("lookups", 1000)
    for asked in (ASKED, THIRD):
        assert await review.mark(SCOPE, asked, near(STORED))
    assert review.admit(SCOPE, "Fourth?", near("Other?", cosine=0.999)) == ""
    assert review.stats().closed_scopes == 1
    parts.clock.at += TTL_S + 1
    for later in (review, await parts.started()):
        assert later.admit(SCOPE, "Fourth?", near("Other?", cosine=0.9)) == "words"
        assert later.admit(SCOPE, ASKED, near(STORED)) == "", "the pair stays blocked"


async def test_hits_that_a_closed_scope_withholds_are_still_checked(review: Review, parts: Parts) -> None:
    for asked in (ASKED, THIRD):
        await review.mark(SCOPE, asked, near(STORED))
    parts.chance.number = 0.3
    assert review.admit(SCOPE, "Fourth?", near("Other?")) == ""
    assert review.stats().shadow_waiting == 1


async def test_a_mark_blocks_at_once_and_says_when_it_was_made_before(review: Review, parts: Parts) -> None:
    assert await review.mark(SCOPE, ASKED, near(STORED))
    assert not await review.mark(SCOPE, ASKED, near(STORED))
    later = await parts.started()
    assert not await later.mark(SCOPE, ASKED, near(STORED))
    assert later.admit(SCOPE, ASKED, near(STORED)) == ""
    stats = later.stats()
    assert (stats.marked_wrong, stats.tightened_scopes) == (1, 1)
    assert stats.total.checked == 0, "a mark is no random sample"
    assert parts.child.lessons == {frozenset((ASKED, STORED)): False}


async def test_a_mark_outweighs_the_judge(review: Review, parts: Parts) -> None:
    await pass_exam(review)
    review.missed(SCOPE, ASKED, [near(STORED)])
    await judge(review, PairVerdict.SAME)
    assert await review.mark(SCOPE, ASKED, near(STORED, why="alias"))
    for later in (review, await parts.started()):
        assert later.book.aliases(entry_id(SCOPE, ASKED)) == ()
        assert later.admit(SCOPE, ASKED, near(STORED, why="learned")) == ""
    assert parts.child.lessons == {frozenset((ASKED, STORED)): False}


async def test_a_mark_on_a_hit_that_waits_for_its_check_is_the_checks_result(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    review.admit(SCOPE, ASKED, near(STORED))
    await review.mark(SCOPE, ASKED, near(STORED))
    stats = review.stats()
    assert (stats.total.checked, stats.total.wrong, stats.marked_wrong) == (1, 1, 1)
    assert review.scopes.wrong(SCOPE) == 1, "one hit is wrong, not two"
    assert not review.book.has_waiting


@pytest.mark.parametrize("restart", [False, True])
async def test_what_is_marked_while_the_child_is_dead_is_dropped_when_it_is_back(
    review: Review, parts: Parts, restart: bool
) -> None:
    kept = entry_id(SCOPE, STORED)
    parts.child.kept[kept] = {"id": kept}
    parts.child.die()
    await review.mark(SCOPE, ASKED, near(STORED))
    assert kept in parts.child.kept
    review = await parts.started() if restart else review
    parts.child.start()
    await review.pupil.settled()
    assert kept not in parts.child.kept
    parts.child.kept[kept] = {"id": kept}
    parts.child.die()
    parts.child.start()
    await review.pupil.settled()
    assert kept in parts.child.kept, "a newer answer is not dropped again"


async def test_the_user_hears_when_serving_stops_and_when_it_comes_back(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    for asked in (ASKED, THIRD):
        review.looked_up()
        review.admit(asked, asked, near(STORED))
        await review.judged(await waiting(review), PairVerdict.DIFFERENT, BY)
    assert len(parts.notes) == 1 and "are paused: 2 of 2 checked answers were wrong" in parts.notes[0]
    assert review.admit("fresh", "Fourth?", near("Other?")) == ""
    later = await parts.started()
    assert later.admit("fresh", "Fourth?", near("Other?")) == "", "also after a restart"
    assert await later.reset() == 2
    assert "served again" in parts.notes[-1]
    assert later.admit("fresh", "Fourth?", near("Other?")) == "words"
    assert later.admit(ASKED, ASKED, near(STORED)) == "", "wrong pairs stay blocked"
    third = await parts.started()
    assert third.stats().paused == "" and third.stats().closed_scopes == 0


async def test_the_same_question_again_needs_no_judge(review: Review, parts: Parts) -> None:
    parts.chance.number = 0
    assert review.admit(SCOPE, STORED, near(STORED)) == "words"
    assert not review.book.has_waiting and review.stats().total.checked == 1


async def test_pairs_stay_within_bounds_the_oldest_go_first(parts: Parts) -> None:
    parts.child.start()
    review = parts.review()
    review.book._store = PairStore(parts.database, most_waiting=3, most_judged=2)
    for number in range(5):
        parts.clock.at += 1
        review.missed(SCOPE, f"Question {number}?", [near(STORED)])
    await review.flush()
    assert review.stats().grey_waiting == 3
    for _ in range(3):
        parts.clock.at += 1
        await judge(review, PairVerdict.DIFFERENT)
    await review.prune()
    left = await PairStore(parts.database).known()
    assert len(left) == 2 and review.stats().grey_rejected == 2
    review.missed(SCOPE, "Question 0?", [near(STORED)])
    parts.clock.at += 15 * 86_400
    await review.prune()
    assert review.stats().grey_waiting == 0


async def test_pairs_blocked_by_their_ids_alone_stay_blocked(parts: Parts) -> None:
    first = parts.review()
    await first.load(frozenset({pair_id(SCOPE, ASKED, STORED)}))
    for later in (first, await parts.started()):
        assert later.admit(SCOPE, ASKED, near(STORED)) == ""
        assert later.admit(SCOPE, THIRD, near(STORED)) == "words"
    parts.child.start()
    await later.pupil.settled()
    assert parts.child.lessons == {}, "nobody knows their words"
