"""How the models screen divides a terminal between the list, the pulls and the model under the cursor."""

from __future__ import annotations

from gateway_core.frozen import frozen

BESIDE_FROM = 150
"""From this width on, pulls and model stand beside the list."""
BESIDE_CELLS = 72
LEGEND_FROM = 30
AROUND = 5
"""Rows of the header, the title, the summary (2) and the footer."""
LEAST_LIST, LEAST_ABOUT, LEAST_FOR_PULLS = 5, 4, 8


@frozen
class Parts:
    """Heights in rows; 0 is not shown. ``beside`` has pulls and model on the right, the full height. ``list_rows`` 0
    gives the list all there is."""

    beside: bool
    list_rows: int
    pulls: int
    about: int
    legend: bool


def arranged(width: int, height: int, models: int, pulls: int, about: int) -> Parts:
    """For a terminal of this size; ``models``, ``pulls`` and ``about`` are the lines that each could fill."""
    legend = height >= LEGEND_FROM
    room = max(0, height - AROUND - legend)
    if width >= BESIDE_FROM:
        shown = min(pulls, max(room - about, room // 2))
        return Parts(True, 0, shown, room - shown if about else 0, legend)
    shown = min(pulls, max(3, room - LEAST_LIST - about, room // 3)) if room >= LEAST_FOR_PULLS else 0
    left = room - shown
    most = min(about, left - min(models + 1, max(LEAST_LIST, left // 2)))
    below = most if most >= LEAST_ABOUT else 0
    listed = min(models + 2, left - below) if shown or below else 0
    return Parts(False, listed, shown, below, legend)
