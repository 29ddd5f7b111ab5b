"""The review of the semantic cache: what a look-up may serve, what it queues, and what verdicts and marks do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import ValidationError

from gateway_core.cache.review.allowance import Allowance
from gateway_core.cache.review.book import USER, Book, pair_id
from gateway_core.cache.review.counts import ALIAS, LEARNED, LOOKUPS, MARKED, WITHHELD, WORDS, Counts
from gateway_core.cache.review.dial import Dial
from gateway_core.cache.review.exam import Exam
from gateway_core.cache.review.measure import of_lookups, rates
from gateway_core.cache.review.pupil import Child, Pupil
from gateway_core.cache.review.scopes import Scopes
from gateway_core.cache_stats import JudgeStatus, SemanticStats
from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.store.codec import from_json, to_json
from gateway_core.store.pairs import Pair, PairKind, PairStore, PairVerdict
from gateway_core.store.reuse_review import ReuseReviewStore

log = logging.getLogger(__name__)

SHARE_CHECKED = {WORDS: 0.03, LEARNED: 0.5}
SHARE_CHECKED_UNSERVED = 0.5
"""Of hits that are not served: how serving comes back."""
GREY_A_REQUEST = 2
_STOPPED, _JUDGE, _EXAM = "stopped", "judge", "exam:"


@frozen
class Neighbour:
    """A question with a cached answer, near the one that is asked. ``why`` is the guards' word."""

    entry_id: str
    question: str
    cosine: float
    why: str


class Review:
    """One for each semantic cache. ``random`` gives numbers from 0 to 1."""

    def __init__(
        self,
        pairs: PairStore,
        store: ReuseReviewStore,
        child: Child | None,
        clock: Clock,
        max_error: float,
        random: Callable[[], float],
        on_note: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._on_note = on_note
        self.counts = Counts(store, clock)
        self.book = Book(pairs, clock)
        self.scopes = Scopes(store, clock)
        self.allowance = Allowance(self.counts, clock)
        self.dial = Dial(max_error)
        self.pupil = Pupil(child, self.book, store)
        self._exams: dict[str, Exam] = {}
        self._judge = ""
        self.resting = ""
        """Why the judge does not work though pairs wait; empty while it does or has nothing to do."""

    # --- its life --------------------------------------------------------------------------------------------------

    async def load(self, blocked: frozenset[str] = frozenset()) -> None:
        """Takes up what the disk has, and pairs ``blocked`` elsewhere. Raises ``StoreError``."""
        await self.book.load(blocked)
        await self.counts.load()
        await self.scopes.load()
        state = await self._store.state()
        self.pupil.load(state)
        self._judge = state.get(_JUDGE, "")
        stopped = {name for name in state.get(_STOPPED, "").split(",") if name}
        self.dial.stopped = frozenset(stopped)
        for name, value in state.items():
            if name.startswith(_EXAM):
                try:
                    self._exams[name.removeprefix(_EXAM)] = from_json(Exam, value)
                except ValidationError:
                    log.warning("an exam's result could not be read; it will be taken again")

    async def flush(self) -> None:
        """Writes what is only in memory. Raises ``StoreError``."""
        await self.book.flush()
        await self.counts.flush()

    async def prune(self) -> None:
        """Drops what is too old. Raises ``StoreError``."""
        await self.flush()
        await self.book.prune()
        await self.scopes.prune()
        await self.turn()

    async def close(self) -> None:
        """Stops teaching, and writes what is only in memory. Raises ``StoreError``."""
        await self.pupil.close()
        await self.flush()

    # --- look-ups --------------------------------------------------------------------------------------------------

    def admit(self, scope_key: str, asked: str, near: Neighbour) -> str:
        """What a hit of the guards is served as (``words``, ``learned``, ``alias``); empty where it must not be.

        Counts it, and now and then picks it for a check, served or not.
        """
        pair = pair_id(scope_key, asked, near.question)
        verdict = PairVerdict.SAME if asked == near.question else self.book.verdict(pair)
        if verdict is PairVerdict.DIFFERENT or (verdict is PairVerdict.UNCLEAR and near.why != WORDS):
            return ""
        kind = WORDS if near.why == WORDS else ALIAS if verdict is PairVerdict.SAME else LEARNED
        allowed = self._allows(kind) and self.scopes.allows(scope_key, kind, near.cosine)
        self.counts.add(f"{kind}.hits")
        if not allowed:
            self.counts.add(WITHHELD)
        if kind != ALIAS and self._random() < (SHARE_CHECKED[kind] if allowed else SHARE_CHECKED_UNSERVED):
            self.counts.add(f"{kind}.sampled")
            if verdict is PairVerdict.SAME:
                self.counts.add(f"{kind}.checked")
            else:
                self.book.queue(self._pair(scope_key, asked, near, PairKind.SHADOW, kind))
        return kind if allowed else ""

    def admits_alias(self, scope_key: str, asked: str, question: str) -> bool:
        """Whether the answer to ``question`` may be served because a judge found that ``asked`` asks the same.

        Counts it.
        """
        if self.book.verdict(pair_id(scope_key, asked, question)) is not PairVerdict.SAME:
            return False
        self.counts.add(f"{ALIAS}.hits")
        if not self._allows(ALIAS):
            self.counts.add(WITHHELD)
            return False
        return True

    def unjudged(self, scope_key: str, asked: str, near: Sequence[Neighbour]) -> Pair | None:
        """The nearest pair that a judge's word would let be served; None where it would not, or is known already."""
        if not self._allows(ALIAS):
            return None
        pairs = (self._pair(scope_key, asked, one, PairKind.GREY, "") for one in near if one.question != asked)
        return next((pair for pair in pairs if self.book.verdict(pair.id) in (None, PairVerdict.WAITING)), None)

    def looked_up(self) -> None:
        """A question was looked up, and the child answered."""
        self.counts.add(LOOKUPS)

    def missed(self, scope_key: str, asked: str, grey: list[Neighbour]) -> None:
        """Has the nearest of what the guards were not sure of wait for the judge."""
        for near in grey[:GREY_A_REQUEST]:
            if near.question != asked:
                self.book.queue(self._pair(scope_key, asked, near, PairKind.GREY, ""))

    def _allows(self, kind: str) -> bool:
        return self.dial.allows(kind) and (kind == WORDS or self.judge_passed)

    def _pair(self, scope_key: str, asked: str, near: Neighbour, kind: PairKind, allowed_by: str) -> Pair:
        return Pair(
            id=pair_id(scope_key, asked, near.question),
            scope_key=scope_key,
            asked=asked,
            stored=near.question,
            entry_id=near.entry_id,
            cosine=near.cosine,
            kind=kind,
            created_at=self._clock.now(),
            allowed_by=allowed_by,
            samples=int(kind is PairKind.SHADOW),
        )

    # --- verdicts and marks ----------------------------------------------------------------------------------------

    async def judged(self, pair: Pair, verdict: PairVerdict, by: str, error: str = "") -> None:
        """Takes a verdict up: blocks or approves the pair, teaches it, and undoes a hit that was wrong.

        Raises ``StoreError``; the verdict is in force all the same.
        """
        before = await self.book.settle(pair, verdict, by, error)
        if verdict not in (PairVerdict.SAME, PairVerdict.DIFFERENT):
            return
        is_same = verdict is PairVerdict.SAME
        self.pupil.teach(pair.asked, pair.stored, is_same)
        checked = before or pair
        if checked.samples and checked.verdict is PairVerdict.WAITING:
            self.counts.add(f"{checked.allowed_by}.checked", checked.samples)
            if not is_same:
                self.counts.add(f"{checked.allowed_by}.wrong", checked.samples)
                if by != USER:
                    await self.pupil.drop([checked.entry_id])
                    await self.scopes.tighten(pair.scope_key)
        await self.turn()
        await self.flush()

    async def mark(self, scope_key: str, asked: str, near: Neighbour) -> bool:
        """The user's word that an answer was wrong: evicts it, blocks the pair, tightens the scope.

        False a second time.
        Raises ``StoreError``; it is in force all the same.
        """
        pair = self._pair(scope_key, asked, near, PairKind.USER, "")
        if self.book.is_marked(pair.id):
            return False
        self.counts.add(MARKED)
        try:
            await self.judged(pair, PairVerdict.DIFFERENT, USER)
        finally:
            await self.pupil.drop([near.entry_id])
            await self.scopes.tighten(scope_key)
        await self.turn()
        await self.flush()
        return True

    async def reset(self) -> int:
        """Opens tightened scopes and forgets what was measured; blocked pairs stay. Returns the scopes opened.

        Raises ``StoreError``.
        """
        opened = await self.scopes.clear()
        await self.counts.clear()
        await self.turn()
        return opened

    # --- the dial and the judge ------------------------------------------------------------------------------------

    async def turn(self) -> None:
        """Stops or resumes serving by what is measured, and tells it. Raises ``StoreError``."""
        before = self.dial.stopped
        newly = self.dial.turn(self.counts)
        if self.dial.stopped == before:
            return
        if newly:
            self._on_note(self.dial.paused(self.counts))
        elif not self.dial.stopped:
            self._on_note("Semantic answers are served again: the measured error is what you accept, or less.")
        await self._store.save_state({_STOPPED: ",".join(sorted(self.dial.stopped)) or None})

    @property
    def judge_passed(self) -> bool:
        """Whether the judge's word counts: the exam of the model that judged last, or would have."""
        exam = self._exams.get(self._judge)
        return exam is not None and exam.passed

    def exam_of(self, model: str) -> Exam | None:
        """The exam that a model has taken, or taken in part."""
        return self._exams.get(model)

    async def use_judge(self, model: str) -> None:
        """Says which model judges from now on. Raises ``StoreError``."""
        if model != self._judge:
            self._judge = model
            await self._store.save_state({_JUDGE: model})

    async def examined(self, exam: Exam) -> None:
        """Keeps a decided exam, and tells the result. Raises ``StoreError``."""
        self._exams[exam.model] = replace(exam, taken_at=self._clock.now())
        self._on_note(f"The semantic cache's judge: {self._exams[exam.model].status().detail}")
        await self._store.save_state({_EXAM + exam.model: to_json(self._exams[exam.model])})

    # --- what is told ----------------------------------------------------------------------------------------------

    def stats(self) -> SemanticStats:
        """All that this room knows of the cache; the rest is the cache's own."""
        count, book = self.counts, self.book
        recent, total = rates(count)
        measured = of_lookups(count)
        tightened, closed = self.scopes.standing()
        return SemanticStats(
            withheld=count.recent(WITHHELD),
            grey_waiting=book.count(PairKind.GREY, PairVerdict.WAITING),
            grey_approved=book.count(PairKind.GREY, PairVerdict.SAME),
            grey_rejected=book.count(PairKind.GREY, PairVerdict.DIFFERENT),
            shadow_waiting=book.count(PairKind.SHADOW, PairVerdict.WAITING),
            shadow_sampled=count.total(f"{WORDS}.sampled") + count.total(f"{LEARNED}.sampled"),
            recent=recent,
            total=total,
            marked_wrong=count.total(MARKED),
            judge=self._judge_status(),
            max_error=self.dial.max_error,
            measured_error=measured.rate,
            paused=self.dial.paused(count),
            tightened_scopes=tightened,
            closed_scopes=closed,
        )

    def _judge_status(self) -> JudgeStatus:
        exam = self._exams.get(self._judge) or Exam(self._judge)
        status = exam.status() if self._judge else JudgeStatus(detail="No local model has been asked yet.")
        if self.resting and self.book.has_waiting:
            return replace(status, detail=f"{status.detail} It waits: {self.resting}.")
        return status
