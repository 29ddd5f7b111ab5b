"""What the router has learned from its user: a correction of the rules, fitted from judged requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway_core.model import Difficulty, Feature
from gateway_core.routing import difficulty as rules

SHRUNK_UNTIL = 100.0
"""Labels by which the correction is shrunk to the rules."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One judged request."""

    text: str
    """The user's own words, peeled, at most 8,000 characters."""
    vector: tuple[float, ...] | None
    """Its embedding by the built-in encoder, None where there was none."""
    wanted: float
    """The cheapest tier that was good enough: 0 local, 0.5 cheap, 1 premium."""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Head:
    """What was learned from the user; ``bias`` is added to the rules' difficulty."""

    labels: int
    bias: float


def fit(lessons: Sequence[Lesson]) -> Head:
    """The head that these lessons make. Blocking and pure."""
    total = sum(lesson.weight for lesson in lessons)
    off = sum(lesson.weight * (lesson.wanted - rules.difficulty(lesson.text).score) for lesson in lessons)
    return Head(len(lessons), off / (total + SHRUNK_UNTIL))


def difficulty(text: str, vector: Sequence[float] | None = None, head: Head | None = None) -> Difficulty:
    """The difficulty of the user's own words as the rules and ``head`` see it."""
    found = rules.difficulty(text)
    if head is None:
        return found
    score = min(1.0, max(0.0, found.score + head.bias))
    learned = (Feature("learned from you", round(head.bias, 3)),) if head.bias else ()
    return replace(found, score=round(score, 3), features=(*found.features, *learned), labels=head.labels)
