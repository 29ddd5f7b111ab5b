"""Long foreign texts in blocks: cut, cleaned and laid out one after the other, so that none takes long.

A block of code is also what gets its colours in one go. Where a text is cut, its language starts anew: at a line that
begins something if there is one near. Strings of JSON, which can be longer than any block, are followed through.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style

from llmgw_tui.ink import Code, Ink, Inside
from llmgw_tui.panes.details import CUT_CHARACTERS, cut_note
from llmgw_tui.panes.parts import Line, Part
from llmgw_tui.panes.wrapping import Cut, Row, chopped_rows, wrapped_rows
from llmgw_tui.text import clean
from llmgw_tui.theme import TEXT_STYLE

BLOCK = 4_000
"""Characters of a block, at most. Measured: 0.4 ms to lay one out; 25 ms of Python to colour it, 1 ms of JSON."""
_BEGINS = re.compile(r"\n\n(?=\S)|\n(?=\S)")

_MARGIN = (Segment("   ", TEXT_STYLE),)


class Block:
    """Rows of one text. They are cut from it when they are drawn, and so do not weigh on the garbage collector."""

    __slots__ = ("_ends", "_ink", "_margin", "_starts", "_style", "code", "text")

    def __init__(
        self, text: str, rows: list[Row], margin: Line, style: Style, code: Code | None, ink: Ink | None
    ) -> None:
        self.text = text
        self.code = code
        self._starts = array("I", (start for start, _ in rows))
        self._ends = array("I", (end for _, end in rows))
        self._margin = margin
        self._style = style
        self._ink = ink

    def __len__(self) -> int:
        return len(self._starts)

    def words(self, row: int) -> str:
        return self.text[self._starts[row] : self._ends[row]]

    def line(self, row: int) -> Line:
        spans = self._ink.spans(self.code) if self._ink and self.code else None
        if spans is None:
            return [*self._margin, Segment(self.words(row), self._style)]
        return [*self._margin, *spans.between(self.text, self._starts[row], self._ends[row])]


def body(text: str, width: int, whole: bool, style: Style) -> Iterator[Part | Line]:
    """Foreign text as paragraphs, cut unless ``whole``."""
    yield from laid_out(text if whole else text[:CUT_CHARACTERS], max(8, width - 3), style, _MARGIN)
    if not whole:
        yield from cut_note(len(text))


def laid_out(
    text: str, width: int, style: Style, margin: Line, ink: Ink | None = None, *, language: str | None = None
) -> Iterator[Block]:
    """``text`` in rows of at most ``width`` cells: code is cut between cells, everything else at blanks.

    ``language`` is empty for code in none that is known, and None for what is no code.
    """
    cut: Cut = wrapped_rows if language is None else chopped_rows
    carried, inside = "", Inside.NOTHING
    for piece, goes_on in _pieces(text):
        shown = carried + clean(piece).expandtabs(4)
        rows, carried = _rows(shown, width, cut), ""
        if goes_on and len(rows) > 1:
            start, _ = rows.pop()
            shown, carried = shown[:start], shown[start:]
        code = Code(language, shown, inside) if language else None
        yield Block(shown, rows, margin, style, code, ink)
        if language == "json":
            inside = inside.after(shown)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Pieces of a text, and whether the line goes on in the next one."""
    at = 0
    while len(text) - at > BLOCK:
        window = text[at : at + BLOCK]
        if newline := _newline(window):
            yield window[: newline - 1].removesuffix("\r"), False
            at += newline
            continue
        end = BLOCK
        while end > BLOCK // 2 and (unicodedata.combining(text[at + end]) or text[at + end - 1] in "\r\\"):
            end -= 1
        yield window[:end], True
        at += end
    if text:
        yield text[at:], False


def _newline(window: str) -> int:
    """Where to cut: behind the newline before the last line that begins something, else behind the last one."""
    begins = [found for found in _BEGINS.finditer(window, len(window) // 2)]
    best = max(begins, key=lambda found: (len(found.group()), found.end()), default=None)
    return best.end() if best else window.rfind("\n") + 1


def _rows(shown: str, width: int, cut: Cut) -> list[Row]:
    rows, at = list[Row](), 0
    for line in shown.split("\n"):
        rows += ((at + start, at + end) for start, end in cut(line, width))
        at += len(line) + 1
    return rows
