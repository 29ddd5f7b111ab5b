"""Whether an answer to one prompt may be served for another. Cosine cannot tell: the guards compare what is said.

Two prompts pass only if they are the same language, kind of question and negation, name the same facts, and say the
same words (up to endings, a short list of synonyms and a few fillers) in the same order; only whole phrases about a
fact ("from A", "on Monday") may change places. Opposites (add/remove, before/after, "A to B") differ because no table
makes them equal.
"""

from __future__ import annotations

from gateway_core.cache.guards.differences import Difference, conflict, differences
from gateway_core.cache.guards.harmless import without_harmless
from gateway_core.cache.guards.reading import Reading, read
from gateway_core.cache.guards.words import ENGLISH, GERMAN

__all__ = ["Difference", "Reading", "compare", "read", "why_not"]

_WORDS_FOR = {"kind": "question", "mark": "tense"}


def why_not(asked: Reading, stored: Reading) -> str:
    """Why the stored prompt's answer must not be served for the asked one, in a word; empty if it may.

    ``nothing``, ``language``, ``negation`` and ``facts`` are final, and so is ``literal``; ``question``, ``tense`` and
    ``words`` say in what they differ.
    """
    return compare(asked, stored)[0]


def compare(asked: Reading, stored: Reading) -> tuple[str, frozenset[Difference]]:
    """:func:`why_not`, and the differences that it is for; none where the reason is final."""
    if reason := conflict(asked, stored):
        return reason, frozenset()
    if asked.language not in (ENGLISH, GERMAN):
        is_same = (asked.kind, asked.marks, asked.phrases) == (stored.kind, stored.marks, stored.phrases)
        return "" if is_same else "literal", frozenset()
    left = without_harmless(differences(asked, stored), asked, stored)
    return min((_WORDS_FOR.get(name, "words") for name, *_ in left), default=""), left
