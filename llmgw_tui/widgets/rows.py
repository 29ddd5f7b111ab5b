"""A list with a cursor: keys and mouse move it, and only the rows in sight are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from llmgw_tui.panes.columns import Listing
from llmgw_tui.widgets.line_pane import LinePane

FAR = 1 << 40
WHEEL_ROWS = 3


class Rows(LinePane, can_focus=True):
    """Shows a :class:`Listing`. The cursor is an index, and stays in range by itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", f"move(-{FAR})", show=False),
        Binding("end", f"move({FAR})", show=False),
    ]

    class Moved(Message):
        """The cursor was moved by a key or the mouse."""

        def __init__(self, rows: Rows, cursor: int) -> None:
            super().__init__()
            self.rows = rows
            self.cursor = cursor

        @property
        def control(self) -> Rows:
            return self.rows

    class Chosen(Message):
        """A row was double-clicked."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.first = 0
        """The first row in sight."""
        self._many = 0
        self._head = 0

    @property
    def room(self) -> int:
        """Rows that there is room for."""
        return max(1, self.size.height - self._head)

    def show_rows(self, listing: Listing) -> None:
        """Draws the rows in sight."""
        self._head, self._many = len(listing.head), listing.many
        self.cursor = max(0, min(self.cursor, listing.many - 1))
        self.first = max(0, min(self.first, self.cursor, listing.many - self.room))
        self.first = max(self.first, self.cursor - self.room + 1)
        self.show(listing.lines(self.cursor, self.first, self.size.height))

    def follow(self, before: Sequence[object], now: Sequence[object]) -> None:
        """Leaves the cursor on its row when others have come, by the rows' names; the first row stays the first."""
        if 0 < self.cursor < len(before) and before[self.cursor] in now:
            self.cursor = now.index(before[self.cursor])

    def action_move(self, by: int) -> None:
        self.cursor = max(0, min(self.cursor + by, self._many - 1))
        self.post_message(self.Moved(self, self.cursor))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.room - 1))

    def on_click(self, event: events.Click) -> None:
        index = self.first + event.y - self._head
        if event.y >= self._head and index < self._many:
            self.action_move(index - self.cursor)
            if event.chain > 1:
                self.post_message(self.Chosen(self))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-WHEEL_ROWS)
