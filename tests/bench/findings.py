"""What is measured of ``llmgw`` alone: a name, a value, and what it may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``most`` is None where nothing is asked for; ``beside`` is a measure to compare it with, in words."""

    name: str
    value: float
    unit: str
    most: float | None = None
    beside: str = ""

    @property
    def passed(self) -> str:
        """What is wrong with it, empty where it is within."""
        if self.most is None or self.value <= self.most:
            return ""
        return f"{self.name}: {self.value:.3g} {self.unit}, must be <= {self.most:.3g}"
