"""The dashboard's panes: a view in a frame, drawn again when the snapshot moves."""

from __future__ import annotations

from typing import Protocol

from textual import events
from textual.message import Message
from textual.strip import Strip

from gateway_core.model import RequestRow, Snapshot
from llmgw_tui.filtering import matching
from llmgw_tui.panes.draw import Drawn, Look, frame, line, text_segment
from llmgw_tui.panes.requests import Table, head_lines, requests_view, selected_index
from llmgw_tui.theme import BAD_STYLE
from llmgw_tui.widgets.line_pane import LinePane


class View(Protocol):
    def __call__(self, snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn: ...


class Pane(LinePane, can_focus=True):
    """A view in a frame. ``explanation`` is what ``?`` says of it."""

    class Redraw(Message):
        """The pane changed by itself (a key, the mouse, its size) and wants to be drawn now."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, view: View, *, id: str, title: str, explanation: str) -> None:
        super().__init__(id=id)
        self._view = view
        self.title = title
        self.explanation = explanation

    def draw(self, snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
        return self._view(snapshot, look, width, height)

    def drawn(self, snapshot: Snapshot | None, look: Look) -> tuple[Strip, ...]:
        """The pane with its frame. A view that fails says so in its pane: it must not take the gateway with it."""
        width, height = self.size
        if width < 1 or height < 1:
            return ()
        try:
            drawn = self.draw(snapshot, look, width - 2, height - 2) if snapshot else Drawn(self.title, "", ())
        except Exception as error:
            self.log.error(error)
            words = text_segment(f" this pane cannot be drawn: {type(error).__name__}: {error}", BAD_STYLE)
            drawn = Drawn(self.title, "", (line(width - 2, words),))
        return frame(drawn, width, height, look)

    async def on_click(self, event: events.Click) -> None:
        """Twice on its title maximises, twice on what it shows opens what says more."""
        if event.chain == 2:
            await self.run_action("app.do('maximise')" if event.y == 0 else "app.do('detail')")

    def on_focus(self) -> None:
        self.post_message(self.Redraw(self))

    def on_blur(self) -> None:
        self.post_message(self.Redraw(self))

    def on_resize(self) -> None:
        self.post_message(self.Redraw(self))


class RequestsPane(Pane):
    """The requests table with a cursor. It follows the newest request until the cursor is moved."""

    def __init__(self, *, id: str, explanation: str) -> None:
        super().__init__(_unused, id=id, title="Requests", explanation=explanation)
        self.table = Table()
        self._snapshot: Snapshot | None = None

    def draw(self, snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
        self._snapshot = snapshot
        self.table = self._scrolled(height)
        return requests_view(snapshot, self.table, look, width, height)

    @property
    def selected(self) -> RequestRow | None:
        """The request under the cursor."""
        rows = self._rows
        return rows[selected_index(rows, self.table)] if rows else None

    def set_filter(self, text: str, *, typing: bool = False) -> None:
        """Filters by ``text``, as far as it can be understood."""
        now = self._snapshot.at if self._snapshot else 0.0
        self.table = Table(self.table.selected, 0, self.table.filter.retyped(text, now, typing=typing))
        self.post_message(self.Redraw(self))

    def move(self, by: int) -> None:
        """Moves the cursor; past the upper end it follows the newest again."""
        rows = self._rows
        if not rows:
            return
        index = selected_index(rows, self.table) + by
        self._select(max(0, min(len(rows) - 1, index)) if index >= 0 else None)

    def move_to(self, index: int | None) -> None:
        """Puts the cursor on a row, counted from the newest; None follows the newest, -1 is the oldest."""
        rows = self._rows
        if rows:
            self._select(index if index is None or index >= 0 else len(rows) - 1)

    def step(self, row: RequestRow, by: int, snapshot: Snapshot) -> RequestRow | None:
        """Puts the cursor ``by`` rows below ``row``, or where it was if it has left the table; None at the ends."""
        rows = matching(snapshot.requests, self.table.filter, snapshot.at)
        at = next((index for index, one in enumerate(rows) if one.id == row.id), None)
        if at is None:
            newer = sum(one.at >= row.at for one in rows)
            at = newer - 1 if by > 0 else newer
        if not 0 <= at + by < len(rows):
            return None
        self.table = Table(rows[at + by].id, self.table.first, self.table.filter)
        return rows[at + by]

    @property
    def page(self) -> int:
        return max(1, self.size.height - 3 - self._head)

    @property
    def _head(self) -> int:
        """Lines above the rows."""
        return len(head_lines(self.table, max(1, self.size.width - 2)))

    async def on_click(self, event: events.Click) -> None:
        """Chooses a row; Textual calls what the pane does with a click too."""
        row = event.y - 1 - self._head
        if 0 <= row < self.size.height - 2 - self._head and self.table.first + row < len(self._rows):
            self._select(self.table.first + row)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.move(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.move(-3)
        event.stop()

    @property
    def _rows(self) -> list[RequestRow]:
        if self._snapshot is None:
            return []
        return list(matching(self._snapshot.requests, self.table.filter, self._snapshot.at))

    def _select(self, index: int | None) -> None:
        rows = self._rows
        selected = rows[index].id if index is not None and index < len(rows) else None
        self.table = Table(selected, self.table.first, self.table.filter)
        self.post_message(self.Redraw(self))

    def _scrolled(self, height: int) -> Table:
        """The table with its first row moved so that the cursor is in sight."""
        if self.table.selected is None:
            return Table(None, 0, self.table.filter)
        rows, room = self._rows, max(1, height - self._head)
        if all(row.id != self.table.selected for row in rows):
            return Table(None, 0, self.table.filter)
        index = selected_index(rows, self.table)
        first = min(max(self.table.first, index - room + 1), index)
        return Table(self.table.selected, max(0, min(first, len(rows) - room)), self.table.filter)


def _unused(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    raise NotImplementedError
