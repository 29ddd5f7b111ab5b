"""A long text of strips that scrolls, for the detail and help screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmgw_tui.theme import CURSOR_STYLE, GROUND_STYLE
from llmgw_tui.widgets.line_pane import themed

FOUND_STYLE = Style(underline=True)


class LinesView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows what ``make(width)`` returns, made again when the width changes. Left and right are the screen's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown,space", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    def __init__(self, make: Callable[[int], Sequence[Strip]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make = make
        self._lines: Sequence[Strip] = ()
        self._marked: frozenset[int] = frozenset()
        self._current = -1

    @property
    def lines(self) -> Sequence[Strip]:
        return self._lines

    def on_resize(self) -> None:
        self.remake()

    def remake(self) -> None:
        """Makes the lines again, for the width there is now."""
        width = self.scrollable_content_region.width
        if width < 1:
            return
        self.show(self._make(width))

    def show(self, lines: Sequence[Strip]) -> None:
        """Shows lines that were made elsewhere, for the width there is now."""
        self._lines = lines
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines))
        self.refresh()

    def mark(self, rows: frozenset[int], current: int) -> None:
        """Underlines ``rows``, and shows ``current`` as under a cursor."""
        if (rows, current) != (self._marked, self._current):
            self._marked, self._current = rows, current
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y + int(self.scroll_offset.y)
        strip = self._lines[row] if row < len(self._lines) else Strip([])
        if row in self._marked or row == self._current:
            strip = strip.apply_style(FOUND_STYLE + CURSOR_STYLE if row == self._current else FOUND_STYLE)
        return themed(strip.adjust_cell_length(width, GROUND_STYLE), GROUND_STYLE, self.app.current_theme)
