"""What becomes of a question's neighbours: which answer may be served, and which pair is worth a judge's time."""

from __future__ import annotations

from enum import StrEnum

from gateway_core.cache.guards.compare import compare, read
from gateway_core.cache.guards.lessons import Lessons, may_be_learned
from gateway_core.frozen import frozen

NEIGHBOURS = 10
LOWEST_COSINE = 0.80
"""Below it nothing is served nor judged. Above it the guards decide: measured, a higher bar only costs hits."""
MOST_DIFFERENCES = 8
"""A judge is not asked about two questions that differ in more, or in what turns an answer round."""


class Kind(StrEnum):
    """What may be done with a neighbour's answer."""

    SERVE = "serve"
    GREY = "grey"
    """Not served as it is. The same facts in other words: a judge may find that both ask the same."""
    NO = "no"


@frozen
class Verdict:
    """``why`` is a word: of a served answer what allows it (``words``, ``learned``), of any other what it failed."""

    kind: Kind
    why: str


class Guards:
    """The strict guards, and what judges have taught them."""

    def __init__(self) -> None:
        self._lessons = Lessons()

    def verdict(self, asked: str, stored: str, cosine: float) -> Verdict:
        """What may be done with the answer to ``stored`` for somebody who asked ``asked``."""
        if cosine < LOWEST_COSINE:
            return Verdict(Kind.NO, "distance")
        why, left = compare(read(asked), read(stored))
        if not why:
            return Verdict(Kind.SERVE, "words")
        if not left:
            return Verdict(Kind.NO, why)
        if self._lessons.allow(left):
            return Verdict(Kind.SERVE, "learned")
        is_grey = len(left) <= MOST_DIFFERENCES and may_be_learned(left)
        return Verdict(Kind.GREY if is_grey else Kind.NO, why)

    def learn(self, asked: str, stored: str, same: bool) -> None:
        """Takes up what a judge said of a pair."""
        _, left = compare(read(asked), read(stored))
        self._lessons.learn(left, same)
