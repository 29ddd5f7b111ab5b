"""Embeddings in the child process: many texts of many requests, a little at a time.

A step encodes at most ``STEP_TOKENS`` (some 80 ms of one core), taken in turn from all requests, so that neither a
look-up of the semantic cache nor a single text waits behind somebody's two thousand.
"""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gateway_core.cache.encoder.embedder import LARGEST_BATCH, TextEncoder, Vector
from gateway_core.cache.encoder.windows import Window, cut, mean
from gateway_core.wire.embeddings import pack

STEP_TOKENS = 256
MOST_TOKENS = 8_192
"""Of one text, as OpenAI's models take (API reference, 2026-11)."""

Message = dict[str, Any]


@dataclass(slots=True)
class _Text:
    windows: list[Window]
    vectors: list[Vector] = field(default_factory=list)


@dataclass(slots=True)
class _Job:
    """One message's texts; ``place`` is the one whose windows are encoded next."""

    id: Any
    texts: list[_Text]
    place: int = 0
    taken: int = 0
    """Windows of the text at ``place`` that are taken."""

    def next_window(self) -> Window | None:
        """The next window that nobody has taken; None when all are."""
        while self.place < len(self.texts):
            text = self.texts[self.place]
            if self.taken < len(text.windows):
                return text.windows[self.taken]
            self.place, self.taken = self.place + 1, 0
        return None


class EmbeddingJobs:
    """Messages ``embed`` with ``texts``; a reply has ``vectors`` in base64, ``tokens`` and ``windowed``."""

    def __init__(self, encoder: TextEncoder | None) -> None:
        """Without an encoder nobody asks: the built-in embeddings then have a child of their own."""
        self._encoder = encoder
        self._jobs: deque[_Job] = deque()

    @property
    def waiting(self) -> bool:
        return bool(self._jobs)

    def add(self, message: Message) -> Message | None:
        """Takes a message on, or says at once that one of its texts is too long, with numbers."""
        encoder = self._texts()
        spans = encoder.spans(message["texts"])
        for index, found in enumerate(spans):
            if len(found) > MOST_TOKENS:
                return {"id": message.get("id"), "too_long": index, "tokens": len(found)}
        most = encoder.window_tokens
        texts = [_Text(cut(text, found, most)) for text, found in zip(message["texts"], spans, strict=True)]
        self._jobs.append(_Job(message.get("id"), texts))
        return None

    def step(self) -> list[Message]:
        """Encodes a little; the replies of the messages that are done with it."""
        taken = self._take()
        vectors = self._texts().encode([window.text for _, window in taken])
        for (text, _), vector in zip(taken, vectors, strict=True):
            text.vectors.append(vector)
        replies, waiting = [], deque[_Job]()
        for job in self._jobs:
            if all(len(text.vectors) == len(text.windows) for text in job.texts):
                replies.append(_reply(job))
            else:
                waiting.append(job)
        self._jobs = waiting
        return replies

    def _texts(self) -> TextEncoder:
        assert self._encoder, "no embeddings were asked for"
        return self._encoder

    def _take(self) -> list[tuple[_Text, Window]]:
        """The windows of the next step, from each message in turn. The encoder pads them to the longest.

        The message that comes first in this step comes last in the next one, so that none is passed over for ever.
        """
        taken: list[tuple[_Text, Window]] = []
        first = self._jobs[0]
        longest = passed = 0
        while len(taken) < LARGEST_BATCH and passed < len(self._jobs):
            job = self._jobs[0]
            self._jobs.rotate(-1)
            window = job.next_window()
            wide = max(longest, window.tokens) if window else 0
            if window is None or (taken and wide * (len(taken) + 1) > STEP_TOKENS):
                passed += 1
                continue
            taken.append((job.texts[job.place], window))
            job.taken += 1
            longest, passed = wide, 0
        if self._jobs[0] is first:
            self._jobs.rotate(-1)
        return taken


def _reply(job: _Job) -> Message:
    vectors = [b64encode(pack(mean(text.windows, text.vectors))).decode() for text in job.texts]
    return {
        "id": job.id,
        "vectors": vectors,
        "tokens": sum(window.tokens for text in job.texts for window in text.windows),
        "windowed": sum(len(text.windows) > 1 for text in job.texts),
    }
