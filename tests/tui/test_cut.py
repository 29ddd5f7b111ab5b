"""No words are lost at the edge of the terminal without an ellipsis, wherever a person is and however large it is."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from llmgw_tui.panes import draw
from tests.tui.everywhere import SITUATIONS, SIZES, shown
from tests.tui.looks import typed

ROOMY = (80, 24)
FOREIGN = ("nope:1b  failed:",)
"""Begins what may be cut in a terminal of usual size: sentences of others, which can be read whole elsewhere."""


class Cuts:
    """Spies on what is cut: ``silent`` without an ellipsis, ``told`` with one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.silent: list[str] = []
        self.told: list[str] = []
        cut_or_filled, shortened = Strip.adjust_cell_length, draw.shortened

        def adjusted(strip: Strip, cell_length: int, style: Style | None = None) -> Strip:
            after = cut_or_filled(strip, cell_length, style)
            if after.text.rstrip() != strip.text.rstrip() and cell_length > 0:
                self.silent.append(strip.text)
            return after

        def told(strip: Strip, width: int) -> Strip:
            after = shortened(strip, width)
            if after is not strip and width > 0:
                self.told.append(strip.text)
            return after

        monkeypatch.setattr(Strip, "adjust_cell_length", adjusted)
        monkeypatch.setattr(draw, "shortened", told)

    def forget(self) -> None:
        self.silent.clear()
        self.told.clear()


@pytest.mark.parametrize("name", SITUATIONS)
async def test_no_words_are_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(name) as (app, pilot):
        cuts = Cuts(monkeypatch)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await typed(pilot)
            cuts.forget()
            if place := app.place_in_sight:
                place.redraw()
            app.screen._compositor.render_strips()
            assert not cuts.silent, f"{size}: cut without an ellipsis"
            mine = [text for text in cuts.told if not any(foreign in text for foreign in FOREIGN)]
            assert size < ROOMY or not mine, f"{size}: there is room for words, so lay them out"


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("enough", 6, "enough"),
        ("enough  ", 6, "enough"),
        ("too long", 6, "too l…"),
        ("too long", 5, "too…"),
        ("日本語", 4, "日…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_what_does_not_fit_ends_in_an_ellipsis(text: str, width: int, cut: str) -> None:
    strip = draw.line(width, Segment(text, Style(bold=True)))
    assert strip.text.rstrip() == cut and strip.cell_length == width
