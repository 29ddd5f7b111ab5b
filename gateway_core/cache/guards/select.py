"""What becomes of a question's neighbours: which answer may be served, and which pair is worth a judge's time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway_core.cache.guards.compare import read, why_not

NEIGHBOURS = 5
LOWEST_COSINE = 0.88
LOWEST_GREY_COSINE = 0.80


class Kind(StrEnum):
    """What may be done with a neighbour's answer."""

    SERVE = "serve"
    GREY = "grey"
    """Never served. The same facts in other words: a judge may find that both ask the same."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why`` is a word: of a served answer what allows it, of any other what it failed."""

    kind: Kind
    why: str


class Guards:
    """The strict guards, and what judges have taught them."""

    def verdict(self, asked: str, stored: str, cosine: float) -> Verdict:
        """What may be done with the answer to ``stored`` for somebody who asked ``asked``."""
        why = why_not(read(asked), read(stored))
        if not why and cosine >= LOWEST_COSINE:
            return Verdict(Kind.SERVE, "words")
        grey = why == "words" and cosine >= LOWEST_GREY_COSINE
        return Verdict(Kind.GREY if grey else Kind.NO, why or "distance")

    def learn(self, asked: str, stored: str, same: bool) -> None:
        """Takes up what a judge said of a pair."""
