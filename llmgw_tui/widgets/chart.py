"""Bars drawn by plotext as plain text; the pane colours them.

``textual-plotext`` does not work with plotext 6, whose API is one ``figure``: this module is all that touches it.
plotext takes 0.25 s to import, so the app does that in a thread after the first screen; until then there is no chart.
"""

from __future__ import annotations

import sys
from functools import lru_cache


def load() -> None:
    """Imports plotext; to be called off the event loop."""
    import plotext  # type: ignore[import-untyped]  # noqa: F401


def loaded() -> bool:
    return "plotext._kernel.api" in sys.modules and hasattr(sys.modules["plotext"], "figure")


def bars(values: tuple[float, ...], labels: tuple[str, ...], width: int, height: int, marker: str) -> tuple[str, ...]:
    """A bar a value, in ``height`` lines of ``width`` cells, the scale in dollars on the left.

    Nothing to draw (no value above 0, or plotext not there yet) gives blank lines with a word.
    """
    if not any(value > 0 for value in values):
        return ("", "nothing spent yet today", *[""] * max(0, height - 2))[:height]
    if not loaded() or width < 12 or height < 3:
        return ("",) * height
    return _drawn(values, labels, width, height, marker)


@lru_cache(maxsize=8)
def _drawn(values: tuple[float, ...], labels: tuple[str, ...], width: int, height: int, marker: str) -> tuple[str, ...]:
    from plotext import figure

    positions = [index for index, value in enumerate(values) if value > 0]
    top = _round_up(max(values))
    figure.clear.all()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, height)
    figure.draw(figure.bar(positions, [values[index] for index in positions], marker=marker, width=0.8))
    figure.axes(False)
    every = 6 if width >= 30 else 12
    ticks = [index for index in range(len(labels)) if index % every == 0]
    figure.ruler(0, 0).lim(-0.5, len(values) - 0.5)
    figure.ruler(0, 0).ticks(ticks, [labels[index] for index in ticks])
    figure.ruler(1, 0).lim(0, top)
    marks = [0.0, top / 2, top] if height >= 6 else [0.0, top]
    figure.ruler(1, 0).ticks(marks, [f"${mark:.{_digits(top)}f} " for mark in marks])
    text: str = figure.build().string(colorless=True)
    return tuple(text.rstrip("\n").split("\n"))[:height]


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 1.0
    while power < value:
        power *= 10
    while power / 10 >= value:
        power /= 10
    return next(power * part for part in (0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0) if power * part >= value)


def _digits(top: float) -> int:
    if top >= 10:
        return 0
    if top >= 0.1:
        return 2
    return 3 if top >= 0.01 else 4
