"""Fits heads from the labels, and knows which is in force.

The head in force changes in memory only after it is durable: a crash between any two lines leaves the old one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.learning.measuring import learn
from gateway_core.learning.nearest import Nearest, nearest_of, nobody, packed, unpacked
from gateway_core.learning_values import HeadVersion
from gateway_core.routing.head import Head, Lesson
from gateway_core.routing.shipped import shipped
from gateway_core.store.codec import from_json, to_json
from gateway_core.store.heads import HeadStore, Standing
from gateway_core.store.labels import Label, LabelStore

NEW_LABELS = 10
"""That have the router learn again by itself."""
NOTHING_NEW = "it is what is in force already"
MOST_LESSONS = 2_000
"""The newest labels are learned from: what was wanted long ago may be wanted no more, and 5,000 take 15 s."""
MOST_EMBEDDED = 500
"""Texts that one fit has embedded; the others have their turn with the next one."""

Embed = Callable[[str], Awaitable[tuple[float, ...] | None]]


@frozen
class Encoder:
    """The built-in encoder, as far as it is there: ``fingerprint`` is empty while it is not."""

    embed: Embed
    fingerprint: Callable[[], str]


async def _no_vector(text: str) -> tuple[float, ...] | None:
    return None


NO_ENCODER = Encoder(_no_vector, lambda: "")


class Fitting:
    """One fit at a time. ``note`` tells a person."""

    def __init__(self, labels: LabelStore, heads: HeadStore, clock: Clock, note: Callable[[str], None]) -> None:
        self.encoder = NO_ENCODER
        self.head: Head | None = None
        self.nearest: Nearest = nobody
        self.looks_among = ""
        """Fingerprint of the encoder whose vectors :attr:`nearest` knows."""
        self._labels = labels
        self._heads = heads
        self._clock = clock
        self._note = note
        self._one_at_a_time = asyncio.Lock()
        self._is_behind = False
        """There were labels at the start that no fit has seen."""

    @property
    def is_under_way(self) -> bool:
        return self._one_at_a_time.locked()

    async def open(self) -> None:
        """Takes up the head that is in force. Raises ``StoreError``."""
        standing = await self._heads.standing()
        self._take(standing)
        self._is_behind = await self._labels.changes() > standing.tried

    async def is_due(self) -> bool:
        """Whether enough is new since the last fit; after a start, anything from before it. Raises ``StoreError``."""
        new = await self._labels.changes() - (await self._heads.standing()).tried
        behind, self._is_behind = self._is_behind, False
        return new >= (1 if behind else NEW_LABELS)

    async def refresh(self) -> None:
        """Has :attr:`nearest` look among the vectors of the encoder that is in use now. Raises ``StoreError``."""
        if (encoder := self.encoder.fingerprint()) != self.looks_among:
            labels, _ = await self._labels.active()
            await self._look_among(labels, encoder)

    async def refit(self) -> HeadVersion | None:
        """Learns now; None where there is nothing to learn from. What is in force already is no new version: the way
        back would lead to the same. Raises ``StoreError``."""
        async with self._one_at_a_time:
            labels, changes = await self._labels.active()
            labels = await self._with_vectors(labels)
            encoder = self.encoder.fingerprint()
            lessons, held_out = await asyncio.to_thread(_lessons, labels, encoder)
            if not lessons:
                return None
            fitted = await asyncio.to_thread(learn, lessons, held_out, self.head)
            now, taken = self._clock.now(), fitted.taken
            version = HeadVersion(0, now, len(lessons), fitted.trial, taken, fitted.verdict, in_force=taken)
            if fitted.head == self.head:
                await self._heads.note_tried(changes)
                return replace(version, taken=False, in_force=False, verdict=NOTHING_NEW)
            number = await self._heads.add(version, to_json(fitted.head), changes)
            self.head = fitted.head if taken else self.head
            await self._look_among(labels, encoder)
            return replace(version, number=number)

    async def revert(self) -> int | None:
        """Goes back to what was in force before, 0 for the rules; None where nothing was. Raises ``StoreError``."""
        async with self._one_at_a_time:
            standing = await self._heads.go_back()
            if standing is None:
                return None
            self._take(standing)
            return standing.in_force

    async def forget(self, forget: Callable[[], Awaitable[int]]) -> int:
        """Has what was learned go with the labels that ``forget`` forgets. Raises ``StoreError``."""
        async with self._one_at_a_time:
            many = await forget()
            self.head, self.nearest = None, nobody
            return many

    def _take(self, standing: Standing) -> None:
        self.head = None
        if standing.head is not None:
            try:
                head = from_json(Head, standing.head)
                if head.encoder != shipped().encoder or not all(map(math.isfinite, (head.bias, *head.vector))):
                    raise ValueError("of another encoder, or no number")
                self.head = head
            except ValueError:
                self._note("What the router learned is of another version: until it learns anew the rules decide.")

    async def _look_among(self, labels: Sequence[Label], encoder: str) -> None:
        self.nearest = await asyncio.to_thread(nearest_of, labels, encoder)
        self.looks_among = encoder

    async def _with_vectors(self, labels: Sequence[Label]) -> tuple[Label, ...]:
        """The labels with what the encoder makes of their words, where it is there; kept for the next time."""
        encoder, made = self.encoder.fingerprint(), dict[str, bytes]()
        for label in labels:
            if label.vector and label.encoder == encoder:
                continue
            if len(made) == MOST_EMBEDDED or (vector := await self.encoder.embed(label.text)) is None:
                break
            made[label.request_id] = packed(vector)
        encoder = self.encoder.fingerprint()
        if not made or not encoder:
            return tuple(labels)
        await self._labels.keep_vectors(made, encoder)
        return tuple(
            replace(label, vector=made[label.request_id], encoder=encoder) if label.request_id in made else label
            for label in labels
        )


def _lessons(labels: Sequence[Label], encoder: str) -> tuple[list[Lesson], list[Lesson]]:
    """What is learned from, and what is held out. It takes a tenth of a second: to be called off the event loop."""
    taught = [(label.held_out, _lesson(label, encoder)) for label in labels if label.weight][:MOST_LESSONS]
    return [one for held_out, one in taught if not held_out], [one for held_out, one in taught if held_out]


def _lesson(label: Label, encoder: str) -> Lesson:
    vector = unpacked(label.vector) if label.vector and label.encoder == encoder else None
    return Lesson(label.text, vector, label.wanted, label.weight)
