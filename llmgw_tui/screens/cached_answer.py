"""The screen of one cached answer."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from gateway_core.model import CacheEntryDetail
from llmgw_tui.panes.cached_answer import cached_answer_lines
from llmgw_tui.panes.footer import Hint
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.text import clean, message_text


class CachedAnswerScreen(OneThingScreen):
    """What an answer was given to, which other wordings got it, and its text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("b", "whole", "Whole answer", show=False)]
    title_words = "Cached answer"

    def __init__(self, detail: CacheEntryDetail) -> None:
        super().__init__()
        self.detail = detail

    def named(self) -> str:
        return self.detail.entry.id

    def copied_text(self) -> tuple[str, str]:
        """The answer's text."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else ("", "")

    def hints(self) -> tuple[Hint, ...]:
        return (
            Hint("esc", "back", "back"),
            Hint("b", "cut the answer" if self.whole else "whole answer", "whole"),
            Hint(self.centre.keys.shown("copy"), "copy the answer", "copy"),
        )

    def lines(self, width: int) -> tuple[Strip, ...]:
        return cached_answer_lines(self.detail, self.centre.look(), width, whole=self.whole)
