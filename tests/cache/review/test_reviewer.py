"""The reviewer's steps: exam first, then pairs, on a budget of its own, and never when something else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway_core.cache.review import allowance
from gateway_core.cache.review import reviewer as reviewer_module
from gateway_core.cache.review.exam import VALID_S
from gateway_core.cache.review.exam_questions import DIFFERENT, SAME
from gateway_core.cache.review.judge import AskFailed, NotNow, Said
from gateway_core.cache.review.quiet import Quiet
from gateway_core.cache.review.reviewer import MOST_ATTEMPTS, Reviewer
from gateway_core.cache.review.room import Review
from tests.cache.review.support import JUDGE, SCOPE, Parts, near, pass_exam

ASKED, STORED = "Which city is Ghana's capital?", "What is the capital of Ghana?"


class Model:
    """Approves the exam's pairs that are the same, and ``approved``."""

    def __init__(self, *approved: str) -> None:
        self.name = JUDGE
        self.approved = [*approved, *(text for pair in SAME for text in pair)]
        self.asked: list[str] = []
        self.trouble: Exception | None = None
        self.holds = asyncio.Event()
        self.holds.set()
        self.begun = asyncio.Event()

    async def ready(self) -> str:
        if isinstance(self.trouble, NotNow):
            raise self.trouble
        return self.name

    async def ask(self, instruction: str, text: str) -> Said:
        self.asked.append(text)
        self.begun.set()
        await self.holds.wait()
        if self.trouble:
            raise self.trouble
        return Said("same" if sum(known in text for known in self.approved) >= 2 else "different", 100)


class Bench:
    """A reviewer, and what it works with."""

    def __init__(self, parts: Parts, review: Review, *approved: str) -> None:
        self.model = Model(*approved)
        self.running = 0
        self.killed = False
        self.quiet = Quiet(lambda: self.running, parts.clock)
        self.reviewer = Reviewer(review, self.model, self.quiet, parts.clock, lambda: self.killed)

    async def work(self) -> int:
        """Steps until there is nothing to do; how many there were."""
        steps = 0
        while await self.reviewer.step():
            steps += 1
        return steps


@pytest.fixture
async def review(parts: Parts) -> Review:
    parts.child.start()
    return await parts.started()


@pytest.fixture
def bench(parts: Parts, review: Review) -> Bench:
    return Bench(parts, review, ASKED, STORED)


def queue(review: Review, asked: str = ASKED) -> None:
    review.missed(SCOPE, asked, [near(STORED)])


async def test_without_pairs_nobody_is_asked_anything(bench: Bench) -> None:
    assert await bench.work() == 0
    assert bench.model.asked == []


async def test_the_exam_is_taken_once_and_then_the_pair_is_judged(bench: Bench, review: Review, parts: Parts) -> None:
    queue(review)
    assert await bench.work() == len(DIFFERENT) + len(SAME) + 1
    assert len(bench.model.asked) == len(DIFFERENT) + 2 * len(SAME) + 2
    stats = review.stats()
    assert (stats.grey_approved, stats.judge.exam, stats.judge.model) == (1, "passed", JUDGE)
    assert "passed the exam" in parts.notes[-1]
    queue(review, "Another?")
    await review.flush()
    assert await Bench(parts, await parts.started()).work() == 1, "the result is kept over a restart"


async def test_a_model_that_fails_the_exam_judges_nothing(parts: Parts, review: Review) -> None:
    bench = Bench(parts, review, *DIFFERENT[1])
    queue(review)
    assert await bench.work() == 2
    asked = len(bench.model.asked)
    assert await bench.work() == 0 and len(bench.model.asked) == asked, "nor is it asked again"
    stats = review.stats()
    assert (stats.grey_waiting, stats.judge.exam, stats.judge.wrongly_approved) == (1, "failed", 1)
    assert "approved 1 of 2 different pairs" in stats.judge.detail
    parts.clock.at += VALID_S
    bench.model.approved = []
    assert await bench.work() > 2, "a month later it may try again"


async def test_another_model_takes_its_own_exam(bench: Bench, review: Review) -> None:
    await pass_exam(review)
    queue(review)
    bench.model.name = "local/other:7b"
    assert await bench.work() == len(DIFFERENT) + len(SAME) + 1
    assert review.judge_passed and review.stats().judge.model == "local/other:7b"


@pytest.mark.parametrize(
    ("hinder", "why"),
    [
        (lambda bench: setattr(bench, "killed", True), "the kill switch is on"),
        (lambda bench: setattr(bench, "running", 1), "requests go first"),
        (lambda bench: bench.quiet.disturb(), "requests go first"),
        (lambda bench: setattr(bench.model, "trouble", NotNow("m is not loaded")), "m is not loaded"),
    ],
)
async def test_it_waits_and_says_why(bench: Bench, review: Review, hinder: Callable[[Bench], None], why: str) -> None:
    queue(review)
    hinder(bench)
    assert not await bench.reviewer.step()
    assert bench.model.asked == []
    assert f"It waits: {why}" in review.stats().judge.detail


async def test_a_disturbed_judgement_is_made_again_and_an_exam_goes_on_where_it_was(
    bench: Bench, review: Review, parts: Parts
) -> None:
    queue(review)
    for _ in range(5):
        await bench.reviewer.step()
    bench.model.begun.clear()
    bench.model.holds.clear()
    step = asyncio.create_task(bench.reviewer.step())
    await bench.model.begun.wait()
    bench.quiet.disturb()
    assert not await step
    bench.model.holds.set()
    parts.clock.at += 60
    assert await bench.work() == len(DIFFERENT) + len(SAME) - 5 + 1
    assert review.stats().grey_approved == 1


async def test_a_model_in_trouble_rests_longer_each_time(bench: Bench, review: Review, parts: Parts) -> None:
    await pass_exam(review)
    queue(review)
    bench.model.trouble = AskFailed("no answer")
    for rest_s in (60, 120, 240):
        asked = len(bench.model.asked)
        assert not await bench.reviewer.step()
        assert not await bench.reviewer.step()
        assert len(bench.model.asked) == asked + 1
        assert "It waits: it failed" in review.stats().judge.detail
        parts.clock.at += rest_s
    pair = await review.book.next_waiting()
    assert pair and (pair.attempts, pair.error) == (3, "no answer")
    bench.model.trouble = None
    assert await bench.work() == 1
    assert review.stats().grey_approved == 1


async def test_a_pair_on_which_the_model_always_fails_is_left_alone(bench: Bench, review: Review, parts: Parts) -> None:
    await pass_exam(review)
    queue(review)
    bench.model.trouble = AskFailed("no answer")
    for _ in range(MOST_ATTEMPTS):
        await bench.reviewer.step()
        parts.clock.at += 3600
    assert not review.book.has_waiting
    assert review.stats().grey_judged == 0


async def test_calls_an_hour_and_tokens_a_day_are_limited(
    bench: Bench, review: Review, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pass_exam(review)
    monkeypatch.setattr(allowance, "CALLS_AN_HOUR", 3)
    monkeypatch.setattr(allowance, "TOKENS_A_DAY", 700)
    for number in range(9):
        queue(review, f"Question {number}?")
    await bench.work()
    assert len(bench.model.asked) == 3
    parts.clock.at += 3600
    await bench.work()
    assert len(bench.model.asked) == 6
    parts.clock.at += 3600
    await bench.work()
    assert len(bench.model.asked) == 7
    assert "tokens of today" in review.stats().judge.detail
    later = Bench(parts, await parts.started())
    assert await later.work() == 0, "also after a restart"
    parts.clock.at += 86_400
    assert await later.work() > 0


async def test_what_somebody_waits_for_is_judged_at_once_and_kept(bench: Bench, review: Review) -> None:
    await pass_exam(review)
    bench.running = 1
    assert await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    assert len(bench.model.asked) == 2, "in both orders"
    assert review.stats().grey_approved == 1
    assert not await bench.reviewer.at_once(SCOPE, "How large is Ghana?", [near("What is the area of Ghana?")])
    assert review.stats().grey_rejected == 1


async def test_only_the_nearest_pair_that_is_not_judged_yet_is_judged_at_once(bench: Bench, review: Review) -> None:
    await pass_exam(review)
    rejected = "Which town is Ghana's largest?"
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(rejected), near(STORED)])
    assert await bench.reviewer.at_once(SCOPE, ASKED, [near(rejected), near(STORED)])
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(rejected), near(STORED)]), "both are known"
    assert len(bench.model.asked) == 3, "different at the first word"


async def test_nobody_waits_for_a_judge_without_an_exam(bench: Bench) -> None:
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    assert bench.model.asked == []


async def test_nobody_waits_for_a_judge_while_other_requests_run(bench: Bench, review: Review) -> None:
    await pass_exam(review)
    bench.running = 2
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    bench.running, bench.killed = 1, True
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    assert bench.model.asked == []


async def test_another_model_than_the_one_examined_is_not_waited_for(bench: Bench, review: Review) -> None:
    await pass_exam(review)
    bench.model.name = "local/another:1b"
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    assert bench.model.asked == []


async def test_a_judge_that_is_too_slow_is_left_alone_for_a_while(
    bench: Bench, review: Review, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pass_exam(review)
    monkeypatch.setattr(reviewer_module, "AT_ONCE_S", 0.01)
    bench.model.holds.clear()
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    bench.model.holds.set()
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    assert len(bench.model.asked) == 1
    parts.clock.at += reviewer_module.TOO_SLOW_REST_S
    monkeypatch.setattr(reviewer_module, "AT_ONCE_S", 60.0)
    assert await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])


async def test_a_judge_that_fails_costs_the_request_its_answer_only_from_the_cache(
    bench: Bench, review: Review
) -> None:
    await pass_exam(review)
    bench.model.trouble = AskFailed("it is gone")
    assert not await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
    assert review.allowance.why_not()


async def test_a_client_that_leaves_while_it_is_judged_leaves_nothing_behind(bench: Bench, review: Review) -> None:
    await pass_exam(review)
    bench.model.holds.clear()
    waiting = asyncio.create_task(bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)]))
    await bench.model.begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    bench.model.holds.set()
    assert await bench.reviewer.at_once(SCOPE, ASKED, [near(STORED)])
