"""The help's rows: the keys of a screen and of everywhere, how to move, and what everything means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.frozen import frozen
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.text import fit
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    CURSOR_STYLE,
    KEY_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    TIER_STYLES,
    tier_mark,
)

MOVING = (
    ("tab, shift+tab", "Next or previous pane or list"),
    ("up, down, page up, page down", "Move the cursor"),
    ("home, end", "First and last row; in requests, home follows the newest"),
    ("the mouse", "Click a row, a pane, a tab, a column's title or a key below; double-click opens; the wheel scrolls"),
    ("shift and mouse", "Select text as usual in the terminal (fn in macOS Terminal, option in iTerm2)"),
    ("ctrl+r", "Refresh this screen"),
    ("escape", "Clear the filter, or go back"),
)
NARROW = 100
"""Below this width the keys get less room."""


@frozen
class HelpRow:
    """One line. ``action`` is what ``enter`` does on it; empty for a line that only tells."""

    key: str
    text: str
    style: Style = KEY_STYLE
    action: str = ""
    marks: str = ""
    """Stands for the line of the marks of ``tiers`` or ``states``."""


@frozen
class Topic:
    """A heading, and its keys and texts; an action's name makes a line that does something."""

    title: str
    entries: tuple[tuple[str, str, str], ...]
    """Key, text, action."""


@lru_cache(maxsize=4)
def help_rows(topics: tuple[Topic, ...], wanted: str, width: int) -> tuple[HelpRow, ...]:
    """The lines for ``width`` cells, long texts on several; ``wanted`` keeps the entries that hold all its words."""
    words = wanted.casefold().split()
    rows: list[HelpRow] = []
    for topic in topics:
        found = [entry for entry in topic.entries if all(word in " ".join(entry).casefold() for word in words)]
        if found:
            rows += [HelpRow("", ""), HelpRow(topic.title, "", BRIGHT_STYLE)]
            rows += [row for entry in found for row in _wrapped(*entry, width)]
    return (
        (*rows, HelpRow("", ""), HelpRow("", "", marks="tiers"), HelpRow("", "", marks="states"))
        if not words
        else tuple(rows)
    )


def _wrapped(key: str, text: str, action: str, width: int) -> Iterator[HelpRow]:
    room = _key_room(width)
    style = KEY_STYLE if action or key in dict(MOVING) else BRIGHT_STYLE
    for number, piece in enumerate(textwrap.wrap(text, max(20, width - room - 2)) or [""]):
        yield HelpRow(f" {key}" if number == 0 else "", piece, style, action)


def help_line(row: HelpRow, look: Look, width: int, on_cursor: bool) -> Strip:
    """One line as it is drawn."""
    if row.marks:
        return line(width, *_marks(row.marks, look))
    room = _key_room(width)
    words = row.key if len(row.key) < room or not row.text else fit(row.key, room - 1, ellipsis=look.glyphs.ellipsis)
    strip = line(width, text_segment(f" {words:<{room}}", row.style), text_segment(row.text, TEXT_STYLE))
    return strip.apply_style(CURSOR_STYLE) if on_cursor else strip


def _key_room(width: int) -> int:
    return 20 if width < NARROW else 32


def _marks(which: str, look: Look) -> list[Segment]:
    tiers = [(tier_mark(name, look.glyphs), name, style) for name, style in TIER_STYLES.items()]
    states = [(mark, status.value, STATUS_STYLES[status]) for status, mark in look.glyphs.marks]
    return [
        part
        for mark, name, style in (tiers if which == "tiers" else states)
        for part in (text_segment(f" {mark} ", style), text_segment(f"{name} ", MUTED_STYLE))
    ]
