"""The detail screen: one request in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip

from gateway_core.model import RequestDetail, Status
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.panes.draw import line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.text import clean, message_text
from llmgw_tui.theme import FOCUS_TITLE_STYLE, MUTED_STYLE
from llmgw_tui.widgets.bars import FooterBar
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre

REFRESH_S = 1.0


class DetailScreen(Screen[None]):
    """Decision, timing, cost, messages and answer, scrollable. A running request is read again every second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Back", show=False),
        Binding("b", "whole", "Whole bodies", show=False, id="whole_bodies"),
    ]

    def __init__(self, detail: RequestDetail) -> None:
        super().__init__()
        self.detail = detail
        self.whole = False

    def compose(self) -> ComposeResult:
        yield LineBar(id="title")
        yield LinesView(self._make, id="text")
        yield FooterBar(id="footer")

    def on_mount(self) -> None:
        self.query_one(LinesView).focus()
        self._hints()
        if self.detail.row.status is Status.RUNNING:
            self._timer = self.set_interval(REFRESH_S, self._read_again)

    def on_resize(self) -> None:
        width = self.size.width
        title = self.query_one("#title", LineBar)
        title.show(
            (line(width, text_segment(" Request ", FOCUS_TITLE_STYLE), text_segment(self.detail.row.id, MUTED_STYLE)),)
        )

    def action_whole(self) -> None:
        """Shows big bodies whole, or cut again."""
        self.whole = not self.whole
        self.query_one(LinesView).remake()
        self._hints()

    def copied_text(self) -> tuple[str, str]:
        """The answer's text; while there is none, the request's id."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else (self.detail.row.id, "the request's id")

    async def _read_again(self) -> None:
        detail = await self._centre.source.detail(self.detail.row.id)
        if detail is None or detail == self.detail:
            return
        self.detail = detail
        self.query_one(LinesView).remake()
        if detail.row.status is not Status.RUNNING:
            self._timer.stop()

    def _hints(self) -> None:
        shown = self._centre.keys.shown
        self.query_one(FooterBar).update(
            (
                Hint("esc", "back", "back"),
                Hint("b", "cut bodies" if self.whole else "whole bodies", "whole"),
                Hint(shown("copy"), "copy the answer", "copy"),
                Hint(shown("mark_wrong"), "cached answer was wrong", "mark_wrong"),
                Hint(shown("kill_switch"), "kill", "kill_switch"),
                Hint(shown("help"), "help", "help"),
            )
        )

    async def on_footer_bar_chosen(self, event: FooterBar.Chosen) -> None:
        event.stop()
        if event.action == "back":
            self.dismiss()
        elif event.action == "whole":
            self.action_whole()
        else:
            self._centre.action_do(event.action)

    def _make(self, width: int) -> tuple[Strip, ...]:
        return detail_lines(self.detail, self._centre.look(), width, whole=self.whole)

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
