"""Words of ASCII text, which are found another way, are those of any text."""

from __future__ import annotations

import pytest

from gateway_core.search_words import LONGEST_WORD, words_of

EVERY_SIGN = "".join(map(chr, range(128)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Request 0912: what's NEW?", ("request", "0912", "what", "s", "new")),
        ("snake_case\x00and\x7fmore", ("snake", "case", "and", "more")),
        (f"a {'Key4' * 30} b", ("a", ("key4" * 30)[:LONGEST_WORD], "b")),
        (EVERY_SIGN, ("0123456789", *["abcdefghijklmnopqrstuvwxyz"] * 2)),
        (" .\n", ()),
        ("", ()),
    ],
)
def test_words_are_letters_and_digits_and_long_ones_are_cut(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words
    assert words_of(f"{text} é") == (*words, "e")
