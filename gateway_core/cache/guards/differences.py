"""In what two prompts differ that name the same facts: a set of small differences, each of which can be weighed.

Facts, language and negation are no differences but a reason to stop: no table and no judge makes up for them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import zip_longest

from gateway_core.cache.guards.reading import Reading

Difference = tuple[str, ...]
"""``("kind", a, b)``, ``("mark", m)``, ``("relation", a, b)`` of a fact, ``("swap", a, b)`` of one word for another,
``("drop", w)`` of a word that only one of the two has, ``("order",)`` of words or, where two words beside each other
have changed places, ``("order", "neighbours")``, ``("facts order",)``. Pairs are in alphabetical order. A word with a
``~`` before it is a preposition that governs words, not a fact."""


def conflict(asked: Reading, stored: Reading) -> str:
    """What the two must share and do not, in a word; empty if they share it all."""
    if not any(words for _, words in asked.phrases):
        return "nothing"
    if asked.language != stored.language:
        return "language"
    if asked.negations != stored.negations:
        return "negation"
    return "facts" if sorted(asked.facts) != sorted(stored.facts) else ""


def differences(asked: Reading, stored: Reading) -> frozenset[Difference]:
    """The differences between two prompts without a :func:`conflict`."""
    found: set[Difference] = set()
    if asked.kind != stored.kind:
        found.add(_pair("kind", asked.kind, stored.kind))
    found |= {("mark", mark) for mark in asked.marks ^ stored.marks}
    roles = any(one.has_do or one.is_technical for one in (asked, stored))
    ours, theirs = _Parts(asked, roles), _Parts(stored, roles)
    found |= {
        _pair("relation", one, other)
        for fact in ours.relations
        for one, other in zip_longest(ours.relations[fact], theirs.relations[fact], fillvalue="?")
        if one != other
    }
    more, less = (ours.words - theirs.words).elements(), (theirs.words - ours.words).elements()
    found |= _of_words(list(more), list(less))
    if (one := _common(ours.order, theirs.order)) != (other := _common(theirs.order, ours.order)):
        found.add(("order", "neighbours") if _neighbours_swapped(one, other) else ("order",))
    if asked.facts != stored.facts and not _may_change_places(ours, theirs):
        found.add(("facts order",))
    return frozenset(found)


class _Parts:
    """A reading as its facts with their relations, its other words, and these in their order.

    With ``roles`` the order is also that of facts without a preposition: who does what to whom. Numbers always have
    their place.
    """

    def __init__(self, reading: Reading, roles: bool) -> None:
        facts = set(reading.facts)
        relations: defaultdict[str, list[str]] = defaultdict(list)
        self.words: Counter[str] = Counter()
        self.order: list[str] = []
        for relation, words in reading.phrases:
            if relation and not (words and words[0] in facts):
                self.words[f"~{relation}"] += 1
                self.order.append(f"~{relation}")
            governs = relation
            for word in words:
                if word in facts:
                    relations[word].append(governs)
                    if (roles or word[0].isdigit()) and not governs:
                        self.order.append(word)
                else:
                    self.words[word] += 1
                    self.order.append(word)
                governs = ""
        self.relations = {fact: sorted(places) for fact, places in relations.items()}


def _may_change_places(ours: _Parts, theirs: _Parts) -> bool:
    """Whether each fact has a preposition of its own, the same in both: ``from A to B on Monday``."""
    flat = [relation for places in ours.relations.values() for relation in places]
    return ours.relations == theirs.relations and all(flat) and len(set(flat)) == len(flat)


def _of_words(more: list[str], less: list[str]) -> set[Difference]:
    if len(more) == 1 and len(less) == 1:
        return {_pair("swap", more[0], less[0])}
    return {("drop", word) for word in (*more, *less)}


def _common(words: Iterable[str], others: Iterable[str]) -> list[str]:
    shared = set(others)
    return [word for word in words if word in shared]


def _neighbours_swapped(one: list[str], other: list[str]) -> bool:
    """``offered courses``, ``courses offered``: two words beside each other, with no preposition between them."""
    if len(one) != len(other):
        return False
    apart = [place for place in range(len(one)) if one[place] != other[place]]
    return len(apart) == 2 and apart[1] == apart[0] + 1 and one[apart[0]] == other[apart[1]]


def _pair(name: str, one: str, other: str) -> Difference:
    return (name, *sorted((one, other)))
