"""Keeps the labels of ``/metrics`` few: callers may name any model, and each new value is another time series."""

from __future__ import annotations

OTHER = "other"
MOST_NAMES = 64
LONGEST_NAME = 120


class Names:
    """The first ``most`` values that are seen; all later ones are ``other``."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def of(self, *values: str) -> tuple[str, ...]:
        """The labels for ``values``, which count as one."""
        if (known := self._known.get(values)) is not None:
            return known
        if len(self._known) >= self._most:
            return (OTHER,) * len(values)
        self._known[values] = tuple(map(_clean, values))
        return self._known[values]


def _clean(value: str) -> str:
    return "".join(letter for letter in value if letter.isprintable())[:LONGEST_NAME]
