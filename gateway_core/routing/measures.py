"""What is measured of a prompt: its length, its numbers, its lines. What each is worth was learned from data.

One readable table. The weights stand in ``weights.json`` (:mod:`gateway_core.routing.shipped`). Of twenty-two measures
that were tried these eight carried over best to data that they had not been learned from; more made it worse.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

BEGINNING, END = 2_000, 1_000
"""Characters that are looked at, of a longer text: reading 8,000 took 8 ms and told nothing more (measured)."""
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LINE = re.compile(r"^[^\S\n]*\S", re.MULTILINE)
_QUESTION = re.compile(r"(?:^|(?<=[.?!\n]))[^.?!\n]+\?")
_GERMAN = re.compile(r"[äöüß]|\b(?:der|das|und|ist|nicht|eine?|ich|wie|wenn)\b", re.IGNORECASE)
LONG_WORD, LONG_GERMAN_WORD = 9, 12
"""Letters. German writes as one word what English writes as two."""


def both_ends(text: str, beginning: int, end: int) -> str:
    """A text as it is, or its first and last characters where it is longer than these together."""
    return text if len(text) <= beginning + end else f"{text[:beginning]}\n{text[-end:]}"


class Seen:
    """A prompt with what the measures and rules look at."""

    def __init__(self, text: str) -> None:
        self.characters = len(text)
        self.text = both_ends(text, BEGINNING, END)

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self.text)

    @cached_property
    def numbers(self) -> int:
        return len(_NUMBER.findall(self.text))

    @property
    def lines(self) -> int:
        return len(_LINE.findall(self.text))

    @property
    def questions(self) -> int:
        return self.text.count("?")

    @property
    def digits_share(self) -> float:
        return sum(map(str.isdigit, self.text)) / max(1, len(self.text))

    @property
    def long_words_share(self) -> float:
        least = LONG_GERMAN_WORD if _GERMAN.search(self.text) else LONG_WORD
        return sum(len(word) >= least for word in self.words) / max(1, len(self.words))

    @cached_property
    def longest_question(self) -> int:
        """Characters of the longest question."""
        if "?" not in self.text:
            return 0
        return max((len(one) for one in _QUESTION.findall(self.text)), default=0)


@dataclass(frozen=True, slots=True)
class Measure:
    """``of`` is the number that a weight was learned for, None where it says nothing of a prompt; ``told`` is what was
    seen, for people."""

    name: str
    of: Callable[[Seen], float | None]
    told: Callable[[Seen], str]


MEASURES = (
    Measure("length", lambda seen: math.log1p(seen.characters), lambda seen: _many(seen.characters, "character")),
    Measure("numbers", lambda seen: math.log1p(seen.numbers), lambda seen: _many(seen.numbers, "number")),
    Measure("share of digits", lambda seen: seen.digits_share, lambda seen: f"{seen.digits_share:.0%}"),
    Measure("lines", lambda seen: math.log1p(seen.lines), lambda seen: _many(seen.lines, "line")),
    Measure("long words", lambda seen: seen.long_words_share, lambda seen: f"{seen.long_words_share:.0%}"),
    Measure(
        "questions", lambda seen: min(3, seen.questions) or None, lambda seen: _many(seen.questions, "question mark")
    ),
    Measure(
        "length of the question",
        lambda seen: math.log(seen.longest_question) if seen.longest_question else None,
        lambda seen: _many(seen.longest_question, "character"),
    ),
    Measure(
        "commas",
        lambda seen: seen.text.count(",") / max(1, len(seen.text)),
        lambda seen: _many(seen.text.count(","), "comma"),
    ),
)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
