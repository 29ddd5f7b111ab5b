"""How much a figure may be: so many times another's of the same run, or so much by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.servers import LLMGW, PLAIN

Figures = Mapping[tuple[str, str], float]
"""Medians by row and by who was measured."""


@dataclass(frozen=True, slots=True)
class Limit:
    """``factor`` times the figure of ``of`` at most, or at least; ``factor`` itself where ``of`` is empty.

    ``known`` is what the other's figure was in terms of the plain proxy's, measured side by side in November 2026: used
    where the other is not in the run. ``row`` is where the other's figure is, this row's for none.
    """

    factor: float
    of: str = ""
    known: float | None = None
    row: str = ""
    at_least: bool = False

    @property
    def words(self) -> str:
        """As it stands in the table."""
        sign = ">=" if self.at_least else "<="
        if not self.of:
            return f"{sign} {self.factor:g}"
        if self.row:
            return f"{sign} {self.factor:g}x {self.row}" if self.factor != 1 else f"{sign} {self.row}"
        return f"{sign} {self.factor:g}x {self.of}"

    def bound(self, row: str, figures: Figures) -> float | None:
        """What the figure may be in this run; None where nothing is known of the other."""
        if not self.of:
            return self.factor
        other = figures.get((self.row or row, self.of))
        if other is not None:
            return self.factor * other
        plain = figures.get((row, PLAIN))
        return None if plain is None or self.known is None else self.factor * self.known * plain

    def passed(self, row: str, figures: Figures) -> str:
        """What is wrong with ``llmgw``'s figure, empty where it is within."""
        found, bound = figures.get((row, LLMGW)), self.bound(row, figures)
        if found is None or bound is None or (found >= bound if self.at_least else found <= bound):
            return ""
        instead = "" if not self.of or (self.row or row, self.of) in figures else ", as it was in November 2026"
        return f"{row}: {found:.3g}, must be {self.words} ({bound:.3g}{instead})"


def most(factor: float, of: str = "", known: float | None = None, row: str = "") -> Limit:
    return Limit(factor, of, known, row)


def least(factor: float, of: str = "", known: float | None = None) -> Limit:
    return Limit(factor, of, known, at_least=True)
