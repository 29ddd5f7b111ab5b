"""A share of 0 to 100 % on a line: drawn by its screen, moved by the mouse."""

from __future__ import annotations

from textual import events
from textual.message import Message

from llmgw_tui.widgets.line_pane import LinePane


class Slider(LinePane):
    """``left`` and ``room`` say where on its first row the track is; the screen sets them as it draws."""

    class Moved(Message):
        """The mouse has put it on a share of 0 to 1."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left = 0
        self.room = 0
        self._held = False

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.y == 0 and self.left <= event.x < self.left + self.room:
            self._held = True
            self.capture_mouse()
            self._move(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._held:
            self._move(event.x)

    def on_mouse_up(self) -> None:
        if self._held:
            self._held = False
            self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Nudged(1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Nudged(-1))

    class Nudged(Message):
        """The wheel has turned by so many steps."""

        def __init__(self, steps: int) -> None:
            super().__init__()
            self.steps = steps

    def _move(self, x: int) -> None:
        place = min(max(x - self.left, 0), self.room - 1)
        self.post_message(self.Moved(place / max(1, self.room - 1)))
