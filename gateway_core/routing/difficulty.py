"""How hard a prompt is: rules for its words, learned weights for its structure and its meaning, the user's own labels.

The score is 0 (a greeting) to 1 (design, proof, many constraints). What nothing is known of scores between the bands,
so that the configured default tier takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from gateway_core.model import Difficulty, Feature
from gateway_core.routing.head import Head
from gateway_core.routing.measures import MEASURES, measured
from gateway_core.routing.rules import found_in
from gateway_core.routing.shipped import Shipped, shipped

BASE = 0.45
_REMEMBERED = 2_000
"""Characters of the longest text whose difficulty is remembered."""
LIMITED = "kept from 0 to 1"
"""Name of what is added where the others add up to less than nothing, or to more than all."""


def difficulty(
    text: str, vector: Sequence[float] | None = None, head: Head | None = None, weights: Shipped | None = None
) -> Difficulty:
    """The difficulty of the user's own words; an empty text is a plain 'go on'.

    ``vector`` is their embedding by the built-in encoder, None where there is none; ``head`` what the user taught;
    ``weights`` others than those that are shipped.
    """
    features = seen_in(text, vector, weights or shipped())
    return with_head(_difficulty(features, 0, embedded=vector is not None), vector, head)


def with_head(plain: Difficulty, vector: Sequence[float] | None, head: Head | None) -> Difficulty:
    """A difficulty that was read without labels, with what the user taught."""
    if head is None:
        return plain
    features = [feature for feature in plain.features if feature.name != LIMITED]
    if learned := head.points(vector):
        features.append(Feature("your labels", round(learned, 3), f"{head.labels} labels"))
    return _difficulty(features, head.labels, embedded=plain.embedded)


def seen_in(text: str, vector: Sequence[float] | None, weights: Shipped) -> list[Feature]:
    """What is known of a prompt without its user's labels."""
    remembered = weights is shipped() and len(text) <= _REMEMBERED
    features = [*_by_shipped(text)] if remembered else _by_words(text, weights)
    if vector is not None:
        features.append(Feature("meaning", round(weights.of_meaning(vector), 3)))
    return features


@lru_cache(maxsize=64)
def _by_shipped(text: str) -> tuple[Feature, ...]:
    """The same words come with each step of an agent's tool loop."""
    return tuple(_by_words(text, shipped()))


def _by_words(text: str, weights: Shipped) -> list[Feature]:
    features = [Feature(rule.name, rule.weight) for rule in found_in(text)]
    features += [
        Feature(name, round(weights.of_measure(name, value), 3), told)
        for name, (value, told) in zip(MEASURES, measured(text), strict=True)
        if value is not None
    ]
    return features


def _difficulty(features: list[Feature], labels: int, *, embedded: bool) -> Difficulty:
    lightness = [-abs(feature.points) for feature in features]
    ordered = tuple([features[at] for at in sorted(range(len(features)), key=lightness.__getitem__)])
    raw = round(unlimited(features), 3)
    score = min(1.0, max(0.0, raw))
    if score != raw:
        ordered += (Feature(LIMITED, round(score - raw, 3)),)
    return Difficulty(score, ordered, labels=labels, embedded=embedded)


def unlimited(features: Sequence[Feature]) -> float:
    """What the features add up to, :data:`LIMITED` apart."""
    return BASE + sum([feature.points for feature in features if feature.name != LIMITED])
