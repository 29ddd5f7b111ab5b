"""The detail screen: one request in full."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from gateway_core.model import RequestDetail, RequestRow, Status
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.screens.one_thing import WHOLE, OneThingScreen
from llmgw_tui.screens.place import PlaceAction
from llmgw_tui.text import clean, message_text
from llmgw_tui.widgets.lines_view import LinesView


class DetailScreen(OneThingScreen):
    """Decision, timing, cost, messages and answer, scrollable. A running request is read again every second."""

    place: ClassVar[str] = "request"
    title_words = "Request"
    explanation = "One request in full: where it went and why, what it took and cost, what was asked and answered."
    actions: ClassVar[tuple[PlaceAction, ...]] = (WHOLE,)
    shared_hints = ("copy", "mark_wrong", "kill_switch", "help")
    read_every_s = 1.0

    def __init__(self, detail: RequestDetail) -> None:
        super().__init__()
        self.detail = detail

    def named(self) -> str:
        return self.detail.row.id

    @property
    def request(self) -> RequestRow | None:
        return self.detail.row

    def copied_text(self) -> tuple[str, str]:
        """The answer's text; while there is none, the request's id."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else (self.detail.row.id, "the request's id")

    async def read(self) -> None:
        if self.detail.row.status is not Status.RUNNING:
            return
        detail = await self.centre.source.detail(self.detail.row.id)
        if detail is not None and detail != self.detail:
            self.detail = detail
            self.query_one(LinesView).remake()

    def lines(self, width: int) -> tuple[Strip, ...]:
        return detail_lines(self.detail, self.centre.look(), width, whole=self.whole)
