"""The screen of one cached answer."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from gateway_core.model import CacheEntryDetail
from llmgw_tui.panes.cached_answer import cached_answer_lines
from llmgw_tui.screens.one_thing import WHOLE, OneThingScreen
from llmgw_tui.screens.place import PlaceAction
from llmgw_tui.text import clean, message_text


class CachedAnswerScreen(OneThingScreen):
    """What an answer was given to, which other wordings got it, and its text."""

    place: ClassVar[str] = "answer"
    title_words = "Cached answer"
    explanation = "One cached answer in full: the questions it answered, what it saved, and its text."
    actions: ClassVar[tuple[PlaceAction, ...]] = (WHOLE,)

    def __init__(self, detail: CacheEntryDetail) -> None:
        super().__init__()
        self.detail = detail

    def named(self) -> str:
        return self.detail.entry.id

    def copied_text(self) -> tuple[str, str]:
        """The answer's text."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else ("", "")

    def lines(self, width: int) -> tuple[Strip, ...]:
        return cached_answer_lines(self.detail, self.centre.look(), width, whole=self.whole)
