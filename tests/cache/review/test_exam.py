"""The exam: whose word counts, and what is said of the rest."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gateway_core.cache.review.exam import LEAST_RIGHT, VALID_S, Exam, examine_next
from gateway_core.cache.review.exam_questions import DIFFERENT, SAME
from gateway_core.cache.review.judge import Said
from tests.cache.support import NOON

_QUESTIONS = re.compile(r"<question_1>\n(.*)\n</question_1>\n<question_2>\n(.*)\n</question_2>")


class Model:
    """Approves these pairs, in either order. ``backwards`` are approved in the second order only."""

    def __init__(self, *approved: tuple[str, str], one_order: bool = False) -> None:
        self.approved = {*approved} if one_order else {*approved, *(pair[::-1] for pair in approved)}
        self.calls = 0

    async def __call__(self, instruction: str, text: str) -> Said:
        self.calls += 1
        found = _QUESTIONS.search(text)
        assert found
        return Said("same" if found.groups() in self.approved else "different", 5)


async def taken(model: Model) -> Exam:
    exam = Exam("m")
    while not exam.is_decided:
        exam = await examine_next(model, exam)
    return replace(exam, taken_at=NOON)


async def test_who_knows_all_passes() -> None:
    exam = await taken(Model(*SAME))
    assert exam.passed
    assert exam.status().detail == "m passed the exam: approved 0 of 20 different pairs and 12 of 12 same ones."


async def test_a_third_of_the_same_ones_is_enough() -> None:
    assert (await taken(Model(*SAME[-LEAST_RIGHT:]))).passed
    exam = await taken(Model(*SAME[: LEAST_RIGHT - 1]))
    assert not exam.passed
    assert "approved only 3 of" in exam.status().detail


@pytest.mark.parametrize("place", [0, 7, len(DIFFERENT) - 1])
async def test_one_wrong_approval_fails_and_ends_it(place: int) -> None:
    exam = await taken(Model(*SAME, DIFFERENT[place]))
    assert not exam.passed
    assert (exam.wrongly_approved, exam.different_asked, exam.same_asked) == (1, place + 1, 0)
    status = exam.status()
    assert status.exam == "failed" and status.exam_at == NOON
    assert status.detail.startswith(
        f"m failed the exam: approved 1 of {place + 1} different pairs. The grey zone waits"
    )


async def test_who_always_says_the_same_fails_whichever_it_is() -> None:
    assert not (await taken(Model(*SAME, *DIFFERENT))).passed
    model = Model()
    assert not (await taken(model)).passed
    assert model.calls < len(DIFFERENT) + len(SAME)


async def test_an_approval_in_one_order_only_is_none() -> None:
    exam = await taken(Model(*SAME, *DIFFERENT, one_order=True))
    assert (exam.wrongly_approved, exam.rightly_approved) == (0, 0)


def test_a_result_holds_for_that_model_for_a_month() -> None:
    exam = Exam("m", taken_at=NOON)
    assert exam.is_valid("m", NOON + VALID_S - 1)
    assert not exam.is_valid("m", NOON + VALID_S)
    assert not exam.is_valid("other", NOON)
    assert not Exam("m").is_valid("m", NOON)


def test_the_pairs_are_in_both_languages_and_each_is_there_once() -> None:
    texts = [text for pair in (*DIFFERENT, *SAME) for text in pair]
    assert len(set(texts)) == len(texts)
    assert sum(any(word in text for word in ("Wie ", "Warum ", "Was ", "Welche ", "Darf ")) for text in texts) >= 10
