"""Lines of the screens that show one thing in full: headings, labelled values, long texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import BRIGHT_STYLE, LINE_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

CUT_CHARACTERS = 4_000
"""Longer bodies are shown up to here until asked for (mitmproxy#3918)."""

LABEL_CELLS = 14
ROOMY = 40
"""From this width on what goes on below stands under what it belongs to, not under the label."""

Line = Sequence[Segment]


def body(text: str, width: int, whole: bool, style: Style) -> Iterator[Line]:
    """Foreign text as paragraphs, cut unless ``whole``."""
    total = len(text)
    shown = clean(text if whole else text[:CUT_CHARACTERS]).expandtabs(4)
    for paragraph in shown.split("\n") if shown else ():
        for piece in chopped(paragraph, max(8, width - 3)):
            yield [Segment("   ", TEXT_STYLE), Segment(piece, style)]
    if not whole:
        yield from cut_note(total)


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
    out: list[str] = []
    start = 0
    while cell_len(window := text[start : start + 3 * width + 1]) > width:
        head = chop_cells(window, width)[0]
        blank = head.rfind(" ")
        if blank > width // 3 and not window[len(head) :].startswith(" "):
            head = head[: blank + 1]
        out.append(head.rstrip(" "))
        start += len(head)
        start += text.startswith(" ", start)
    return [*out, text[start:]]


def laid(rows: Iterable[Line], width: int) -> Iterator[Strip]:
    """``rows`` as strips of ``width`` cells; what is longer goes on below, at blanks where that is possible."""
    indent = Segment(" " * (LABEL_CELLS if width >= ROOMY else 2), TEXT_STYLE)
    for row in rows:
        rest = Strip(row)
        while rest.cell_length > width and cell_len(text := rest.text.rstrip()) > width > len(indent.text):
            head = chop_cells(text, width)[0]
            blank = head.rfind(" ") + 1
            kept = blank if head[:blank].strip() and blank > width // 3 and text[len(head)] != " " else len(head)
            cells = cell_len(text[:kept])
            yield line(width, *rest.crop(0, cells))
            rest = Strip([indent, *rest.crop(cells + (text[kept : kept + 1] == " "))])
        yield line(width, *rest)


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
