"""A widget drawn with the Line API: strips in, and only the rows that changed are painted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from llmgw_tui.palettes import PaintedTheme
from llmgw_tui.theme import BAR_STYLE, GROUND_STYLE, MUTED

FADED_STYLE = Style(color=MUTED, bold=False)


class LinePane(Widget):
    """Shows lines. Updating one row costs 3 ms where a stock widget costs 13 to 30 (facts/tui.md)."""

    GROUND: ClassVar[Style] = GROUND_STYLE
    """What is under the text. Every segment needs a style, or NO_COLOR fails (facts/tui.md)."""

    FADES: ClassVar[bool] = True
    """Whether it is drawn in grey while the gateway does not answer; bars say so in words."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: tuple[Strip, ...] = ()
        self._faded = False
        self.rows_painted = 0
        """How many rows have been sent to be painted, for tests and measurements."""

    @property
    def strips(self) -> tuple[Strip, ...]:
        return self._strips

    def show(self, strips: tuple[Strip, ...]) -> None:
        """Shows ``strips`` from the top row on."""
        before = self._strips
        faded = self.FADES and bool(getattr(self.app, "faded", False))
        if len(before) != len(strips) or faded != self._faded:
            self._faded = faded
            self._strips = strips
            self.rows_painted += len(strips)
            self.refresh()
            return
        dirty = [y for y, (old, new) in enumerate(zip(before, strips, strict=True)) if old is not new and old != new]
        if not dirty:
            return
        self._strips = tuple(
            new if y in dirty else old for y, (old, new) in enumerate(zip(before, strips, strict=True))
        )
        self.rows_painted += len(dirty)
        self.refresh(*(Region(0, y, self.size.width, rows) for y, rows in _runs(dirty)))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        strip = self._strips[y] if y < len(self._strips) else Strip([])
        over = FADED_STYLE if self._faded else None
        return themed(strip.adjust_cell_length(width, self.GROUND), self.GROUND, self.app.current_theme, over)


def themed(strip: Strip, ground: Style, theme: Theme, over: Style | None = None) -> Strip:
    """``strip`` on ``ground``, in the theme's colours instead of the dark one's, which views are written in."""
    paint = theme.paint if isinstance(theme, PaintedTheme) else _as_it_is
    return Strip(
        [Segment(text, paint(ground + style + over if style else ground)) for text, style, _ in strip],
        strip.cell_length,
    )


def _as_it_is(style: Style) -> Style:
    return style


class LineBar(LinePane):
    """A line or two above or below the rest."""

    GROUND = BAR_STYLE
    FADES = False


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each run of neighbours."""
    start, length = rows[0], 1
    for row in rows[1:]:
        if row == start + length:
            length += 1
        else:
            yield start, length
            start, length = row, 1
    yield start, length
