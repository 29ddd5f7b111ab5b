"""What holds for every encoder: no part of a long text is lost, and a text is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway_core.cache.encoder.embedder import Remembering, Windowed
from tests.cache.fakes import FakeEncoder


class SmallEncoder(FakeEncoder):
    """Sees four words and drops the rest."""

    window_tokens = 4

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        return super().encode([" ".join(text.split()[:4]) for text in texts])


def test_what_is_longer_than_the_encoder_sees_is_not_cut_off() -> None:
    small = SmallEncoder()
    whole = Windowed(small)
    long, other = "one two three four five six seven eight", "one two three four five six seven nine"
    assert small.encode([long]) == small.encode([other])
    (first, second, short) = whole.encode([long, other, "one two"])
    assert first != second
    assert short == FakeEncoder().encode(["one two"])[0]
    assert sum(number * number for number in first) == pytest.approx(1)
    assert (whole.dimensions, whole.fingerprint) == (small.dimensions, small.fingerprint)


def test_a_text_is_encoded_once() -> None:
    encoder = FakeEncoder()
    remembering = Remembering(encoder)
    first = remembering.encode(["plum", "pear", "plum"])
    assert remembering.encode(["pear", "plum"]) == [first[1], first[0]]
    assert encoder.batches == [["plum", "pear"]]
