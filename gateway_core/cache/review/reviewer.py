"""Judges what waits, one pair at a time, while nobody wants anything else, and what somebody waits for at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway_core.cache.review.exam import Exam, examine_next
from gateway_core.cache.review.judge import AskFailed, NotNow, Said, opinion
from gateway_core.cache.review.quiet import Quiet
from gateway_core.cache.review.room import Neighbour, Review
from gateway_core.clock import Clock
from gateway_core.store.errors import StoreError
from gateway_core.store.pairs import PairVerdict

log = logging.getLogger(__name__)

TICK_S = 5.0
MOST_ATTEMPTS = 5
"""A pair on which the model fails each time is left alone after that."""
AT_ONCE_S = 1.5
"""How long a request waits for the judge. A hosted model takes seconds to answer, and a local one longer than for two
words: a request that is given an answer it need not wait for has gained more than this."""
TOO_SLOW_REST_S = 600.0
"""A judge that did not make it in time is asked nothing that somebody waits for, for so long."""
CHARACTERS_A_TOKEN = 4


class JudgeModel(Protocol):
    """The local model; ``gateway_core.local_judge.LocalJudge`` is it."""

    async def ready(self) -> str:
        """Its name. Raises :class:`NotNow` where it must not be asked at the moment."""
        ...

    async def ask(self, instruction: str, text: str) -> Said:
        """Its answer. Raises :class:`NotNow` and :class:`AskFailed`."""
        ...


class Reviewer:
    """Works a step at a time. ``is_stopped`` is the kill switch."""

    def __init__(
        self,
        review: Review,
        model: JudgeModel,
        quiet: Quiet,
        clock: Clock,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.review = review
        self._model = model
        self._quiet = quiet
        self._clock = clock
        self._is_stopped = is_stopped
        self._taking: Exam | None = None
        self._slow_until = float("-inf")

    async def run(self) -> None:
        """Works whenever it may, until cancelled."""
        while True:
            worked = False
            try:
                worked = await self.step()
            except StoreError as error:
                log.warning("what the semantic cache is reviewed by could not be kept: %s", error)
            except Exception as error:
                log.error("a review of the semantic cache failed: %s", type(error).__name__)
                self.review.allowance.failed()
            await asyncio.sleep(0 if worked else TICK_S)

    async def step(self) -> bool:
        """Judges a pair, or asks one of the exam's; False when there is nothing to do, or not now.

        Raises ``StoreError``.
        """
        review = self.review
        await review.flush()
        await review.turn()
        if not review.book.has_waiting:
            return False
        review.resting = self._why_not()
        if review.resting:
            return False
        try:
            return await self._quiet.do(self._work()) or False
        except NotNow as error:
            review.resting = str(error)
            return False

    async def at_once(self, scope_key: str, asked: str, near: Sequence[Neighbour]) -> bool:
        """Whether the judge says, within ``AT_ONCE_S``, that the nearest question it can still judge asks the same.

        Only a judge that has passed its exam, is there anyway and has nothing else to do is asked, and only while this
        request is the only one. Its word is kept like any other.
        """
        pair = self.review.unjudged(scope_key, asked, near)
        if pair is None or self._is_stopped() or not self._quiet.is_one_alone:
            return False
        if self._clock.monotonic() < self._slow_until or self.review.allowance.why_not():
            return False
        try:
            async with asyncio.timeout(AT_ONCE_S):
                model = await self._model.ready()
                exam = self.review.exam_of(model)
                if exam is None or not exam.is_valid(model, self._clock.now()) or not exam.passed:
                    return False
                verdict = await opinion(self._ask, pair.asked, pair.stored)
        except TimeoutError:
            self._slow_until = self._clock.monotonic() + TOO_SLOW_REST_S
            return False
        except NotNow:
            return False
        except AskFailed as failure:
            self._failed(str(failure))
            return False
        try:
            await asyncio.shield(self.review.judged(pair, verdict, f"local model {model}"))
        except StoreError as error:
            log.warning("what the judge said could not be kept: %s", error)
        return verdict is PairVerdict.SAME

    def _why_not(self) -> str:
        if self._is_stopped():
            return "the kill switch is on"
        if not self._quiet.is_quiet:
            return "requests go first"
        return self.review.allowance.why_not()

    async def _work(self) -> bool:
        model = await self._model.ready()
        await self.review.use_judge(model)
        exam = self.review.exam_of(model)
        if exam is None or not exam.is_valid(model, self._clock.now()):
            return await self._examine(model)
        return exam.passed and await self._judge(model)

    async def _examine(self, model: str) -> bool:
        exam = self._taking if self._taking and self._taking.model == model else Exam(model)
        try:
            exam = self._taking = await examine_next(self._ask, exam)
        except AskFailed as error:
            self._failed(str(error))
            return False
        if exam.is_decided:
            self._taking = None
            await asyncio.shield(self.review.examined(exam))
        return True

    async def _judge(self, model: str) -> bool:
        pair = await self.review.book.next_waiting()
        if pair is None:
            return False
        error = ""
        try:
            verdict = await opinion(self._ask, pair.asked, pair.stored)
        except AskFailed as failure:
            self._failed(str(failure))
            verdict, error = PairVerdict.WAITING, str(failure)
            if pair.attempts + 1 >= MOST_ATTEMPTS:
                verdict = PairVerdict.UNCLEAR
        await asyncio.shield(self.review.judged(pair, verdict, f"local model {model}", error))
        return not error

    def _failed(self, why: str) -> None:
        self.review.allowance.failed()
        self.review.resting = f"it failed ({why})"

    async def _ask(self, instruction: str, text: str) -> Said:
        """The model's answer, on the judge's own budget. A call that is cut short counts as its prompt."""
        allowance = self.review.allowance
        if why := allowance.why_not():
            raise NotNow(why)
        tokens = len(instruction + text) // CHARACTERS_A_TOKEN
        try:
            said = await self._model.ask(instruction, text)
            tokens = said.tokens or tokens
        finally:
            allowance.spent(tokens)
        allowance.worked()
        return said
