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


Limit = tuple[str, float]
"""A letter, and where its line is."""
FAR_ABOVE = 1.6
"""A limit more than this times as high as the highest bar would press the bars flat: it has no line."""


def bars(
    values: tuple[float, ...],
    labels: tuple[str, ...],
    width: int,
    height: int,
    marker: str,
    *,
    limits: tuple[Limit, ...] = (),
    across: str = "-",
    nothing: str = "nothing spent today",
) -> tuple[str, ...]:
    """A bar a value, in ``height`` lines of ``width`` cells, the scale in dollars on the left, limits as lines.

    Nothing to draw (no value above 0, or plotext not there yet) gives blank lines with a word. The same data are
    drawn once: the dashboard's takes 5 ms of CPU, one of 23 bars in 120 x 14 cells 12 to 15 (measured 2026-11-28).
    """
    if not any(value > 0 for value in values):
        return ("", nothing, *[""] * max(0, height - 2))[:height]
    if not loaded() or width < 12 or height < 3:
        return ("",) * height
    return _drawn(values, labels, width, height, marker, lines_in_sight(values, limits), across)


def lines_in_sight(values: tuple[float, ...], limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """The limits that a chart of ``values`` has a line for."""
    return tuple((letter, limit) for letter, limit in limits if 0 < limit <= FAR_ABOVE * max(values, default=0.0))


@lru_cache(maxsize=8)
def _drawn(
    values: tuple[float, ...],
    labels: tuple[str, ...],
    width: int,
    height: int,
    marker: str,
    limits: tuple[Limit, ...],
    across: str,
) -> tuple[str, ...]:
    from plotext import figure

    positions = [index for index, value in enumerate(values) if value > 0]
    top = _round_up(max([*values, *(limit for _, limit in limits)]))
    figure.clear.all()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, height)
    figure.draw(figure.bar(positions, [values[index] for index in positions], marker=marker, width=0.8))
    for _, limit in limits:
        places = [-0.5 + len(values) * cell / width for cell in range(width + 1)]
        figure.draw(figure.signal(places, [limit] * len(places), marker=across))
    figure.axes(False)
    ticks = range(0, len(labels), _every(labels, width))
    figure.ruler(0, 0).lim(-0.5, len(values) - 0.5)
    figure.ruler(0, 0).ticks(list(ticks), [labels[index] for index in ticks])
    figure.ruler(1, 0).lim(0, top)
    marks = _marks(top, height, limits)
    figure.ruler(1, 0).ticks(list(marks), list(marks.values()))
    text: str = figure.build().string(colorless=True)
    return tuple(text.rstrip("\n").split("\n"))[:height]


def _marks(top: float, height: int, limits: tuple[Limit, ...]) -> dict[float, str]:
    """What stands beside the scale: dollars, and a limit's letter instead of a figure that would be beside it."""
    marks = dict.fromkeys([0.0, top / 2, top] if height >= 6 else [0.0, top], "")
    for _, limit in limits:
        marks = {mark: word for mark, word in marks.items() if abs(mark - limit) * height > top}
    marks |= {limit: f"{letter} " for letter, limit in limits}
    return {mark: f"{word}${mark:.{_digits(top)}f} " for mark, word in sorted(marks.items())}


def _every(labels: tuple[str, ...], width: int) -> int:
    """So many bars share a label that the labels have room."""
    room = max(1, (width - 8) // (max(len(label) for label in labels) + 2))
    least = -(-len(labels) // room)
    return next((step for step in (1, 2, 3, 4, 6, 7, 12, 14, 24, 28, 60, 91) if step >= least), 182)


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
