"""A screen that shows one long text: sections to jump to, words to find, code that gets its colours as it is seen."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from gateway_core.model import CommandResult
from llmgw_tui.ink import Ink, load
from llmgw_tui.panes.draw import text_segment
from llmgw_tui.panes.parts import NOTHING, Document
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.screens.place import PlaceAction
from llmgw_tui.slices import Steps, at_once, in_slices
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.lines_view import LinesView

MATCHES = (
    PlaceAction("next_match", "n", "next", "Next match", footer=False),
    PlaceAction("previous_match", "N", "previous", "Previous match", footer=False),
)
LIGHT = 12_000
"""Characters that are drawn at once, in some 5 ms; more are drawn in slices."""
LIGHT_LINES = 2_000
"""Lines that are looked through at once, in some 2 ms."""


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
        self.ink = Ink(self._wants_colours)
        self._document = NOTHING
        self._named = ""
        """What the text in sight is called."""
        self._making = False
        self._to_top = False
        """The text that is made is another one: it is shown from its beginning."""
        self._found: list[int] = []
        self._at = 0
        """Which of those found is looked at."""

    def document(self, width: int) -> Steps[Document]:
        """Makes what it shows, as wide as this."""
        raise NotImplementedError

    def weight(self) -> int:
        """How many characters there are to draw, about."""
        return 0

    def lines(self, width: int) -> Sequence[Strip]:
        self.ink.begin()
        self._making = self.weight() > LIGHT
        if self._making:
            self.run_worker(self._make(width), name="make", group="ink", exclusive=True)
        else:
            self.workers.cancel_group(self, "ink")
            self._document, self._named = at_once(self.document(width)), self.named()
            self._find()
        return self._document.lines

    @property
    def view(self) -> LinesView:
        return self.query_one(LinesView)

    def title_info(self) -> Sequence[Segment]:
        found = "  reading" if self._making else ""
        if self.searched:
            many = len(self._found)
            found += f"  {self._at + 1} of {many} lines" if many else "  no match"
        return (text_segment(self._named or self.named(), MUTED_STYLE), text_segment(found, MUTED_STYLE))

    def remake(self, *, from_the_top: bool = False) -> None:
        """Shows what there is now."""
        self._to_top = self._to_top or from_the_top
        if self.is_mounted and self.query(LinesView):
            self.view.remake()
            if self._to_top and not self._making:
                self._go_to_top()
            self.redraw()

    async def _make(self, width: int) -> None:
        made = await in_slices(self.document(width))
        self._making = False
        self._document, self._named = made, self.named()
        if self.is_mounted and self.query(LinesView):
            self.view.show(made.lines)
            if self._to_top:
                self._go_to_top()
        self.redraw()
        self._found = await in_slices(self._finding())
        self._mark()
        self.redraw()

    def _go_to_top(self) -> None:
        self._to_top = False
        self.view.scroll_to(y=0, animate=False, force=True)

    # --- colours ---------------------------------------------------------------------------------------------------

    def _wants_colours(self) -> None:
        self.call_later(self._begin_colouring)

    def _begin_colouring(self) -> None:
        if not any(worker.name == "colour" and not worker.is_finished for worker in self.workers):
            self.run_worker(self._colour, name="colour", group="colour")  # type: ignore[arg-type]

    async def _colour(self) -> None:
        """Of what is in sight: a language is loaded in a thread, the rest is done in slices."""
        while missing := self.ink.missing:
            await asyncio.to_thread(load, *missing)
        await in_slices(self.ink.work())
        if self.is_mounted and self.query(LinesView):
            self.view.refresh()

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
        if len(self._document.lines) > LIGHT_LINES:
            self.run_worker(self._look, name="find", group="find", exclusive=True)  # type: ignore[arg-type]
        else:
            self._find()
            self._show_found()

    async def _look(self) -> None:
        """The words in a long text; a key that is typed meanwhile begins it anew."""
        self._found = await in_slices(self._finding())
        self._mark()
        self._show_found()
        self.redraw()

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
        self._found = at_once(self._finding())
        self._mark()

    def _finding(self) -> Steps[list[int]]:
        return (yield from self._document.finding(self.searched)) if self.searched else []

    def _mark(self) -> None:
        self._at = min(self._at, max(0, len(self._found) - 1))
        if self.is_mounted and self.query(LinesView):
            self.view.mark(frozenset(self._found), self._found[self._at] if self._found else -1)

    def _show_found(self) -> None:
        if self._found:
            row = self._found[self._at]
            self.view.mark(frozenset(self._found), row)
            self.view.scroll_to(y=max(0, row - 2), animate=False, force=True)
