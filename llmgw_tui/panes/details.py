"""Lines of the screens that show one thing in full: headings, labelled values, long texts."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style

from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.parts import Line as Line
from llmgw_tui.panes.wrapping import wrapped_rows
from llmgw_tui.text import preview
from llmgw_tui.theme import BRIGHT_STYLE, LINE_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

CUT_CHARACTERS = 4_000
"""Longer bodies are shown up to here until asked for (mitmproxy#3918)."""


def cut_note(total: int) -> Iterator[Line]:
    """Says that a text of ``total`` characters was cut, if it was."""
    if total > CUT_CHARACTERS:
        more = f"{total - CUT_CHARACTERS:,} of {total:,} characters more"
        yield [text_segment(f"   … {more}, b shows bodies whole", WARN_STYLE)]


def wrapped(name: str, text: str, width: int, style: Style) -> Iterator[Line]:
    """A label and a text of one or more lines."""
    for number, piece in enumerate(chopped(preview(text), max(8, width - 14))):
        yield [label(name if number == 0 else ""), Segment(piece, style)]


def chopped(text: str, width: int) -> list[str]:
    """``text`` cut into lines of at most ``width`` cells, at blanks where that is possible."""
    return [text[start:end] for start, end in wrapped_rows(text, width)]


def heading(text: str, width: int, look: Look) -> Iterator[Line]:
    yield []
    yield [
        text_segment(f" {text} ", BRIGHT_STYLE),
        Segment(look.glyphs.across * max(0, width - len(text) - 2), LINE_STYLE),
    ]


def label(name: str) -> Segment:
    return text_segment(f" {name:<12} ", MUTED_STYLE)


def pair(name: str, value: str, style: Style = TEXT_STYLE) -> Line:
    return [label(name), text_segment(value, style)]
