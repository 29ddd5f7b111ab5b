"""The cache screen: what the answer caches keep, and what they answered with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from gateway_core.cache_entries import ORDERS
from gateway_core.model import CacheEntry, CacheHit, CachePage, CommandResult
from llmgw_tui.panes.caches import entries_lines, hits_lines, summary
from llmgw_tui.panes.draw import line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.questions import CleanInput
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import BRIGHT_STYLE, FOCUS_TITLE_STYLE, MUTED_STYLE
from llmgw_tui.widgets.bars import FooterBar
from llmgw_tui.widgets.line_pane import LineBar, LinePane

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre

ENTRIES, HITS = "entries", "hits"
BEAT_S = 1.0
HITS_EVERY, ENTRIES_EVERY, PROBLEM_EVERY = 5, 15, 2
"""Beats between two looks: entries cost a look through both caches, a cache that is starting is soon there."""


class CacheRows(LinePane, can_focus=True):
    """The list of the screen; it draws what it is given."""

    class Clicked(Message):
        """A row of the list was clicked, counted from the first in sight."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    class Scrolled(Message):
        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def on_click(self, event: events.Click) -> None:
        if event.y:
            self.post_message(self.Clicked(event.y - 1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.post_message(self.Scrolled(3))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.post_message(self.Scrolled(-3))


class CacheScreen(Screen[None]):
    """Two lists, one at a time. They are read anew now and then, and after each command."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,c", "back", "Back", show=False),
        Binding("tab,shift+tab", "switch", "Other list", show=False),
        Binding("enter", "open", "Open", show=False),
        Binding("d", "forget", "Forget", show=False),
        Binding("o", "order", "Order", show=False),
        Binding("r", "read_again", "Read again", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.showing = ENTRIES
        self.order = ORDERS[0]
        self.page: CachePage | None = None
        self.hits: tuple[CacheHit, ...] | None = ()
        self._query = ""
        self._cursor = {ENTRIES: 0, HITS: 0}
        self._first = {ENTRIES: 0, HITS: 0}
        self._beats = 0

    def compose(self) -> ComposeResult:
        yield LineBar(id="title")
        yield LineBar(id="summary")
        yield CacheRows(id="rows")
        field = CleanInput(id="filter", placeholder="words of the question", compact=True, select_on_focus=False)
        field.cursor_blink = False
        yield field
        yield FooterBar(id="footer")

    def on_mount(self) -> None:
        self._field.display = False
        self._rows.focus()
        self.read_again()
        self.set_interval(BEAT_S, self._beat)

    # --- reading -------------------------------------------------------------------------------------------------

    def read_again(self) -> None:
        """Reads the list in sight, in the background; what was asked for before is given up."""
        self._beats = 0
        self.run_worker(self._read(), name="cache", group="cache", exclusive=True)

    def action_read_again(self) -> None:
        self.read_again()

    async def _read(self) -> None:
        source = self._centre.source
        if self.showing == HITS:
            self.hits = await source.cache_hits()
        else:
            self.page = await source.cache_entries(self._query, self.order)
        self.draw()

    def _beat(self) -> None:
        self._beats += 1
        every = HITS_EVERY if self.showing == HITS else ENTRIES_EVERY
        if self.showing == ENTRIES and self.page is not None and self.page.problem:
            every = PROBLEM_EVERY
        if self._beats >= every:
            self.read_again()
        self.draw()

    # --- drawing -------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draws all of it from what was read last."""
        if not self.is_mounted:
            return
        look, width, rows = self._centre.look(), self.size.width, self._rows
        snapshot = self._centre.snapshot
        if snapshot is not None:
            self.query_one("#summary", LineBar).show(summary(snapshot.cache, look, width))
        self._draw_title(width)
        self._draw_footer()
        room = max(1, rows.size.height - 1)
        cursor = self._cursor[self.showing] = max(0, min(self._cursor[self.showing], len(self._listed) - 1))
        first = self._first[self.showing] = min(max(self._first[self.showing], cursor - room + 1), cursor)
        if self.showing == HITS:
            rows.show(hits_lines(self.hits, cursor, first, look, width, rows.size.height))
        elif self.page is None:
            rows.show((line(width), line(width, text_segment("  Looking through the caches ...", MUTED_STYLE))))
        else:
            rows.show(entries_lines(self.page, cursor, first, look, width, rows.size.height))

    def _draw_title(self, width: int) -> None:
        words = [text_segment(" Cache ", FOCUS_TITLE_STYLE)]
        for name in (ENTRIES, HITS):
            style = BRIGHT_STYLE if name == self.showing else MUTED_STYLE
            words.append(text_segment(f" [{name}] " if name == self.showing else f"  {name}  ", style))
        if self.showing == ENTRIES and self.page is not None:
            shown = f"{len(self.page.entries)} of " if len(self.page.entries) < self.page.total else ""
            searched = f"  /{preview(self._query)}" if self._query else ""
            words.append(text_segment(f"  {shown}{self.page.total} kept, {self.order} first{searched}", MUTED_STYLE))
        self.query_one("#title", LineBar).show((line(width, *words),))

    def _draw_footer(self) -> None:
        keys = self._centre.keys
        entries = (
            Hint(keys.shown("filter"), "search", "filter"),
            Hint("o", "order", "order"),
            Hint("d", "forget", "forget"),
        )
        hits = (Hint(keys.shown("mark_wrong"), "wrong", "mark_wrong"),)
        self.query_one(FooterBar).update(
            (
                Hint("esc", "back", "back"),
                Hint("tab", HITS if self.showing == ENTRIES else ENTRIES, "switch"),
                Hint(keys.shown("detail"), "open", "open"),
                *(entries if self.showing == ENTRIES else hits),
                Hint(keys.shown("copy"), "copy", "copy"),
                Hint("r", "read again", "read_again"),
                Hint(keys.shown("kill_switch"), "kill", "kill_switch"),
                Hint(keys.shown("help"), "help", "help"),
            )
        )

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def _listed(self) -> tuple[CacheEntry, ...] | tuple[CacheHit, ...]:
        if self.showing == HITS:
            return self.hits or ()
        return self.page.entries if self.page else ()

    @property
    def selected(self) -> CacheEntry | CacheHit | None:
        listed = self._listed
        return listed[min(self._cursor[self.showing], len(listed) - 1)] if listed else None

    @property
    def selected_request(self) -> str:
        """The request under the cursor; empty in the list of entries."""
        return self.selected.request_id if isinstance(self.selected, CacheHit) else ""

    def copied_text(self) -> tuple[str, str]:
        """The question under the cursor."""
        chosen = self.selected
        text = clean(chosen.asked if isinstance(chosen, CacheHit) else chosen.question) if chosen else ""
        return (text, "the question") if text else ("", "")

    # --- keys ----------------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Clears the search; without one, leaves."""
        if self._field.display or self._query:
            self._field.value = ""
            self._close_field()
            self._search("")
        else:
            self.dismiss()

    def action_switch(self) -> None:
        if self._field.display:
            self._close_field()
        self.showing = HITS if self.showing == ENTRIES else ENTRIES
        self.draw()
        self.read_again()

    def action_move(self, by: int) -> None:
        self._cursor[self.showing] += by
        self.draw()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self._rows.size.height - 2))

    def action_order(self) -> None:
        """The next order of the entries."""
        if self.showing == ENTRIES:
            self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
            self._cursor[ENTRIES] = 0
            self.read_again()

    def action_open(self) -> None:
        self.run_worker(self._open(self.selected), name="open", group="actions")

    async def _open(self, chosen: CacheEntry | CacheHit | None) -> None:
        if isinstance(chosen, CacheHit):
            await self._centre.show_detail(chosen.request_id)
        elif chosen is not None:
            detail = await self._centre.source.cache_entry(chosen.id)
            if detail is None:
                self._centre.say(CommandResult(False, "That answer has gone, or cannot be looked at now."))
                self.read_again()
            elif self._centre.screen is self:
                await self._centre.push_screen(CachedAnswerScreen(detail))

    def action_forget(self) -> None:
        if isinstance(chosen := self.selected, CacheEntry):
            self.run_worker(self._forget(chosen), name="forget", group="actions")

    async def _forget(self, chosen: CacheEntry) -> None:
        """Asks first, with a key of its own (as all questions do)."""
        if await self._centre.confirm("Forget this answer?", chosen.question or chosen.id):
            await self._centre.command("forget_answer", entry=chosen.id)

    def start_filter(self) -> None:
        """Opens the search's field."""
        if self.showing == ENTRIES:
            self._field.display = True
            self._field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._search(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._close_field()

    def _search(self, text: str) -> None:
        if text != self._query:
            self._query = text
            self._cursor[ENTRIES] = 0
            self.read_again()

    def _close_field(self) -> None:
        self._field.display = False
        self._rows.focus()
        self.call_after_refresh(self.draw)

    def on_cache_rows_clicked(self, event: CacheRows.Clicked) -> None:
        at = self._first[self.showing] + event.row
        if at < len(self._listed):
            self._cursor[self.showing] = at
            self.draw()

    def on_cache_rows_scrolled(self, event: CacheRows.Scrolled) -> None:
        self.action_move(event.by)

    async def on_footer_bar_chosen(self, event: FooterBar.Chosen) -> None:
        event.stop()
        if event.action in ("back", "switch", "open", "order", "forget", "read_again"):
            getattr(self, f"action_{event.action}")()
        else:
            self._centre.action_do(event.action)

    @property
    def _rows(self) -> CacheRows:
        return self.query_one("#rows", CacheRows)

    @property
    def _field(self) -> CleanInput:
        return self.query_one("#filter", CleanInput)

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
