"""The detail screen: one request in full."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from gateway_core.model import RequestDetail, Status
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.panes.footer import Hint
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.text import clean, message_text
from llmgw_tui.widgets.lines_view import LinesView

REFRESH_S = 1.0


class DetailScreen(OneThingScreen):
    """Decision, timing, cost, messages and answer, scrollable. A running request is read again every second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "whole", "Whole bodies", show=False, id="whole_bodies"),
    ]
    title_words = "Request"

    def __init__(self, detail: RequestDetail) -> None:
        super().__init__()
        self.detail = detail

    def on_mount(self) -> None:
        if self.detail.row.status is Status.RUNNING:
            self._timer = self.set_interval(REFRESH_S, self._read_again)

    def named(self) -> str:
        return self.detail.row.id

    def copied_text(self) -> tuple[str, str]:
        """The answer's text; while there is none, the request's id."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else (self.detail.row.id, "the request's id")

    async def _read_again(self) -> None:
        detail = await self.centre.source.detail(self.detail.row.id)
        if detail is None or detail == self.detail:
            return
        self.detail = detail
        self.query_one(LinesView).remake()
        if detail.row.status is not Status.RUNNING:
            self._timer.stop()

    def hints(self) -> tuple[Hint, ...]:
        shown = self.centre.keys.shown
        return (
            Hint("esc", "back", "back"),
            Hint("b", "cut bodies" if self.whole else "whole bodies", "whole"),
            Hint(shown("copy"), "copy the answer", "copy"),
            Hint(shown("mark_wrong"), "cached answer was wrong", "mark_wrong"),
            Hint(shown("kill_switch"), "kill", "kill_switch"),
            Hint(shown("help"), "help", "help"),
        )

    def lines(self, width: int) -> tuple[Strip, ...]:
        return detail_lines(self.detail, self.centre.look(), width, whole=self.whole)
