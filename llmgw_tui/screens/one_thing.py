"""What the screens of one request and of one cached answer share: title, scrollable lines, bodies cut or whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip

from llmgw_tui.panes.draw import line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.theme import FOCUS_TITLE_STYLE, MUTED_STYLE
from llmgw_tui.widgets.bars import FooterBar
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre


class OneThingScreen(Screen[None]):
    """Of one thing. A screen says its ``title_words``, and what :meth:`named`, ``lines`` and ``hints`` are."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back", show=False)]
    title_words: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.whole = False

    def named(self) -> str:
        """The id that stands beside the title."""
        raise NotImplementedError

    def lines(self, width: int) -> tuple[Strip, ...]:
        """What is shown, as wide as this."""
        raise NotImplementedError

    def hints(self) -> tuple[Hint, ...]:
        """The keys of the footer."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield LineBar(id="title")
        yield LinesView(self.lines, id="text")
        yield FooterBar(id="footer")

    def on_mount(self) -> None:
        self.query_one(LinesView).focus()
        self._show_hints()

    def on_resize(self) -> None:
        words = (text_segment(f" {self.title_words} ", FOCUS_TITLE_STYLE), text_segment(self.named(), MUTED_STYLE))
        self.query_one("#title", LineBar).show((line(self.size.width, *words),))

    def action_whole(self) -> None:
        """Shows big bodies whole, or cut again."""
        self.whole = not self.whole
        self.query_one(LinesView).remake()
        self._show_hints()

    async def on_footer_bar_chosen(self, event: FooterBar.Chosen) -> None:
        event.stop()
        if event.action == "back":
            self.dismiss()
        elif event.action == "whole":
            self.action_whole()
        else:
            self.centre.action_do(event.action)

    def _show_hints(self) -> None:
        self.query_one(FooterBar).update(self.hints())

    @property
    def centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
