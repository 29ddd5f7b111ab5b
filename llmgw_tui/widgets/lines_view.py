"""A long text of strips that scrolls, for the detail and help screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmgw_tui.theme import GROUND_STYLE
from llmgw_tui.widgets.line_pane import themed


class LinesView(ScrollView, can_focus=True):
    """Shows what ``make(width)`` returns, made again when the width changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown,space", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    def __init__(self, make: Callable[[int], tuple[Strip, ...]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make = make
        self._lines: tuple[Strip, ...] = ()

    @property
    def lines(self) -> tuple[Strip, ...]:
        return self._lines

    def on_resize(self) -> None:
        self.remake()

    def remake(self) -> None:
        """Makes the lines again, for the width there is now."""
        width = self.scrollable_content_region.width
        if width < 1:
            return
        self._lines = self._make(width)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y + int(self.scroll_offset.y)
        strip = self._lines[row] if row < len(self._lines) else Strip([])
        return themed(strip.adjust_cell_length(width, GROUND_STYLE), GROUND_STYLE, self.app.current_theme)
