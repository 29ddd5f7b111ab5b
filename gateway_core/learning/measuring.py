"""Whether a head is better than another: on labels that neither has learned from, and past what chance can do."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gateway_core.cache.review.interval import limits
from gateway_core.frozen import frozen
from gateway_core.kinds import Tier
from gateway_core.learning_values import FEWEST_HELD_OUT, VALUES, Figures, Trial
from gateway_core.model import Difficulty
from gateway_core.routing.difficulty import difficulty, with_head
from gateway_core.routing.fitting import fit
from gateway_core.routing.head import Head, Lesson
from gateway_core.routing.landscape import Bands

BANDS = Bands()
"""As shipped, whatever they are set to: figures of before a change of them stay comparable."""
HALF_A_TIER = 0.25
ONE_SIDED = 1.645
"""Standard errors that a mean exceeds by chance in one of twenty cases."""


@frozen
class Fitted:
    """A new head, and how it did."""

    head: Head
    trial: Trial
    taken: bool
    verdict: str


def learn(lessons: Sequence[Lesson], held_out: Sequence[Lesson], before: Head | None) -> Fitted:
    """Fits a head from ``lessons`` and holds it against the one in force and the rules. Blocking, and pure."""
    head = fit(lessons)
    plain = [difficulty(lesson.text, lesson.vector) for lesson in held_out]
    heads = (("new", head), ("before", before), ("rules", None))
    scores = {name: _scores(plain, held_out, one) for name, one in heads}
    trial = Trial(**{name: figures(found, held_out) for name, found in scores.items()})
    if len(held_out) < FEWEST_HELD_OUT:
        return Fitted(head, trial, True, f"too few to tell: {len(held_out)} of {FEWEST_HELD_OUT} held-out labels")
    for name, told in (("before", "what was in force"), ("rules", "the rules alone")):
        if is_worse(_errors(scores["new"], held_out), _errors(scores[name], held_out)):
            return Fitted(head, trial, False, f"worse than {told}, by more than chance")
    better = is_worse(_errors(scores["before"], held_out), _errors(scores["new"], held_out))
    return Fitted(head, trial, True, "better than before" if better else "no worse than before, as far as chance tells")


def figures(scores: Sequence[float], held_out: Sequence[Lesson]) -> Figures:
    """How near ``scores`` come."""
    if not held_out:
        return Figures()
    right = sum(_is_right(score, lesson.wanted) for score, lesson in zip(scores, held_out, strict=True))
    errors = _errors(scores, held_out)
    return Figures(len(held_out), round(sum(errors) / len(errors), 4), right, *limits(right, len(held_out)))


def is_worse(errors: Sequence[float], others: Sequence[float]) -> bool:
    """Whether the first errors, each of the same label as the second, are larger by more than chance explains."""
    differences = [one - other for one, other in zip(errors, others, strict=True)]
    many = len(differences)
    mean = sum(differences) / many
    spread = math.sqrt(sum((one - mean) ** 2 for one in differences) / (many - 1) / many) if many > 1 else 0.0
    return mean > ONE_SIDED * spread + 1e-9


def tier_at(score: float) -> Tier:
    """The tier that a difficulty asks for; what is unclear counts as the one in the middle."""
    if BANDS.unclear(score):
        return Tier.CHEAP
    return Tier.LOCAL if score < BANDS.easy_below else Tier.PREMIUM


def _is_right(score: float, wanted: float) -> bool:
    """A label between two tiers says that either may be right."""
    return abs(VALUES[tier_at(score)] - wanted) <= HALF_A_TIER


def _scores(plain: Sequence[Difficulty], held_out: Sequence[Lesson], head: Head | None) -> list[float]:
    """The scores of ``held_out`` by a head; ``plain`` is what is known of them without one, looked at once for all."""
    return [with_head(one, lesson.vector, head).score for one, lesson in zip(plain, held_out, strict=True)]


def _errors(scores: Sequence[float], held_out: Sequence[Lesson]) -> list[float]:
    return [abs(score - lesson.wanted) for score, lesson in zip(scores, held_out, strict=True)]
