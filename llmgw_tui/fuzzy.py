"""How well typed words name an action: its name comes first, then its parts, then letters of it, then what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from gateway_core.frozen import frozen

WHOLE, START, INSIDE, SCATTERED, EXPLAINED = 1.0, 0.9, 0.7, 0.5, 0.3
"""Of the name a whole word, the start of one, a part, some letters; of what the action does the start of a word."""
NAMED = 2.0
"""On top for a name that begins with all that was typed."""
LEAST_EXPLAINED = 3
"""Letters below which a word is looked for in names only: every explanation has a word with an *s*."""
T = TypeVar("T")
_WORD = re.compile(r"\w+")


@frozen
class Found:
    """``at`` are the characters of the name that were found. ``by_name`` is False for letters here and there, and for
    what only the explanation has."""

    score: float
    at: tuple[int, ...]
    by_name: bool


def found(typed: str, name: str, key: str, explained: str) -> Found | None:
    """How well ``typed`` names this: every word of it must be found. A key finds its own action first."""
    wanted, title = typed.casefold().split(), name.casefold()
    if not wanted:
        return None
    if typed.strip() == key:
        return Found(NAMED + WHOLE, (), True)
    hits = [_in_name(word, title) or _in_text(word, explained.casefold()) for word in wanted]
    if not all(hits):
        return None
    scores = [hit[0] for hit in hits if hit]
    at = sorted({place for hit in hits if hit for place in hit[1]})
    score = sum(scores) / len(scores) + (NAMED if title.startswith(" ".join(wanted)) else 0)
    return Found(score, tuple(at), min(scores) >= INSIDE)


def best(hits: Sequence[tuple[Found, T]]) -> list[tuple[Found, T]]:
    """The hits with what they are of, best first.

    Letters here and there count only where nothing is named so; what only the explanation has stands last.
    """
    named = any(hit.by_name for hit, _ in hits)
    kept = [one for one in hits if one[0].by_name or one[0].score < SCATTERED or not named]
    return sorted(kept, key=lambda one: -one[0].score)


def _in_name(word: str, title: str) -> tuple[float, range | list[int]] | None:
    starts = [match.start() for match in _WORD.finditer(title)]
    for at in starts:
        if title.startswith(word, at):
            whole = not title[at + len(word) : at + len(word) + 1].isalnum()
            return (WHOLE if whole else START), range(at, at + len(word))
    if len(word) > 1 and (at := title.find(word)) >= 0:
        return INSIDE, range(at, at + len(word))
    scattered = _scattered(word, title, frozenset(starts))
    return (SCATTERED, scattered) if scattered else None


def _in_text(word: str, text: str) -> tuple[float, range | list[int]] | None:
    if len(word) < LEAST_EXPLAINED:
        return None
    there = any(match.group().startswith(word) for match in _WORD.finditer(text))
    return (EXPLAINED, range(0)) if there else None


def _scattered(word: str, title: str, starts: frozenset[int]) -> list[int]:
    """Where the letters stand one after the other, each at the start of a word or in the word of the one before
    (*sbud* for *set budget*); empty where they do not."""

    def rest(letters: str, after: int) -> list[int] | None:
        if not letters:
            return []
        same_word = after >= 0
        for at in range(after + 1, len(title)):
            same_word = same_word and at not in starts
            if title[at] == letters[0] and (at in starts or same_word):
                further = rest(letters[1:], at)
                if further is not None:
                    return [at, *further]
        return None

    return (rest(word, -1) or []) if len(word) > 1 else []
