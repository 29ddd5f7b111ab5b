"""Differences between two prompts that change no answer.

English only, and few: each was looked at for what it could hide, and left out where it hid something. None holds where
a technology is named. To look for a thing is not to look in it, so prepositions vary only where things are asked for
("Bonn trains", "trains in Bonn"). "Class" and "course" are one thing to students and two to programmers, so they are
not here: what holds for one user only is learned (:mod:`gateway_core.cache.guards.lessons`).
"""

from __future__ import annotations

from gateway_core.cache.guards.differences import Difference
from gateway_core.cache.guards.reading import Reading
from gateway_core.cache.guards.words import ENGLISH

_FILLERS = "please being that are there"
_FILLERS_OF_THINGS = "available some any offered provided existing"
_SAME_WORDS = (
    "earliest first", "highest tallest", "least lowest", "easiest simplest", "transport transportation", "see view",
    "inhabitant people", "exam examination", "author writer", "film movie", "image picture", "buy purchase",
    "founded started", "teach teaching", "take taken", "available offered", "given offered", "~in ~of", "~during ~in",
)  # fmt: skip
_SAME_RELATIONS = "at,in for,in in,of at,for during,in in,over for,on in,on"
_MAY_BE_MISSING = "in for on at during over"
"""Prepositions that a fact may have or lack in a question for things."""

_FOR_THINGS = frozenset(("what", "give", "count", "where"))
"""Kinds of question that ask for things, not for what to do with them."""
_MEASURES = "population density number area amount share rate income budget percentage"
_EXTREMES = ("biggest highest", "biggest greatest", "greatest highest", "lowest smallest", "least smallest")
"""The largest population is the highest one; the largest mountain is not."""
_FACTS_THAT_PIN = 2
"""A question for one such thing and one for all of them have the same answer where this many facts are named."""

_ALWAYS: frozenset[Difference] = frozenset(
    [("drop", word) for word in _FILLERS.split()] + [("swap", *pair.split()) for pair in _SAME_WORDS]
)
_OF_THINGS: frozenset[Difference] = frozenset(
    [("order", "neighbours")]
    + [("relation", "", word) for word in _MAY_BE_MISSING.split()]
    + [("drop", word) for word in _FILLERS_OF_THINGS.split()]
    + [("relation", *pair.split(",")) for pair in _SAME_RELATIONS.split()]
)
_OF_MEASURES: frozenset[Difference] = frozenset(("swap", *pair.split()) for pair in _EXTREMES)
_ONE_OR_ALL: Difference = ("kind", "give", "what")
_FUTURE: Difference = ("mark", "future")


def without_harmless(found: frozenset[Difference], asked: Reading, stored: Reading) -> frozenset[Difference]:
    """Those of the differences between two prompts that may change the answer."""
    if asked.language != ENGLISH or asked.is_technical or stored.is_technical:
        return found
    left = found - _ALWAYS
    if {asked.kind, stored.kind} <= _FOR_THINGS:
        left -= _OF_THINGS
    if not _words(asked).isdisjoint(_MEASURES.split()):
        left -= _OF_MEASURES
    if _ONE_OR_ALL in left and len(asked.facts) >= _FACTS_THAT_PIN:
        left -= {_ONE_OR_ALL}
    if _FUTURE in left and "next" in _words(asked) & _words(stored):
        left -= {_FUTURE}
    return left


def _words(reading: Reading) -> set[str]:
    return {word for _, words in reading.phrases for word in words}
