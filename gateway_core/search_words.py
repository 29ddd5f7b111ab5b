"""Words as requests are searched for them: without case and accents, the same in memory and in the store.

Both sides of a search go through :func:`words_of`, so that SQLite's tokenizer finds nothing left to fold and no sign
that could be syntax.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

LONGEST_WORD = 40
"""Longer ones (keys, hashes, encoded data) are cut on both sides."""

_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese and Japanese are written without blanks: each character is a word, and words are phrases of them."""
_ASCII_WORDS = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
"""What each sign of ASCII is in its words: itself, small, or a blank."""
_BREAK = "\ue000"
"""A word of its own to SQLite, which no text has: no phrase goes over it."""


@cache
def _word() -> re.Pattern[str]:
    return re.compile(f"[{_ALONE}]|[^\\W_{_ALONE}]+")


def words_of(text: str) -> tuple[str, ...]:
    """The words of ``text`` in order: letters and digits only. ``GRÖßE`` and ``grosse`` are the same."""
    if text.isascii():
        words = text.translate(_ASCII_WORDS).split()
        longest = max(map(len, words), default=0)
        return tuple(words if longest <= LONGEST_WORD else [word[:LONGEST_WORD] for word in words])
    parted = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join([character for character in parted if not unicodedata.combining(character)])
    return tuple([word[:LONGEST_WORD] for word in _word().findall(plain)])


def joined(texts: Iterable[Sequence[str]]) -> str:
    """The words of several texts as they are kept: a blank before and behind each, and a break between two texts."""
    return _BREAK.join([f" {' '.join(words)} " for words in texts if words])


def pattern_of(words: Sequence[str], *, whole: bool) -> str:
    """What stands in :func:`joined` texts where one has these words in a row; the last may go on unless ``whole``."""
    return f" {' '.join(words)}{' ' if whole else ''}"
