"""The requests screen: the whole log, filtered, in any order, read page by page as the cursor moves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType

from gateway_core.model import RequestRow, Snapshot
from gateway_core.request_pages import SORTS, RequestsPage, plain_sort
from llmgw_tui.filter_history import KEPT_DAYS, FilterHistory
from llmgw_tui.filtering import Typed, matching
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.request_log import LogView, log_info, log_list
from llmgw_tui.request_list import RequestList
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.widgets.rows import Rows

AHEAD_ROWS = 100
"""The next page is read when the cursor is so near to the end."""
TYPING_S = 0.15
"""A pause in typing after which the log is asked."""

FILTER_HELP = (
    'Every request in the log. / filters. Words match question and answer (where bodies are kept); "quote" words in '
    "a row. tier: model: provider: client: lane: purpose: session: status: cache: route: error: id: match any part; "
    "a,b matches either. cost> saved> (dollars) tokens> in> out> took> ttft> compare; >= < <= = work too. at:today "
    "since:2h before:2026-11-23 are UTC. ! excludes. Up and down recall earlier filters, those of the last "
    f"{KEPT_DAYS} days after a restart too, but none with a key or a password in it. New requests appear on top unless "
    "paused; the cursor stays on its row."
)


class RequestsScreen(Place):
    """Follows the newest requests while the order is by time; paused, what is read stays as it is."""

    place = "requests"
    key = "r"
    title_words = "Requests"
    explanation = "Every request in the log: filter, sort, follow"
    chosen = {"sort": (*SORTS, *(f"-{name}" for name in SORTS))}
    actions = (
        PlaceAction("pause", "space", "pause", "Pause new requests, or follow again"),
        PlaceAction("order", "o", "order", "Sort: time, cost, saved, tokens, duration, first token"),
        PlaceAction("turn", "O", "turn", "Reverse the order"),
    )
    filter_hint = "words, tier:premium, cost>0.01, took>2s, since:2h; ! excludes"
    shared_hints = ("copy", "kill_switch", "help", "thumb_up")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "remembered(1)", show=False),
        Binding("down", "remembered(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.sort = SORTS[0]
        self.paused = False
        self.typed = Typed()
        self.rows = RequestList()
        self._problem = ""
        self._waiting: list[RequestRow] = []
        self._asked: tuple[str, str] | None = None
        """Filter and order of the rows that are listed."""
        self._reading = False
        self._taken: Snapshot | None = None
        self._remembered = -1
        self.list = Rows(id="rows")

    def body(self) -> Iterable[Any]:
        yield self.list

    def on_mount(self) -> None:
        self.history = FilterHistory(self.centre.remembered, self.place, lambda: self.centre.look().now)
        self.list.focus()
        super().on_mount()

    # --- reading -------------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """The first page, once typing rests; the rows there are stay until it is here."""
        if self.filter_field.display:
            await asyncio.sleep(TYPING_S)
        asked = self.typed.in_force, self.sort
        page = await self.centre.source.requests(*asked)
        self._problem = page.problem
        if page.problem:
            return
        kept = self.request if asked == self._asked else None
        self.rows, self._asked, self._waiting = RequestList(page), asked, []
        self._taken = None
        self._take(self.centre.snapshot)
        self.list.cursor = (self.rows.index(kept.id) or 0) if kept else 0
        self.list.first = min(self.list.first, self.list.cursor) if kept else 0

    async def _read_on(self, rows: RequestList) -> None:
        """The next page, for ``rows``; what came for others is thrown away."""
        try:
            page = await self._next_page(rows)
            if rows is self.rows:
                self._problem = page.problem
                if not page.problem:
                    rows.extend(page)
        finally:
            self._reading = False
        self.redraw()

    async def _next_page(self, rows: RequestList) -> RequestsPage:
        query, sort = self._asked or ("", self.sort)
        return await self.centre.source.requests(query, sort, rows.next)

    def on_rows_moved(self, event: Rows.Moved) -> None:
        super().on_rows_moved(event)
        if self.rows.next and not self._reading and event.cursor >= len(self.rows) - AHEAD_ROWS:
            self._read_further()

    def _read_further(self) -> None:
        self._reading = True
        self.run_worker(self._read_on(self.rows), name="read on", group="read on")

    # --- what comes in -------------------------------------------------------------------------------------------

    def _take(self, snapshot: Snapshot | None) -> None:
        """Takes up what has moved on, and lets in what is new: above the cursor, whose row stays where it is."""
        if snapshot is None or snapshot is self._taken or self._asked is None:
            return
        self._taken = snapshot
        self.rows.update(snapshot.requests)
        if self.sort != SORTS[0]:
            return
        typed = Typed(in_force=self._asked[0])
        self._waiting = self.rows.unknown(matching(snapshot.requests, typed, snapshot.at))
        if self._waiting and not self.paused:
            self._let_in(snapshot)

    def _let_in(self, snapshot: Snapshot) -> None:
        missed = len(self._waiting) == len(snapshot.requests) and len(self.rows) > 0
        if missed and not self.rows.knows_any(snapshot.requests):
            self._waiting = []
            self.read_again()  # more came than a snapshot tells of
            return
        at_top = self.list.cursor == 0 and self.list.first == 0
        self.rows.put_on_top(self._waiting)
        if not at_top:
            self.list.cursor += len(self._waiting)
            self.list.first += len(self._waiting)
        self._waiting = []

    # --- drawing -------------------------------------------------------------------------------------------------

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        self._take(snapshot)
        look = self.centre.look(focused=self.list.has_focus)
        self.list.show_rows(log_list(self._view, snapshot, look, self.size.width))

    @property
    def _view(self) -> LogView:
        others = self._asked != (self.typed.in_force, self.sort) and not self._problem
        return LogView(
            self.rows,
            self.typed,
            self.sort,
            self.paused,
            len(self._waiting),
            self._reading and not self._problem,
            others,
            self._problem,
        )

    def title_info(self) -> Sequence[Segment]:
        self._take(self.centre.snapshot)  # the title is drawn before the rows, and counts them
        return log_info(self._view, self.list.cursor, self.centre.look())

    def explanations(self) -> list[tuple[str, str]]:
        return [(self.title_words, FILTER_HELP)]

    def label_of(self, action: PlaceAction) -> str:
        return "follow" if action.name == "pause" and self.paused else action.label

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def request(self) -> RequestRow | None:
        return self.rows[min(self.list.cursor, len(self.rows) - 1)] if len(self.rows) else None

    async def beside(self, row: RequestRow, by: int) -> RequestRow | None:
        self._take(self.centre.snapshot)
        at = self.rows.index(row.id)
        if at is None:
            at = self.list.cursor - 1 if by > 0 else self.list.cursor
        if at + by >= len(self.rows):
            if self.rows.next and not self._reading:
                self._read_further()
            if reading := [worker for worker in self.workers if worker.group == "read on"]:
                await self.workers.wait_for_complete(reading)
        if not 0 <= at + by < len(self.rows):
            return None
        self.list.cursor = at + by
        return self.rows[at + by]

    def was_judged(self, request_id: str, thumb: str) -> None:
        if (at := self.rows.index(request_id)) is not None:
            self.rows.update([replace(self.rows[at], thumb=thumb)])

    def copied_text(self) -> tuple[str, str]:
        return (self.request.id, "the request's id") if self.request else ("", "")

    # --- keys ----------------------------------------------------------------------------------------------------

    def do_pause(self) -> None:
        """Stops new requests from coming in; again lets in what waited."""
        self.paused = not self.paused
        self._taken = None
        self.redraw()

    def do_order(self) -> None:
        """The next order, the most first."""
        name, _ = plain_sort(self.sort) or (SORTS[0], False)
        self._sort_by(SORTS[(SORTS.index(name) + 1) % len(SORTS)])

    def do_turn(self) -> None:
        """The same order from the other end."""
        self._sort_by(self.sort.removeprefix("-") if self.sort.startswith("-") else f"-{self.sort}")

    def action_sort_by(self, order: str) -> None:
        """For a click on a column's title; a second one turns the order round."""
        self._sort_by(f"-{order}" if self.sort == order else order)

    def _sort_by(self, sort: str) -> None:
        self.choose("sort", sort)
        self.redraw()
        self.read_again()

    def filter_changed(self) -> None:
        snapshot, before = self.centre.snapshot, self.typed.in_force
        now = snapshot.at if snapshot else self.centre.look().now
        self.typed = self.typed.retyped(self.searched, now, typing=self.filter_field.display)
        if self.typed.in_force != before:
            self.read_again()

    def start_filter(self) -> None:
        self._remembered = -1
        super().start_filter()

    def action_remembered(self, by: int) -> None:
        """An earlier filter, or a later one, into the field."""
        texts = self.history.texts
        if self.filter_field.display and texts:
            self._remembered = max(-1, min(self._remembered + by, len(texts) - 1))
            text = texts[self._remembered] if self._remembered >= 0 else ""
            self.filter_field.put(text)

    def _close_filter(self) -> None:
        super()._close_filter()
        self.filter_changed()
        if self.searched and not self.typed.problem:
            self.history.add(self.searched)

    def focus_body(self) -> None:
        self.list.focus()
