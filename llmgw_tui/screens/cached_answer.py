"""The screen of one cached answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip

from gateway_core.model import CacheEntryDetail
from llmgw_tui.panes.cached_answer import cached_answer_lines
from llmgw_tui.panes.draw import line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.text import clean, message_text
from llmgw_tui.theme import FOCUS_TITLE_STYLE, MUTED_STYLE
from llmgw_tui.widgets.bars import FooterBar
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre


class CachedAnswerScreen(Screen[None]):
    """What an answer was given to, which other wordings got it, and its text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Back", show=False),
        Binding("b", "whole", "Whole answer", show=False),
    ]

    def __init__(self, detail: CacheEntryDetail) -> None:
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

    def on_resize(self) -> None:
        words = (
            text_segment(" Cached answer ", FOCUS_TITLE_STYLE),
            text_segment(self.detail.entry.id, MUTED_STYLE),
        )
        self.query_one("#title", LineBar).show((line(self.size.width, *words),))

    def action_whole(self) -> None:
        """Shows a big answer whole, or cut again."""
        self.whole = not self.whole
        self.query_one(LinesView).remake()
        self._hints()

    def copied_text(self) -> tuple[str, str]:
        """The answer's text."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else ("", "")

    def _hints(self) -> None:
        copy = self._centre.keys.shown("copy")
        self.query_one(FooterBar).update(
            (
                Hint("esc", "back", "back"),
                Hint("b", "cut the answer" if self.whole else "whole answer", "whole"),
                Hint(copy, "copy the answer", "copy"),
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
        return cached_answer_lines(self.detail, self._centre.look(), width, whole=self.whole)

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
