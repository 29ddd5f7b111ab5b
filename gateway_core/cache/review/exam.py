"""Whether a model may judge: an exam of pairs whose answer is known.

A wrong approval is served again and again and teaches the guards, a missed one costs a call: so none of the pairs that
differ may be approved (none of 20 means that at most 14 % of such pairs are, with 95 % confidence), and a third of the
others is enough. A model that fails is known to fail before it has seen all: it is asked no more than that takes.
"""

from __future__ import annotations

from dataclasses import replace

from gateway_core.cache.review.exam_questions import DIFFERENT, SAME
from gateway_core.cache.review.judge import Ask, opinion
from gateway_core.cache_stats import JudgeStatus
from gateway_core.frozen import frozen
from gateway_core.store.pairs import PairVerdict

VALID_S = 30 * 86_400.0
MOST_WRONG = 0
LEAST_RIGHT = len(SAME) // 3


@frozen
class Exam:
    """How far a model has come. ``taken_at`` is None until it is decided."""

    model: str
    wrongly_approved: int = 0
    different_asked: int = 0
    rightly_approved: int = 0
    same_asked: int = 0
    taken_at: float | None = None

    @property
    def passed(self) -> bool:
        whole = self.different_asked == len(DIFFERENT) and self.same_asked == len(SAME)
        return whole and self.wrongly_approved <= MOST_WRONG and self.rightly_approved >= LEAST_RIGHT

    @property
    def is_decided(self) -> bool:
        """Whether the rest cannot change the result, or there is none."""
        left = len(SAME) - self.same_asked
        failed = self.wrongly_approved > MOST_WRONG or self.rightly_approved + left < LEAST_RIGHT
        return failed or self.passed

    def is_valid(self, model: str, now: float) -> bool:
        """Whether it was taken, by this model, and lately."""
        return self.model == model and self.taken_at is not None and now < self.taken_at + VALID_S

    def status(self) -> JudgeStatus:
        """The result in numbers and in words."""
        if self.taken_at is None:
            done = self.different_asked + self.same_asked
            state = f"{self.model} is taking its exam: {done} of {len(DIFFERENT) + len(SAME)} pairs so far."
            return JudgeStatus(
                self.model, "none", detail=state if done else f"{self.model} has not taken its exam yet."
            )
        wrong = f"approved {self.wrongly_approved} of {self.different_asked} different pairs"
        right = f"{self.rightly_approved} of {self.same_asked} same ones"
        if self.passed:
            detail = f"{self.model} passed the exam: {wrong} and {right}."
        elif self.wrongly_approved > MOST_WRONG:
            detail = f"{self.model} failed the exam: {wrong}. The grey zone waits for a better local model."
        else:
            detail = (
                f"{self.model} failed the exam: approved only {right}. The grey zone waits for a better local model."
            )
        return JudgeStatus(
            self.model,
            "passed" if self.passed else "failed",
            self.taken_at,
            self.wrongly_approved,
            self.different_asked,
            self.rightly_approved,
            self.same_asked,
            detail,
        )


async def examine_next(ask: Ask, exam: Exam) -> Exam:
    """The exam after one more pair, those that differ first. An answer that is neither word counts as no approval."""
    if exam.different_asked < len(DIFFERENT):
        approved = await opinion(ask, *DIFFERENT[exam.different_asked]) is PairVerdict.SAME
        asked, wrong = exam.different_asked + 1, exam.wrongly_approved + approved
        return replace(exam, different_asked=asked, wrongly_approved=wrong)
    approved = await opinion(ask, *SAME[exam.same_asked]) is PairVerdict.SAME
    return replace(exam, same_asked=exam.same_asked + 1, rightly_approved=exam.rightly_approved + approved)
