"""The log screen's list, and one entry in full. Levels are told by a letter and a word, not by colour alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.log_entries import LEVELS, LogEntry, LogPage
from llmgw_tui.panes.columns import Cell, Column, Listing, listing
from llmgw_tui.panes.details import Line, heading, laid, pair, wrapped
from llmgw_tui.panes.draw import Look, joined, line, text_segment
from llmgw_tui.text import clock_time, duration, preview
from llmgw_tui.theme import BAD_STYLE, BRIGHT_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

MARKS = {
    "error": ("E", BAD_STYLE),
    "warning": ("W", WARN_STYLE),
    "info": ("i", TEXT_STYLE),
    "debug": (".", MUTED_STYLE),
}
COLUMNS = (
    Column("mark", "", 1),
    Column("time", "time", 8, 36),
    Column("level", "level", 7, 110),
    Column("source", "source", 14, 56),
    Column("text", "what happened", 0),
    Column("times", "times", 7, 48, right=True),
    Column("since", "since", 8, 120, right=True),
)


def log_list(entries: Sequence[LogEntry], problem: str, look: Look, width: int) -> Listing:
    """Entries, newest first, and above them why no others can be seen."""
    return listing(
        COLUMNS,
        entries,
        lambda index: _cells(entries[index], look),
        look,
        width,
        "" if problem else "No entries match.",
        (line(width, text_segment(f" {problem}", WARN_STYLE)),) if problem else (),
    )


def _cells(entry: LogEntry, look: Look) -> dict[str, Cell]:
    mark, style = MARKS.get(entry.level, MARKS["info"])
    again = entry.count > 1
    return {
        "mark": (mark, style),
        "time": (clock_time(entry.at, look.zone), MUTED_STYLE),
        "level": (entry.level, style),
        "source": (preview(entry.source), MUTED_STYLE),
        "text": (preview(entry.text), style),
        "times": (f"x {entry.count:,}" if again else "", BRIGHT_STYLE),
        "since": (clock_time(entry.since, look.zone) if again else "", MUTED_STYLE),
    }


def log_summary(counts: Sequence[tuple[str, int]], level: str, look: Look, width: int) -> tuple[Strip, ...]:
    """A line: how many entries there are of each level, those that are shown bright."""
    shown = LEVELS[LEVELS.index(level) :] if level in LEVELS else LEVELS
    parts = [
        [
            text_segment(f" {MARKS[name][0]} ", MARKS[name][1] if name in shown else MUTED_STYLE),
            text_segment(f"{many:,}", BRIGHT_STYLE if name in shown else MUTED_STYLE),
            text_segment(f" {name}{'' if name in shown else ' (hidden)'}", MUTED_STYLE),
        ]
        for name, many in reversed(counts)
        if many or name in shown
    ]
    return (line(width, *joined(parts, width, Segment(" ", MUTED_STYLE))),)


def log_entry_lines(entry: LogEntry, look: Look, width: int) -> tuple[Strip, ...]:
    """One entry in full."""
    return tuple(laid(_whole(entry, look, max(10, width - 2)), width))


def _whole(entry: LogEntry, look: Look, width: int) -> Iterator[Line]:
    mark, style = MARKS.get(entry.level, MARKS["info"])
    yield pair("level", f"{mark}  {entry.level}", style)
    yield pair("source", preview(entry.source))
    yield pair("at", f"{clock_time(entry.at, look.zone)}  {duration(look.now - entry.at)} ago")
    if entry.count > 1:
        since = f"{clock_time(entry.since, look.zone)}  {duration(entry.at - entry.since)} before"
        yield pair("times", f"{entry.count:,}, first at {since}", BRIGHT_STYLE)
    yield from heading("What happened", width, look)
    for text in entry.text.splitlines() or [""]:
        yield from wrapped("", text, width, TEXT_STYLE)


def shown_of(page: LogPage, before: Sequence[LogEntry]) -> tuple[LogEntry, ...]:
    """What was seen ``before`` with the new entries of ``page`` on top; one that is told again moves up."""
    again = {entry.key for entry in page.entries}
    return (*page.entries, *(entry for entry in before if entry.key not in again))
