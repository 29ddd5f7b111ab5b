"""The cache screen: what the answer caches keep, and what they answered with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment

from gateway_core.choices import CACHE_ORDERS
from gateway_core.model import CacheEntry, CacheHit, CachePage, CommandResult, Snapshot
from llmgw_tui.panes.caches import entries_list, hits_list, summary
from llmgw_tui.panes.columns import Listing, says
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.place import Place, PlaceAction, tabs
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.rows import Rows

ENTRIES, HITS = "entries", "hits"
HITS_EVERY_S, ENTRIES_EVERY_S, PROBLEM_EVERY_S = 5.0, 15.0, 2.0
"""Between two looks: entries cost a look through both caches, a cache that is starting is soon there."""
LOOKING = "Reading the caches ..."


class CacheScreen(Place):
    """Two lists, one at a time. They are read anew now and then, and after each command."""

    place = "cache"
    key = "c"
    title_words = "Cache"
    explanation = "Cached answers, where each was served and why, and what that saved."
    chosen = {"order": CACHE_ORDERS}
    filter_hint = "words from the question"
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("other", "tab,shift+tab", "other list", "Switch between cached answers and hits"),
        PlaceAction("order", "o", "order", "Sort: newest, most used, most saved, soonest to expire"),
        PlaceAction(
            "forget", "d", "forget", "Forget the answer under the cursor (asks); it may be cached again", changes=True
        ),
    )
    shared_hints = ("detail", "mark_wrong", "copy", "kill_switch", "help")

    def __init__(self) -> None:
        super().__init__()
        self.showing = ENTRIES
        self.order = CACHE_ORDERS[0]
        self.page: CachePage | None = None
        self.hits: tuple[CacheHit, ...] | None = ()
        self.lists = {name: Rows(id=name) for name in (ENTRIES, HITS)}

    def body(self) -> Iterable[Any]:
        yield LineBar(id="summary")
        yield from self.lists.values()

    def on_mount(self) -> None:
        super().on_mount()
        self._show_list()

    # --- reading and drawing -----------------------------------------------------------------------------------------

    @property
    def reread_s(self) -> float:
        if self.showing == HITS:
            return HITS_EVERY_S
        return PROBLEM_EVERY_S if self.page is not None and self.page.problem else ENTRIES_EVERY_S

    async def read(self) -> None:
        source = self.centre.source
        if self.showing == HITS:
            self.hits = await source.cache_hits()
        else:
            self.page = await source.cache_entries(self.searched, self.order)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width, rows = self.size.width, self.lists[self.showing]
        if snapshot is not None:
            self.query_one("#summary", LineBar).show(summary(snapshot.cache, look, width))
        look = self.centre.look(focused=rows.has_focus)
        if self.showing == HITS:
            rows.show_rows(hits_list(self.hits, look, width))
        elif self.page is None:
            rows.show_rows(Listing((line(width),), 0, lambda *_: line(width), says(width, LOOKING)))
        else:
            rows.show_rows(entries_list(self.page, look, width))

    def title_info(self) -> Sequence[Segment]:
        words = tabs({name: name for name in (ENTRIES, HITS)}, self.showing)
        if self.showing == ENTRIES and self.page is not None:
            shown = f"{len(self.page.entries)} of " if len(self.page.entries) < self.page.total else ""
            searched = f"  /{preview(self.searched)}" if self.searched else ""
            words.append(text_segment(f"  {shown}{self.page.total} kept, {self.order} first{searched}", MUTED_STYLE))
        return words

    def label_of(self, action: PlaceAction) -> str:
        return (HITS if self.showing == ENTRIES else ENTRIES) if action.name == "other" else action.label

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def selected(self) -> CacheEntry | CacheHit | None:
        entries = self.page.entries if self.page else ()
        listed: tuple[CacheEntry, ...] | tuple[CacheHit, ...] = (self.hits or ()) if self.showing == HITS else entries
        return listed[min(self.lists[self.showing].cursor, len(listed) - 1)] if listed else None

    @property
    def cached_request(self) -> str:
        """The request under the cursor; empty in the list of entries."""
        return self.selected.request_id if isinstance(self.selected, CacheHit) else ""

    def copied_text(self) -> tuple[str, str]:
        """The question under the cursor."""
        chosen = self.selected
        text = clean(chosen.asked if isinstance(chosen, CacheHit) else chosen.question) if chosen else ""
        return (text, "the question") if text else ("", "")

    async def open_selected(self) -> None:
        chosen = self.selected
        if chosen is None:
            self.centre.say(CommandResult(False, "There is nothing to open here."))
        elif isinstance(chosen, CacheHit):
            await self.centre.show_detail(chosen.request_id)
        else:
            detail = await self.centre.source.cache_entry(chosen.id)
            if detail is None:
                self.centre.say(CommandResult(False, "That answer is gone, or cannot be read now."))
                self.read_again()
            elif self.centre.screen is self:
                await self.centre.push_screen(CachedAnswerScreen(detail))

    # --- keys ----------------------------------------------------------------------------------------------------

    def do_other(self) -> None:
        """The other list."""
        self.showing = HITS if self.showing == ENTRIES else ENTRIES
        self._show_list()
        self.redraw()
        self.read_again()

    def action_turn_to(self, name: str) -> None:
        if name != self.showing:
            self.do_other()

    def do_order(self) -> None:
        """The next order of the entries."""
        if self._lists_entries("sorted"):
            self.choose("order", CACHE_ORDERS[(CACHE_ORDERS.index(self.order) + 1) % len(CACHE_ORDERS)])
            self.lists[ENTRIES].cursor = 0
            self.read_again()

    async def do_forget(self) -> None:
        """Asks first, with a key of its own (as all questions do)."""
        if not self._lists_entries("forgotten"):
            return
        if not isinstance(chosen := self.selected, CacheEntry):
            self.centre.say(CommandResult(False, "There is no answer here to forget."))
        elif await self.centre.confirm("Forget this answer?", chosen.question or chosen.id):
            await self.centre.command("forget_answer", entry=chosen.id)

    def _lists_entries(self, done: str) -> bool:
        """Whether what is kept is listed; says where to find it if not. ``done`` is what is done to it."""
        if self.showing != ENTRIES:
            key = self.centre.keys.shown("cache.other")
            words = f"Only what is kept can be {done}, in the other list: {key} goes there."
            self.centre.say(CommandResult(False, words))
        return self.showing == ENTRIES

    def start_filter(self) -> None:
        if self._lists_entries("filtered"):
            super().start_filter()

    def filter_changed(self) -> None:
        self.lists[ENTRIES].cursor = 0
        self.read_again()

    def _show_list(self) -> None:
        self.filter_field.display = False
        for name, rows in self.lists.items():
            rows.display = name == self.showing
        self.focus_body()

    def focus_body(self) -> None:
        self.lists[self.showing].focus()
