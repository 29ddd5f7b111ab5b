"""Whether the user asks for the same thing again, told by the words: English and German."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache

ALIKE_FROM = 0.8
"""Of cosine and of :func:`alikeness`: from here on the same is asked again (facts of routing, step 4)."""
NEAR_AT_A_GLANCE = 0.77
"""Of the cosine by the encoder's first layers: of 406 pairs whose cosine by the whole of it is .8 or more, .5 % are
below this; of pairs taken at random nine tenths are (the semantic cache's four sets of pairs)."""
EXAMINED_CHARACTERS = 2_000
_LONGEST_COMPLAINT = 120
_EXCHANGED = 0.25
"""What a word that stands in place of another takes away, as a share of the words that both have: one is enough to stay
below :data:`ALIKE_FROM`, however long the texts are. "And of Spain?" is no "And of France?"."""

_END = r"(?:,? (?:please|bitte))?(?=\W*$|\s*[,.:;!?–-])"


@cache
def _complaint() -> re.Pattern[str]:
    """What says that the answer was none, and little else. Only short texts are looked at."""
    return re.compile(
        r"^\W*(?:(?:no|nein|nope|sorry|hm+|please|bitte|but|aber)\b[\s,.!–-]*)*(?:"
        rf"(?:re-?try|re-?do(?: (?:it|that))?|regenerate|once more|again|one more time){_END}"
        r"|(?:try|do|answer|ask)(?: (?:it|that|this))? (?:once )?(?:again|once more|one more time)\b"
        rf"|(?:that|this|it|your answer)(?:'s|’s| is| was| looks| seems)(?: still)?"
        r"(?: (?:wrong|incorrect|false|broken)| not (?:right|correct|true|what i (?:asked|meant|wanted)))\b"
        r"|(?:that|this|it)(?: still)? (?:does|did)(?:n['’]?t| not) (?:work|help|answer)\b"
        rf"|(?:still )?(?:wrong|incorrect|not (?:right|correct)|not what i (?:asked|meant|wanted))(?: answer)?{_END}"
        rf"|(?:bitte )?(?:noch ?mal|noch einmal|nochmals|erneut){_END}"
        r"|(?:versuch\w*|probier\w*|mach\w*|antworte)(?: (?:es|das))?(?: bitte)?"
        r" (?:noch ?mal|noch einmal|nochmals|erneut)\b"
        r"|(?:das|es|die antwort|deine antwort) (?:ist|war|sieht|bleibt)"
        r"(?: (?:so|aber|doch|leider|immer noch|noch immer))*"
        r" (?:falsch|verkehrt|unsinn|nicht (?:richtig|korrekt|das,? was ich))\b"
        r"|(?:das )?stimmt(?: (?:so|aber|doch|leider|immer noch))* nicht\b"
        r"|(?:das|es) (?:geht|klappt|funktioniert)(?: (?:so|aber|leider|immer noch|noch immer))* nicht\b"
        rf"|(?:immer noch )?(?:falsch|verkehrt|nicht richtig){_END}"
        r")",
        re.IGNORECASE,
    )


_LITTLE = """
a an the of to in on at for and or is are was were be do does did can could would will you i me my we us it this that
there please just now still again once more so which who what how tell say
ein eine einen einem einer der die das den dem des zu zum zur im am auf für von und oder ist sind war wird werden
kannst könntest du ich mir mich mein meine wir uns es bitte mal noch immer nochmal jetzt einmal denn doch wie was welche
welcher welches wer sag sage
yes no ok okay sure continue go next thanks thank hi hello hey good morning evening bye
ja nein weiter mach passt gut danke hallo moin guten morgen tag abend tschüss
"""
_FILLERS = frozenset(_LITTLE.split())
"""Words that say little, or that only go on or take leave: "continue" twice is no question asked twice."""
_WORD = re.compile(r"\w+")


def is_complaint(text: str) -> bool:
    """Whether a text says that the last answer was no good, or to try again: "retry", "das ist falsch"."""
    return len(text) <= _LONGEST_COMPLAINT and _complaint().match(text) is not None


def alikeness(one: str, other: str) -> float:
    """How much two texts ask the same, 0–1, by their words: the share that both have, without those that say little.

    Words that were added or dropped ("in Python, please") take away a share each. A word that was exchanged for another
    asks for something else, and so do another order, other numbers, names or a "not": those stay below
    :data:`ALIKE_FROM`.
    """
    ours, theirs = _words(one), _words(other)
    ours_only, theirs_only = ours.keys() - theirs.keys(), theirs.keys() - ours.keys()
    shared = [word for word in ours if word in theirs]
    if not shared:
        return 0.0
    exchanged = min(len(ours_only), len(theirs_only))
    found = len(shared) / (len(shared) + len(ours_only) + len(theirs_only) + _EXCHANGED * len(shared) * exchanged)
    if shared != [word for word in theirs if word in ours]:
        return min(found, ALIKE_FROM - 0.01)
    if found >= ALIKE_FROM and (ours_only or theirs_only) and _differ(one, other):
        return ALIKE_FROM - 0.01
    return found


def nearness(
    one: str, other: str, vectors: tuple[Sequence[float] | None, Sequence[float] | None] = (None, None)
) -> float:
    """How much two texts ask the same, 0–1: by their meaning where both vectors are known, else by their words."""
    first, second = vectors
    if first is None or second is None or len(first) != len(second):
        return alikeness(one, other)
    found = min(1.0, max(alikeness(one, other), cosine(first, second)))
    return ALIKE_FROM - 0.01 if found >= ALIKE_FROM and _differ(one, other) else found


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two vectors of the same length; 0 where one has none."""
    lengths = math.sqrt(sum(x * x for x in one) * sum(y * y for y in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0


def _words(text: str) -> dict[str, None]:
    """The words that say something, each once, in their order."""
    found = _WORD.findall(text[:EXAMINED_CHARACTERS].casefold())
    return dict.fromkeys(word for word in found if word not in _FILLERS)


def _differ(one: str, other: str) -> bool:
    """Whether the two name other facts, as the semantic cache's guards see it, or one says not.

    The guards are imported here: their patterns cost a tenth of a start, and few texts are alike.
    """
    from gateway_core.cache.guards.differences import conflict
    from gateway_core.cache.guards.reading import read

    first, second = (read(text[:EXAMINED_CHARACTERS]) for text in (one, other))
    return conflict(first, second) in ("facts", "negation")
