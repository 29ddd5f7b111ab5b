"""The whole request log as a list, and the line that says where a person is in it."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.frozen import frozen
from gateway_core.model import Snapshot
from gateway_core.request_pages import plain_sort
from llmgw_tui.filtering import Typed
from llmgw_tui.panes.columns import Listing, on_cursor_or_not
from llmgw_tui.panes.columns import says as sentence
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.requests import ORDERS, columns_for, request_line, says, titles
from llmgw_tui.request_list import RequestList
from llmgw_tui.text import preview
from llmgw_tui.theme import BRIGHT_STYLE, MUTED_STYLE, WARN_STYLE

_WORDS = {
    "newest": ("newest first", "oldest first"),
    "cost": ("highest cost first", "lowest cost first"),
    "saved": ("most saved first", "least saved first"),
    "tokens": ("most tokens first", "fewest tokens first"),
    "latency": ("slowest first", "fastest first"),
    "first_token": ("slowest to first token", "fastest to first token"),
}


@frozen
class LogView:
    """What it shows of the log: ``waiting`` rows came in while paused; ``problem`` is why it could not be read.

    ``others`` has the rows of another filter or order still listed: those asked for are being read.
    """

    rows: RequestList
    filter: Typed = Typed()
    sort: str = "newest"
    paused: bool = False
    waiting: int = 0
    loading: bool = False
    others: bool = False
    problem: str = ""


def sort_words(sort: str) -> str:
    """An order for a person."""
    name, turned = plain_sort(sort) or ("newest", False)
    return _WORDS[name][turned]


def log_list(view: LogView, snapshot: Snapshot | None, look: Look, width: int) -> Listing:
    """The rows; above them their titles, or what is to be said of the filter."""
    at = snapshot.at if snapshot else look.now
    problem = Typed(problem=view.problem) if view.problem else view.filter
    head = says(problem, width) if problem.says else (titles(columns_for(width, everything=True), width, ORDERS),)

    def row(index: int, on_cursor: bool) -> Strip:
        shown = request_line(view.rows[index], at, look, width, everything=True)
        return on_cursor_or_not(shown, look, on_cursor=on_cursor)

    return Listing(head, len(view.rows), row, sentence(width, _nothing(view, snapshot)))


def _nothing(view: LogView, snapshot: Snapshot | None) -> str:
    if view.loading or view.others:
        return "Searching the log ..."
    if view.filter.in_force:
        return "No request matches. Escape clears the filter."
    return f"No requests yet. Send one to {snapshot.address if snapshot else 'the gateway'}/v1"


def log_info(view: LogView, cursor: int, look: Look) -> list[Segment]:
    """``12 of 8,412 match``, the order, and whether new requests come in."""
    dot = f" {look.glyphs.dot} "
    rows = view.rows
    many = f"{rows.total:,}{'+' if rows.more else ''}"
    counted = f"{many} of {rows.kept:,} match" if view.filter.in_force else many
    place = f"{dot}at {cursor + 1:,}" if len(rows) and cursor else ""
    if view.others:
        counted, place = "reading", ""
    words = [text_segment(f"{counted}{place}{dot}{sort_words(view.sort)}{dot}", MUTED_STYLE)]
    if view.sort != "newest":
        words.append(text_segment("not following", MUTED_STYLE))
    elif view.paused:
        words.append(text_segment(f"paused, {view.waiting} new" if view.waiting else "paused", WARN_STYLE))
    else:
        words.append(text_segment("following", BRIGHT_STYLE))
    if view.loading:
        words.append(text_segment(f"{dot}reading", MUTED_STYLE))
    if view.filter.text:
        words.append(text_segment(f"  /{preview(view.filter.text)}", BRIGHT_STYLE))
    if rows.remark:
        words.append(text_segment(f"  {preview(rows.remark)}", WARN_STYLE))
    return words
