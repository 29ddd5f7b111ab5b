"""What an encoder is to those who use it, and what is the same for all: texts of any length, texts seen before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from gateway_core.cache.encoder.windows import Spans, cut, mean

LARGEST_BATCH = 16
REMEMBERED = 512

Vector = list[float]


class EncoderError(RuntimeError):
    """The encoder cannot be used; the message says why.

    ``is_passing`` says that it may be used later without a restart: a server that is not running yet.
    """

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class Encoder(Protocol):
    """Makes unit vectors."""

    dimensions: int

    @property
    def fingerprint(self) -> str:
        """Tells encoders apart: vectors of one are never compared with those of another."""
        ...

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of length 1 for each text."""
        ...


class TextEncoder(Encoder, Protocol):
    """An encoder that also tells where the tokens of a text are. It cuts off what is longer than its window."""

    window_tokens: int

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        """For each text the places of its tokens, without those that the model puts around it."""
        ...


class Windowed:
    """An encoder of texts of any length: what is longer than the encoder's window is encoded part by part."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self.dimensions = encoder.dimensions
        self.fingerprint = encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        most = self._encoder.window_tokens
        cuts = [cut(text, spans, most) for text, spans in zip(texts, self._encoder.spans(texts), strict=True)]
        vectors = iter(self._encoder.encode([window.text for windows in cuts for window in windows]))
        return [mean(windows, [next(vectors) for _ in windows]) for windows in cuts]


class Remembering:
    """An encoder that knows the texts of the last while: what was just looked up is about to be stored."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self.dimensions = encoder.dimensions
        self.fingerprint = encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(new), LARGEST_BATCH):
            batch = new[start : start + LARGEST_BATCH]
            self._known.update(zip(batch, self._encoder.encode(batch), strict=True))
        vectors = [self._known[text] for text in texts]
        for text in texts:
            self._known.move_to_end(text)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return vectors
