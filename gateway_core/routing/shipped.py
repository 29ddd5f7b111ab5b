"""The weights that llmgw is shipped with: ``weights.json``, made by ``make train-router`` from data given to it.

No text of that data is in them. They say what a prompt's measures and its meaning are worth, in points of difficulty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import mul
from pathlib import Path

from pydantic import TypeAdapter

from gateway_core.frozen import frozen

FILE = Path(__file__).with_name("weights.json")
MOST_DEVIATIONS = 2.0
"""A prompt that is farther from the middle counts as this far: what nobody has seen must not decide alone."""


@frozen
class Weight:
    """A measure of ``mean`` counts nothing, one standard deviation more ``points``."""

    mean: float
    deviation: float
    points: float


@frozen
class Trained:
    """A set of data that the weights were made from."""

    name: str
    rows: int


@frozen
class Shipped:
    """``vector`` are the points of a prompt's embedding by ``encoder`` (the hash of its weights), ``offset`` what all
    of them have in common."""

    measures: Mapping[str, Weight]
    vector: tuple[float, ...]
    offset: float
    encoder: str
    made_on: str
    made_from: tuple[Trained, ...]

    def of_measure(self, name: str, value: float | None) -> float:
        """Points of one measure; none where it says nothing."""
        if value is None:
            return 0.0
        weight = self.measures[name]
        deviations = (value - weight.mean) / weight.deviation
        if deviations > MOST_DEVIATIONS:
            deviations = MOST_DEVIATIONS
        elif deviations < -MOST_DEVIATIONS:
            deviations = -MOST_DEVIATIONS
        return weight.points * deviations

    def of_meaning(self, vector: Sequence[float]) -> float:
        """Points of an embedding."""
        return float(sum(map(mul, self.vector, vector))) + self.offset


@cache
def shipped() -> Shipped:
    """What is in :data:`FILE`."""
    return TypeAdapter(Shipped).validate_json(FILE.read_bytes())
