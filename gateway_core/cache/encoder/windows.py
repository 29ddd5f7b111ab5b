"""Texts longer than the encoder sees at once: cut into windows, whose vectors become one.

A model sees so many tokens (all-MiniLM-L6-v2 256) and drops the rest without a word. A longer text is cut at the ends
of words into windows of about equal size, and its vector is the mean of theirs, weighted by their tokens and made one
of length 1 again, as OpenAI's cookbook does it for long inputs (Embedding texts that are longer than the model's
maximum context length). A text that fits gets exactly the vector that the model gives it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gateway_core.frozen import frozen

WINDOW_TOKENS = 254
"""Of all-MiniLM-L6-v2: 256 less the two that it puts around a text."""
_WORD_TOKENS = 16
"""How far a cut moves back to the beginning of a word; text without spaces is cut where it is."""

Spans = Sequence[tuple[int, int]]
"""The first character of each token of a text, and the one after its last."""


@frozen
class Window:
    """A part of a text that the encoder sees whole."""

    text: str
    tokens: int


def cut(text: str, spans: Spans, most: int = WINDOW_TOKENS) -> list[Window]:
    """The windows, of ``most`` tokens, of a text whose tokens are at ``spans``; the text itself where it fits."""
    count = len(spans)
    if count <= most:
        return [Window(text, count)]
    windows = []
    start = 0
    while start < count:
        left = count - start
        end = _word_start(spans, start, start + math.ceil(left / math.ceil(left / most)))
        windows.append(Window(text[spans[start][0] : spans[end - 1][1]], end - start))
        start = end
    return windows


def _word_start(spans: Spans, start: int, end: int) -> int:
    """``end``, or a place shortly before it where a word begins."""
    if end >= len(spans):
        return end
    for place in range(end, max(start, end - _WORD_TOKENS), -1):
        if spans[place - 1][1] < spans[place][0]:
            return place
    return end


def mean(windows: Sequence[Window], vectors: Sequence[Sequence[float]]) -> list[float]:
    """The vector of a text from those of its windows."""
    if len(windows) == 1:
        return list(vectors[0])
    weights = [window.tokens for window in windows]
    summed = [
        math.fsum(weight * number for weight, number in zip(weights, column, strict=True))
        for column in zip(*vectors, strict=True)
    ]
    length = math.hypot(*summed) or 1.0
    return [number / length for number in summed]
