"""The router's learning: takes labels in, learns from them in the background, and says what is in force."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from gateway_core.cache.review.interval import limits
from gateway_core.clock import Clock
from gateway_core.exchange import PREVIEW_CHARACTERS, Exchange
from gateway_core.learning.fitting import NEW_LABELS, Encoder, Fitting
from gateway_core.learning.hearing import heard
from gateway_core.learning.intake import Intake, IntakeSources
from gateway_core.learning.meaning import RANKS
from gateway_core.learning_values import (
    Better,
    HeadVersion,
    LearningStatus,
    SampleQuality,
    ShownLabel,
    Source,
    Verdict,
)
from gateway_core.model import Example, RequestDetail
from gateway_core.routing.head import Head
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.heads import HeadStore
from gateway_core.store.labels import SAMPLES_S, Label, LabelStore

log = logging.getLogger(__name__)

TICK_S = 1.0
LONGEST_WAIT_S = 300.0
"""For a moment without requests, after which it learns beside them: a fit has a thread for a second, or for several
where labels are long."""
SHOWN_LABELS = 100
SHOWN_CHARACTERS = 160

T = TypeVar("T")


class Learning:
    """``note`` tells a person; ``is_idle`` is whether no request is under way. Switched off (``on``) it hears and tells
    nothing, and keeps what it has."""

    def __init__(
        self,
        database: Database,
        around: IntakeSources,
        clock: Clock,
        note: Callable[[str], None],
        is_idle: Callable[[], bool],
        *,
        on: bool = True,
    ) -> None:
        self.on = on
        self._labels = LabelStore(database, RANKS)
        self._heads = HeadStore(database)
        self._intake = Intake(self._labels, around, clock)
        self._fitting = Fitting(self._labels, self._heads, clock, note)
        self._clock = clock
        self._note = note
        self._is_idle = is_idle
        self._wake = asyncio.Event()
        self._due_since: float | None = None
        """Since when there is something to learn, by the monotonic clock."""
        self._working: set[asyncio.Task[Any]] = set()

    def use(self, *, on: bool) -> None:
        """Switches it on or off."""
        self.on = on
        self._wake.set()

    def use_encoder(self, encoder: Encoder) -> None:
        """Has texts embedded by it from now on."""
        self._fitting.encoder = encoder

    # --- what the router asks --------------------------------------------------------------------------------------

    @property
    def head(self) -> Head | None:
        """What was learned and is in force; None are the rules alone."""
        return self._fitting.head if self.on else None

    def nearest(self, vector: Sequence[float], most: int = 3) -> tuple[Example, ...]:
        """The judged requests nearest to ``vector``, which is of the encoder in use. Takes 0.13 ms (median)."""
        if not self.on:
            return ()
        if self._fitting.looks_among != self._fitting.encoder.fingerprint():
            self._wake.set()
            return ()
        return self._fitting.nearest(vector, most)

    async def with_examples(self, detail: RequestDetail) -> RequestDetail:
        """The same with the words of the judged requests that its decision names, as far as they are not forgotten."""
        decision = detail.decision
        known = decision.record.difficulty if decision else None
        if decision is None or known is None or not known.examples:
            return detail
        try:
            words = await self._labels.beginnings([one.request_id for one in known.examples], SHOWN_CHARACTERS)
        except StoreError:
            return detail
        examples = tuple(replace(one, text=words[one.request_id]) for one in known.examples if one.request_id in words)
        record = replace(decision.record, difficulty=replace(known, examples=examples))
        return replace(detail, decision=replace(decision, record=record))

    # --- from the start to the end ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Takes up the head that is in force. Raises ``StoreError``."""
        await self._fitting.open()

    async def run(self) -> None:
        """Writes what was heard, and learns when there is enough that is new; until cancelled."""
        self._wake.set()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self._due_since is None else TICK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._step()
            except StoreError as error:
                log.warning("what the router learns could not be kept: %s", error)
            except Exception as error:
                log.error("the router could not learn: %s", type(error).__name__)

    async def _step(self) -> None:
        if not self.on:
            return
        await self._to_the_end(self._intake.write_heard())
        await self._fitting.refresh()
        now = self._clock.monotonic()
        if self._due_since is None and await self._fitting.is_due():
            self._due_since = now
        if self._due_since is not None and (self._is_idle() or now - self._due_since >= LONGEST_WAIT_S):
            self._due_since = None
            if made := await self.refit():
                self._note(told(made))

    async def close(self) -> None:
        """Writes what was heard last, and lets what is being written end."""
        if self.on:
            await asyncio.gather(self._to_the_end(self._intake.write_heard()), return_exceptions=True)
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns; it goes on when nobody waits any more, so that memory and disk say the same."""
        task = asyncio.ensure_future(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(task)

    async def _labelled(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for work that makes labels: there may be enough of them now."""
        try:
            return await self._to_the_end(work)
        finally:
            self._wake.set()

    # --- labels ----------------------------------------------------------------------------------------------------

    def hear(self, exchange: Exchange, at: float) -> None:
        """A request ended ``at`` that time. Takes some 40 microseconds; what follows from it is written in the
        background."""
        one = heard(exchange, at) if self.on else None
        if one is not None and self._intake.hear(one):
            self._wake.set()

    async def thumb(self, request_id: str, verdict: Verdict) -> str:
        """Takes a thumb in, or back. Returns words for the user. Raises ``CannotJudge`` and ``StoreError``."""
        return await self._labelled(self._intake.thumb(request_id, verdict))

    async def choose(self, first: str, second: str, better: Better) -> str:
        """Takes in which of two answers to a request is better. Raises ``CannotJudge`` and ``StoreError``."""
        return await self._labelled(self._intake.choose(first, second, better))

    async def take_in(self, labels: Sequence[Label]) -> int:
        """Takes in labels from elsewhere; returns how many. Raises ``StoreError``."""
        return await self._labelled(self._intake.take_in(labels))

    async def labels(self) -> tuple[Label, ...]:
        """The labels in force, newest first. Raises ``StoreError``."""
        return (await self._labels.active())[0]

    async def forget(self) -> int:
        """Forgets all labels and what was learned from them; returns how many. Raises ``StoreError``."""
        return await self._to_the_end(self._fitting.forget(self._intake.forget))

    # --- heads -----------------------------------------------------------------------------------------------------

    async def refit(self) -> HeadVersion | None:
        """Learns now; None where there is nothing to learn from. Raises ``StoreError``."""
        self._due_since = None
        return await self._to_the_end(self._fitting.refit())

    async def revert(self) -> int | None:
        """Goes back to what was in force before, 0 for the rules; None where nothing was. Raises ``StoreError``."""
        return await self._to_the_end(self._fitting.revert())

    async def status(self) -> LearningStatus:
        """All of it now. Raises ``StoreError``."""
        now = self._clock.now()
        labels, changes = await self._labels.active()
        standing = await self._heads.standing()
        judged = [label for label in labels if label.source is Source.SAMPLE]
        up = sum(label.verdict == "up" for label in judged)
        return LearningStatus(
            at=now,
            on=self.on,
            labels=len(labels),
            held_out=sum(label.held_out for label in labels if label.weight),
            sources=tuple(Counter(label.source.value for label in labels).most_common()),
            newest=tuple(_shown(label) for label in labels[:SHOWN_LABELS]),
            versions=await self._heads.versions(),
            in_force=standing.in_force if self.head else 0,
            until_refit=max(0, NEW_LABELS - (changes - standing.tried)),
            fitting=self._fitting.is_under_way,
            samples=await self._labels.waiting(now - SAMPLES_S),
            quality=SampleQuality(up, len(judged), *limits(up, len(judged))),
        )


def told(version: HeadVersion) -> str:
    """What became of a fit, for people."""
    trial, many = version.trial, f"{version.labels} label{'' if version.labels == 1 else 's'}"
    new, before = trial.new, trial.before
    figures = "" if trial.tells_little else f" Right tier: {new.right} of {new.labels} held out, {before.right} before."
    if not version.taken:
        return f"What the router learned from {many} is not taken up: {version.verdict}.{figures}"
    return f"The router has learned from {many} (version {version.number}): {version.verdict}.{figures}"


def _shown(label: Label) -> ShownLabel:
    return ShownLabel(
        label.request_id,
        label.at,
        label.source.value,
        label.text[:PREVIEW_CHARACTERS],
        label.tier,
        label.wanted,
        label.weight,
        label.held_out,
        label.verdict,
        label.difficulty,
    )
