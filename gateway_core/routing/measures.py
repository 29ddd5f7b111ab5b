"""What is measured of a prompt: its length, its numbers, its lines. What each is worth was learned from data.

One readable table. The weights stand in ``weights.json`` (:mod:`gateway_core.routing.shipped`). Of twenty-two measures
that were tried these eight carried over best to data that they had not been learned from; more made it worse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log, log1p
from string import digits as DIGITS

BEGINNING, END = 2_000, 1_000
"""Characters that are looked at, of a longer text: reading 8,000 took 8 ms and told nothing more (measured)."""
MEASURES = (
    "length",
    "numbers",
    "share of digits",
    "lines",
    "long words",
    "questions",
    "length of the question",
    "commas",
)
"""Their names, in the order of :func:`measured`."""
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LINE = re.compile(r"^[^\S\n]*\S", re.MULTILINE)
_QUESTION = re.compile(r"(?:^|(?<=[.?!\n]))[^.?!\n]+\?")
_GERMAN = re.compile(r"[äöüß]|\b(?:der|das|und|ist|nicht|eine?|ich|wie|wenn)\b", re.IGNORECASE)
_GERMAN_WORDS = frozenset([b"der", b"das", b"und", b"ist", b"nicht", b"ein", b"eine", b"ich", b"wie", b"wenn"])
_SMALL_LETTERS = bytes([ord(chr(code).lower()) if chr(code).isalpha() else 32 for code in range(128)]).ljust(256)
_NO_DIGITS = bytes([code for code in range(256) if chr(code) not in DIGITS])
LONG_WORD, LONG_GERMAN_WORD = 9, 12
"""Letters. German writes as one word what English writes as two."""

Measured = tuple[float | None, str]
"""The number that a weight was learned for, None where it says nothing of a prompt; and what was seen, for people."""


def both_ends(text: str, beginning: int, end: int) -> str:
    """A text as it is, or its first and last characters where it is longer than these together."""
    return text if len(text) <= beginning + end else f"{text[:beginning]}\n{text[-end:]}"


def measured(text: str) -> list[Measured]:
    """What there is of each of the :data:`MEASURES`."""
    seen, length = both_ends(text, BEGINNING, END), len(text)
    size = len(seen) or 1
    numbers, digits = _numbers(seen)
    lines, questions, commas = len(_LINE.findall(seen)), seen.count("?"), seen.count(",")
    longest = max(map(len, _QUESTION.findall(seen)), default=0) if questions else 0
    digits_share, long_share = digits / size, long_words_share(seen)
    return [
        (log1p(length), _many(length, "character")),
        (log1p(numbers), _many(numbers, "number")),
        (digits_share, f"{digits_share:.0%}"),
        (log1p(lines), _many(lines, "line")),
        (long_share, f"{long_share:.0%}"),
        (min(3, questions) or None, _many(questions, "question mark")),
        (log(longest) if longest else None, _many(longest, "character")),
        (commas / size, _many(commas, "comma")),
    ]


def long_words_share(seen: str) -> float:
    """How many of the words are long, 0 to 1: of German ones longer ones."""
    words: Sequence[str | bytes]
    if seen.isascii():  # ten times as fast as the pattern
        words = seen.encode().translate(_SMALL_LETTERS).split()
        may_be_german = not _GERMAN_WORDS.isdisjoint(words)
    else:
        words, may_be_german = _WORD.findall(seen), True
    least = LONG_GERMAN_WORD if may_be_german and _GERMAN.search(seen) else LONG_WORD
    return sum(map(least.__le__, map(len, words))) / (len(words) or 1)


def _numbers(seen: str) -> tuple[int, int]:
    """How many numbers there are, and how many digits."""
    found = _NUMBER.findall(seen)
    if not seen.isascii():  # others than decimal ones are digits, too: ²
        return len(found), sum(map(str.isdigit, seen))
    return len(found), len(seen.encode().translate(None, _NO_DIGITS))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
