"""Lines of the screens that show one thing in full: headings, labelled values, long texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.parts import Line as Line
from llmgw_tui.panes.wrapping import wrapped_rows
from llmgw_tui.text import preview
from llmgw_tui.theme import BRIGHT_STYLE, LINE_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

CUT_CHARACTERS = 4_000
"""Longer bodies are shown up to here until asked for (mitmproxy#3918)."""

LABEL_CELLS = 14
ROOMY = 40
"""From this width on what goes on below stands under what it belongs to, not under the label."""


def cut_note(total: int) -> Iterator[Line]:
    """Says that a text of ``total`` characters was cut, if it was."""
    if total > CUT_CHARACTERS:
        more = f"{total - CUT_CHARACTERS:,} of {total:,} more characters"
        yield [text_segment(f"   … {more}; b shows all", WARN_STYLE)]


def wrapped(name: str, text: str, width: int, style: Style) -> Iterator[Line]:
    """A label and a text of one or more lines."""
    for number, piece in enumerate(chopped(preview(text), max(8, width - LABEL_CELLS))):
        yield [label(name if number == 0 else ""), Segment(piece, style)]


def chopped(text: str, width: int) -> list[str]:
    """``text`` cut into lines of at most ``width`` cells, at blanks where that is possible."""
    return [text[start:end] for start, end in wrapped_rows(text, width)]


def laid(rows: Iterable[Line], width: int) -> Iterator[Strip]:
    """``rows`` as strips of ``width`` cells; what is longer goes on below, at blanks where that is possible."""
    return (line(width, *piece) for row in rows for piece in folded(row, width))


def folded(row: Line, width: int) -> Iterator[Line]:
    """A row in pieces of at most ``width`` cells."""
    indent = Segment(" " * (LABEL_CELLS if width >= ROOMY else 2), TEXT_STYLE)
    rest = Strip(row)
    while rest.cell_length > width and cell_len(text := rest.text.rstrip()) > width > len(indent.text):
        head = chop_cells(text, width)[0]
        blank = head.rfind(" ") + 1
        kept = blank if head[:blank].strip() and blank > width // 3 and text[len(head)] != " " else len(head)
        cells = cell_len(text[:kept])
        yield list(rest.crop(0, cells))
        rest = Strip([indent, *rest.crop(cells + (text[kept : kept + 1] == " "))])
    yield list(rest)


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
