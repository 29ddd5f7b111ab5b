"""Reads how hard a request is: its words and structure at once, its meaning where the encoder is there in time."""

from __future__ import annotations

from base64 import b64decode
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from gateway_core.cache.encoder.worker import Message
from gateway_core.model import ChatRequest, Difficulty, Example
from gateway_core.routing.difficulty import difficulty
from gateway_core.routing.head import Head
from gateway_core.routing.measures import both_ends
from gateway_core.wire.embeddings import unpack

TIMEOUT_S = 0.25
"""A short prompt takes some 4 ms; one that waits behind others is read by its structure alone."""
REMEMBERED = 256
BEGINNING, END = 700, 300
"""Characters of a longer prompt whose meaning is looked at: one window of the encoder."""


Remembered = OrderedDict[str, tuple[float, ...]]


class EncoderProcess(Protocol):
    """What is needed of a :class:`gateway_core.cache.encoder.worker.Worker`."""

    def start(self) -> None: ...

    async def ask(self, message: Message, timeout_s: float) -> Message | None: ...


class Learned(Protocol):
    """What the user's labels taught."""

    @property
    def head(self) -> Head | None: ...

    def nearest(self, vector: Sequence[float]) -> tuple[Example, ...]:
        """The judged requests that are nearest to a vector, nearest first."""
        ...


class NothingLearned:
    """A user who has judged nothing."""

    head: Head | None = None

    def nearest(self, vector: Sequence[float]) -> tuple[Example, ...]:
        return ()


class DifficultyReader:
    """``encoder`` is the process of the built-in encoder, whose vectors the weights were made for. It is started by the
    first prompt whose meaning is asked for, and not at all while ``is_on`` is False."""

    def __init__(self, encoder: EncoderProcess, learned: Learned | None = None, *, is_on: bool = True) -> None:
        self._encoder = encoder
        self.is_on = is_on
        self.learned = learned or NothingLearned()
        self._vectors: Remembered = OrderedDict()
        self._meanings: Remembered = OrderedDict()

    async def read(self, request: ChatRequest) -> Difficulty:
        """The difficulty of the user's words, after ``TIMEOUT_S`` at the latest."""
        await self.vector(request.view.user_text)
        return self.known(request)

    def known(self, request: ChatRequest) -> Difficulty:
        """The same by what is known now. Calls nobody."""
        text = request.view.user_text
        vector = self._vectors.get(meant(text))
        found = difficulty(text, vector, self.learned.head)
        return replace(found, examples=self.learned.nearest(vector)) if vector else found

    async def vector(self, text: str) -> tuple[float, ...] | None:
        """What a text is about, by the encoder's first layers; None where the encoder is not there, or not in time."""
        return await self._asked("glance", text, self._vectors)

    async def meaning(self, text: str) -> tuple[float, ...] | None:
        """The same by the whole encoder, which takes three times as long: for whether two texts say the same."""
        return await self._asked("embed", text, self._meanings)

    async def _asked(self, operation: str, text: str, known: Remembered) -> tuple[float, ...] | None:
        part = meant(text)
        if part in known:
            known.move_to_end(part)
            return known[part]
        if not self.is_on or not part.strip():
            return None
        self._encoder.start()
        reply = await self._encoder.ask({"op": operation, "texts": [part]}, TIMEOUT_S)
        vectors = reply.get("vectors") if reply else None
        if not vectors:
            return None
        vector = known[part] = unpack(b64decode(vectors[0]))
        if len(known) > REMEMBERED:
            known.popitem(last=False)
        return vector


def meant(text: str) -> str:
    """The part of a text that stands for its meaning."""
    return both_ends(text, BEGINNING, END)
