"""A screen that shows one long text: sections to jump to, words to find, code that gets its colours in a thread."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from gateway_core.model import CommandResult
from llmgw_tui.ink import Ink
from llmgw_tui.panes.detail import Document
from llmgw_tui.panes.draw import text_segment
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.screens.place import PlaceAction
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.lines_view import LinesView

MATCHES = (
    PlaceAction("next_match", "n", "next", "Next match", footer=False),
    PlaceAction("previous_match", "N", "previous", "Previous match", footer=False),
)
LIGHT = 12_000
"""Characters that are drawn at once, in some 13 ms; more are drawn in a thread."""


class DocumentScreen(OneThingScreen):
    """Of a :class:`Document` that :meth:`document` makes. ``/`` finds, ``n`` and ``N`` go on, tab goes by sections."""

    place: ClassVar[str] = "document"
    filter_hint: ClassVar[str] = "words to find; n and N move between matches"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "section(1)", show=False, priority=True),
        Binding("shift+tab", "section(-1)", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.ink = Ink()
        self._document = Document(())
        self._found: list[int] = []
        self._at = 0
        """Which of those found is looked at."""

    def document(self, width: int) -> Document:
        """What it shows, as wide as this."""
        raise NotImplementedError

    def weight(self) -> int:
        """How many characters there are to draw, about."""
        return 0

    def lines(self, width: int) -> tuple[Strip, ...]:
        if self.weight() > LIGHT:
            self.run_worker(self._make(width), name="ink", group="ink", exclusive=True)
            return self._document.lines
        self.ink.begin()
        self._document = self.document(width)
        if self.ink.wanted:
            self.run_worker(self._colour, name="ink", group="ink", exclusive=True)  # type: ignore[arg-type]
        self._find()
        return self._document.lines

    @property
    def view(self) -> LinesView:
        return self.query_one(LinesView)

    def title_info(self) -> Sequence[Segment]:
        found = ""
        if self.searched:
            many = len(self._found)
            found = f"  {self._at + 1} of {many} lines" if many else "  no match"
        return (*super().title_info(), text_segment(found, MUTED_STYLE))

    def remake(self) -> None:
        """Shows what there is now."""
        if self.is_mounted and self.query(LinesView):
            self.view.remake()
            self.redraw()

    async def _make(self, width: int) -> None:
        self._document = await asyncio.to_thread(self._made, width)
        self._find()
        if self.is_mounted and self.query(LinesView):
            self.view.show(self._document.lines)
            self.redraw()

    def _made(self, width: int) -> Document:
        """With all its colours; takes as long as it takes."""
        self.ink.begin()
        made = self.document(width)
        return self.document(width) if self.ink.work() else made

    async def _colour(self) -> None:
        if await asyncio.to_thread(self.ink.work):
            self.remake()

    # --- moving ----------------------------------------------------------------------------------------------------

    def action_section(self, by: int) -> None:
        """To the next section, or the one before."""
        begins = [0, *(row for _, row in self._document.sections)]
        at = int(self.view.scroll_offset.y)
        number = bisect_right(begins, at) if by > 0 else bisect_left(begins, at) - 1
        if 0 <= number < len(begins):
            self.view.scroll_to(y=begins[number], animate=False, force=True)

    def filter_changed(self) -> None:
        self._at = 0
        self._find()
        self._show_found()

    def do_next_match(self) -> None:
        self._go_on(1)

    def do_previous_match(self) -> None:
        self._go_on(-1)

    def _go_on(self, by: int) -> None:
        if not self._found:
            words = "No match." if self.searched else "Nothing to find yet: / asks for words."
            self.centre.say(CommandResult(False, words))
            return
        self._at = (self._at + by) % len(self._found)
        self._show_found()
        self.redraw()

    def _find(self) -> None:
        wanted = self.searched.casefold()
        rows = enumerate(self._document.lines) if wanted else ()
        self._found = [row for row, strip in rows if wanted in strip.text.casefold()]
        self._at = min(self._at, max(0, len(self._found) - 1))
        if self.query(LinesView):
            self.view.mark(frozenset(self._found), self._found[self._at] if self._found else -1)

    def _show_found(self) -> None:
        if self._found:
            row = self._found[self._at]
            self.view.mark(frozenset(self._found), row)
            self.view.scroll_to(y=max(0, row - 2), animate=False, force=True)
