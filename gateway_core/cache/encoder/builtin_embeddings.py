"""The embeddings that need nothing set up: all-MiniLM-L6-v2 in the child process that the semantic cache uses too."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Protocol

from gateway_core.cache.encoder.embedding_jobs import MOST_TOKENS
from gateway_core.cache.encoder.worker import Message
from gateway_core.model import Refusal, Refused
from gateway_core.wire import errors
from gateway_core.wire.embeddings import Embedded

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
READY_S = 120.0
"""It loads in 4 s (measured); a busy machine may take long, and a client rather waits than tries again."""
REPLY_S = 600.0
RETRY_AFTER_S = 5
_SLICE_TEXTS = 16
_SLICE_CHARACTERS = 16_000
_MOST_CHARACTERS = 16 * MOST_TOKENS
"""No text has tokens this long on average, so that a longer one need not be cut into tokens to be refused."""


class EncoderProcess(Protocol):
    """What is needed of a :class:`gateway_core.cache.encoder.worker.Worker`."""

    state: str
    detail: str

    def start(self) -> None: ...

    async def ready(self) -> bool: ...

    async def ask(self, message: Message, timeout_s: float) -> Message | None: ...


class BuiltinEmbeddings:
    """Embeds texts, a slice at a time. The process is started by the first request."""

    def __init__(self, encoder: EncoderProcess, ready_s: float = READY_S) -> None:
        self._encoder = encoder
        self._ready_s = ready_s

    async def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """A vector for each text. Raises :class:`Refused`."""
        if dimensions not in (None, DIMENSIONS):
            message = f"dimensions: {MODEL} has {DIMENSIONS}, and they cannot be changed: leave it out"
            raise Refused(errors.invalid_request(message, "dimensions"))
        for index, text in enumerate(texts):
            if len(text) > _MOST_CHARACTERS:
                raise Refused(_too_long(index, f"{len(text)} characters, more than {_MOST_CHARACTERS}"))
        await self._ready()
        vectors: list[bytes] = []
        tokens = windowed = 0
        for part in _slices(texts):
            reply = await self._encoder.ask({"op": "embed", "texts": part}, REPLY_S)
            if reply is None:
                raise Refused(_again("ended while it was at work"))
            if "too_long" in reply:
                told = f"{reply['tokens']} tokens, and {MODEL} takes {MOST_TOKENS} of one text"
                raise Refused(_too_long(len(vectors) + int(reply["too_long"]), told))
            vectors += map(b64decode, reply["vectors"])
            tokens += int(reply["tokens"])
            windowed += int(reply["windowed"])
        return Embedded(tuple(vectors), tokens, windowed)

    async def _ready(self) -> None:
        self._encoder.start()
        try:
            async with asyncio.timeout(self._ready_s):
                is_ready = await self._encoder.ready()
        except TimeoutError:
            raise Refused(_again("is still starting")) from None
        if not is_ready:
            raise Refused(
                errors.no_provider(
                    f"The built-in encoder cannot be used: {self._encoder.detail or 'llmgw is ending'}. Look at "
                    "`llmgw doctor` and start llmgw again, or use an embedding model of Ollama (ollama/NAME)."
                )
            )


def _slices(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    characters = 0
    for text in texts:
        if part and (len(part) == _SLICE_TEXTS or characters + len(text) > _SLICE_CHARACTERS):
            yield part
            part, characters = [], 0
        part.append(text)
        characters += len(text)
    yield part


def _too_long(index: int, what: str) -> Refusal:
    text = f"input[{index}] has {what}. Split it, or use a model with a longer context."
    return Refusal("context_length_exceeded", text, 400, param="input")


def _again(what: str) -> Refusal:
    text = f"The built-in encoder {what}. Try again in a moment."
    return Refusal("no_provider", text, 503, retry_after_s=RETRY_AFTER_S)
