"""Cutting long texts into windows loses nothing, and their vectors become one of length 1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.cache.encoder.windows import WINDOW_TOKENS, Window, cut, mean
from tests.cache.fakes import FakeEncoder


def windows(text: str) -> list[Window]:
    return cut(text, FakeEncoder().spans([text])[0])


@pytest.mark.parametrize("text", ["", "  ", "Hello.", "word " * WINDOW_TOKENS])
def test_a_text_that_fits_is_left_as_it_is(text: str) -> None:
    assert [window.text for window in windows(text)] == [text]


@given(st.lists(st.sampled_from(["plum", "is", "don't", "a.b.c", "日本", "x" * 40, "…"]), min_size=260, max_size=1200))
def test_windows_hold_every_token_once_and_are_no_larger_than_the_model_sees(words: list[str]) -> None:
    text = " ".join(words)
    (spans,) = FakeEncoder().spans([text])
    found = cut(text, spans)
    again = [text for window in found for text in _tokens(window.text)]
    assert again == _tokens(text)
    assert all(window.tokens == len(_tokens(window.text)) <= WINDOW_TOKENS for window in found)
    assert min(window.tokens for window in found) > WINDOW_TOKENS // 3


def test_a_cut_is_at_the_beginning_of_a_word() -> None:
    text = " ".join(["don't"] * 300)
    assert all(window.text.startswith("don't") and window.text.endswith("don't") for window in windows(text))


def test_text_without_spaces_is_cut_where_it_is() -> None:
    spans = [(place, place + 1) for place in range(600)]
    assert [window.tokens for window in cut("語" * 600, spans)] == [200, 200, 200]


def _tokens(text: str) -> list[str]:
    return [text[start:end] for start, end in FakeEncoder().spans([text])[0]]


def test_the_mean_is_weighted_by_tokens_and_of_length_1() -> None:
    assert mean([Window("a", 3)], [[0.6, 0.8]]) == [0.6, 0.8]
    found = mean([Window("a", 3), Window("b", 1)], [[1.0, 0.0], [0.0, 1.0]])
    assert found == pytest.approx([3 / math.sqrt(10), 1 / math.sqrt(10)])
    assert mean([Window("a", 1), Window("b", 1)], [[1.0, 0.0], [-1.0, 0.0]]) == [0.0, 0.0]
