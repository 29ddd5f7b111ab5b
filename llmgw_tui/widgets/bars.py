"""The header and the footer."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from gateway_core.model import Snapshot
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.footer import Hint, action_at, footer_view
from llmgw_tui.panes.header import Link, header_view
from llmgw_tui.widgets.line_pane import LineBar


class HeaderBar(LineBar):
    """State, address, forced tier and today's spend."""

    def update(self, snapshot: Snapshot | None, link: Link, look: Look) -> None:
        self.show(header_view(snapshot, link, look, *self.size))


class FooterBar(LineBar):
    """The keys. A click on one does what the key does."""

    class Chosen(Message):
        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.hints: Sequence[Hint] = ()

    def update(self, hints: Sequence[Hint]) -> None:
        self.hints = hints
        self.show((footer_view(hints, self.size.width),))

    def on_resize(self) -> None:
        self.update(self.hints)

    def on_click(self, event: events.Click) -> None:
        if action := action_at(self.hints, self.size.width, event.x):
            self.post_message(self.Chosen(action))
