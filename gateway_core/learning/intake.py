"""Takes labels in: what requests show as they end, what the user says of an answer, what comes from a file."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from gateway_core.clock import Clock
from gateway_core.exchange import PREVIEW_CHARACTERS
from gateway_core.frozen import frozen
from gateway_core.known_secrets import KnownSecrets
from gateway_core.learning.hearing import Ears, Heard
from gateway_core.learning.judging import (
    DetailOf,
    PartsOf,
    answered,
    check_thumb,
    chosen_tier,
    is_dearer,
    without_secrets,
    words_of,
)
from gateway_core.learning.meaning import BAD, CHOSEN, GOOD, RUN_AGAIN, Meaning
from gateway_core.learning.picking import SAMPLE_SHARE, is_held_out, is_sample
from gateway_core.learning_values import Better, Source, Verdict, WaitingSample
from gateway_core.model import RequestDetail
from gateway_core.store.labels import Label, LabelStore

_MOST_WAITING = 500
_SHOWN = 40


@frozen
class IntakeSources:
    """What labels are made of: ``detail_of`` and ``parts_of`` tell of kept requests, ``marked`` has the panes show a
    thumb (of all requests none where the id is empty).

    ``keeps_words`` is whether what was said may be kept without the user's doing; where not, guesses are no labels.
    """

    detail_of: DetailOf
    parts_of: PartsOf
    secrets: KnownSecrets
    marked: Callable[[str, str], None]
    keeps_words: Callable[[], bool] = lambda: True
    sample_share: float = SAMPLE_SHARE


class Intake:
    """Whoever calls has the coroutines end: they leave memory and disk different when they are cut short."""

    def __init__(self, labels: LabelStore, around: IntakeSources, clock: Clock) -> None:
        self._labels = labels
        self._around = around
        self._clock = clock
        self._ears = Ears()
        self._one_at_a_time = asyncio.Lock()
        """What is forgotten must not come back from somebody who was about to write it."""
        self._heard: deque[tuple[Heard, tuple[tuple[Heard, Source, Meaning], ...]]] = deque(maxlen=_MOST_WAITING)

    # --- what requests show ----------------------------------------------------------------------------------------

    def hear(self, one: Heard) -> bool:
        """A request has ended; whether something follows from it that :meth:`write_heard` has to write."""
        found = self._ears.hear(one)
        if not (found or one.replay_of or self._is_picked(one)):
            return False
        self._heard.append((one, found))
        return True

    def _is_picked(self, one: Heard) -> bool:
        alone = one.decided_alone and one.free and not one.goes_on and not one.replay_of
        return alone and is_sample(one.id, self._around.sample_share)

    async def write_heard(self) -> None:
        """Writes what follows from the requests heard. Raises ``StoreError``."""
        while self._heard:
            async with self._one_at_a_time:
                if self._heard:
                    await self._write(*self._heard.popleft())

    async def _write(self, one: Heard, found: tuple[tuple[Heard, Source, Meaning], ...]) -> None:
        if self._is_picked(one):
            words = (await self._clean(one.text[: PREVIEW_CHARACTERS * 2]))[:PREVIEW_CHARACTERS]
            await self._labels.pick(WaitingSample(one.id, one.asked_at, words, one.tier.value))
        if not self._around.keeps_words():
            return
        labels = [await self._label(about, source, meaning) for about, source, meaning in found]
        if one.replay_of and (label := await self._run_again(one)):
            labels.append(label)
        if labels:
            await self._labels.add(labels)

    async def _run_again(self, one: Heard) -> Label | None:
        """For a request that was run again a tier up; the user may still say which answer is better."""
        detail = await self._around.detail_of(one.replay_of)
        if detail is None or detail.row.tier is None or detail.row.cache.is_hit:
            return None
        if not is_dearer(one.tier, detail.row.tier):
            return None
        return await self._label(_about(detail, one.text), Source.ESCALATION, RUN_AGAIN[one.tier])

    # --- what the user says ----------------------------------------------------------------------------------------

    async def thumb(self, request_id: str, verdict: Verdict) -> str:
        """Takes a thumb in, or back. Returns words for the user. Raises ``CannotJudge`` and ``StoreError``."""
        if verdict == "clear":
            taken = await self._labels.take_back(request_id)
            self._around.marked(request_id, "")
            return "That thumb is taken back." if taken else "There is no thumb on that request."
        detail = await answered(self._around.detail_of, request_id)
        check_thumb(detail.row)
        assert detail.row.tier is not None, "it was answered"
        meaning = (GOOD if verdict == "up" else BAD)[detail.row.tier]
        source = Source.SAMPLE if await self._labels.is_picked(request_id) else Source.THUMB
        label = await self._label(_about(detail, await self._words(detail)), source, meaning)
        await self._labels.add((replace(label, verdict=verdict),))
        self._around.marked(request_id, verdict)
        good = "good enough" if verdict == "up" else "not good enough"
        return f"Noted: {detail.row.tier} was {good} for {_named(label)} ({meaning.why})."

    async def choose(self, first: str, second: str, better: Better) -> str:
        """Takes in which of two answers to a request is better. Raises ``CannotJudge`` and ``StoreError``."""
        details = [await answered(self._around.detail_of, one) for one in (first, second)]
        row, tier = chosen_tier(details[0].row, details[1].row, better)
        detail = next(one for one in details if one.row.id == row.id)
        label = await self._label(_about(detail, await self._words(detail)), Source.CHOICE, CHOSEN[tier])
        await self._labels.add((replace(label, verdict=tier.value),))
        as_good = "the cheaper answer is as good, so " if better == "same" else ""
        return f"Noted: {as_good}{tier} is what {_named(label)} needed."

    async def take_in(self, labels: Sequence[Label]) -> int:
        """Takes in labels from elsewhere; returns how many. Raises ``StoreError``."""
        clean = [replace(label, text=await self._clean(label.text)) for label in labels]
        await self._labels.add(clean)
        return len(clean)

    async def forget(self) -> int:
        """Forgets all labels; returns how many. Raises ``StoreError``."""
        async with self._one_at_a_time:
            many = await self._labels.forget()
            self._ears.forget()
            self._heard.clear()
            self._around.marked("", "")
            return many

    # --- what a label is made of -----------------------------------------------------------------------------------

    async def _label(self, about: Heard, source: Source, meaning: Meaning) -> Label:
        return Label(
            about.id,
            self._clock.now(),
            source,
            await self._clean(about.text),
            meaning.wanted,
            meaning.weight,
            is_held_out(about.id),
            about.tier.value,
            about.difficulty,
        )

    async def _words(self, detail: RequestDetail) -> str:
        known = self._ears.known(detail.row.id)
        return known.text if known else await words_of(detail, self._around.parts_of)

    async def _clean(self, text: str) -> str:
        return await asyncio.to_thread(without_secrets, text, self._around.secrets)


def _named(label: Label) -> str:
    """The request by its first words, so that nobody judges another one unseen."""
    words = " ".join(label.text.split())
    return f'"{words[:_SHOWN].rstrip()}{"..." if len(words) > _SHOWN else ""}"'


def _about(detail: RequestDetail, words: str) -> Heard:
    row, decision = detail.row, detail.decision
    assert row.tier is not None, "it was answered"
    difficulty = decision.difficulty if decision else None
    return Heard(row.id, row.at, row.at, "", row.session, words, row.tier, difficulty)
