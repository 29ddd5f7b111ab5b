"""What judged pairs teach: differences that, to this user's questions, make none.

A judge's approval of a pair speaks for the one difference that it was not sure of, or a little for each of several; a
rejection speaks against it. A difference is trusted after enough of the one and (nearly) none of the other, and
then only one at a time. What turns an answer round by its nature can never be learned: quantities, opposites, order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Set

from gateway_core.cache.guards.compare import Difference
from gateway_core.cache.guards.words import NEGATIONS, TURNING

ENOUGH = 4.0
"""Approvals that a difference needs. Measured on development data (text2sql, a judge that knows the labels): of
1, 2, 4 and 10 the first where learned answers add less error than they are worth."""
ENOUGH_OF_OPPOSITES = 12.0
"""The same for two words that both turn answers round, such as ``cheapest`` and ``lowest``."""
TOLERATED = 0.04
"""Rejections for each approval that a trusted difference may have: judges err, and questions are ambiguous."""

_KINDS = frozenset(("what", "give", "where", "whether", "explain", "wish", "definition", "able", ""))
"""Kinds of question that can come to the same. How, why, who, when and how many never do."""
_MARKS = frozenset(("future", "would", "could"))


class Lessons:
    """Differences and what was said of them. In memory: whoever has it taught again after a start."""

    def __init__(self) -> None:
        self._for: defaultdict[Difference, float] = defaultdict(float)
        self._against: Counter[Difference] = Counter()

    def learn(self, left: Set[Difference], same: bool) -> None:
        """Takes up what a judge said of a pair with these differences."""
        unsure = [one for one in left if not self.trusts(one)]
        if same:
            for one in left:
                self._for[one] += 1.0 if len(unsure) <= 1 else 1.0 / len(unsure)
        elif len(unsure) <= 1:
            self._against.update(unsure or left)

    def trusts(self, difference: Difference) -> bool:
        """Whether prompts that differ in this alone get each other's answers."""
        needed, said = _needed(difference), self._for.get(difference, 0.0)
        return needed is not None and said >= needed and self._against[difference] <= TOLERATED * said

    def allow(self, left: Set[Difference]) -> bool:
        """Whether prompts with these differences get each other's answers."""
        return len(left) == 1 and all(self.trusts(one) for one in left)


def may_be_learned(left: Set[Difference]) -> bool:
    """Whether a judge's word on a pair with these differences could ever let others pass."""
    return all(_needed(one) is not None for one in left)


def _needed(difference: Difference) -> float | None:
    """Approvals that a difference needs; None where it can never be learned."""
    match difference:
        case ("kind", *kinds):
            return ENOUGH if _KINDS.issuperset(kinds) else None
        case ("mark", mark):
            return ENOUGH if mark in _MARKS else None
        case ("facts order",):
            return None
        case ("drop" | "swap", *words):
            turning = [_turns(word) for word in words]
            if not any(turning):
                return ENOUGH
            return ENOUGH_OF_OPPOSITES if len(words) > 1 and all(turning) else None
    return ENOUGH


def _turns(word: str) -> bool:
    """``~`` marks a preposition; superlatives turn answers round."""
    return word.lstrip("~") in TURNING | NEGATIONS or (word.endswith("est") and len(word) > 4)
