"""Where a line is cut into rows of the screen: positions in the text, so that a long one is never copied."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from rich.cells import cell_len, chop_cells

Row = tuple[int, int]
"""Where a row begins, and where it ends."""
Cut = Callable[[str, int], Iterator[Row]]


def chopped_rows(line: str, width: int) -> Iterator[Row]:
    """Rows of at most ``width`` cells, cut between cells; one for an empty line."""
    start, plain = 0, line.isascii()
    while True:
        end = min(len(line), start + width)
        if not plain:
            if cell_len(line[start:end]) > width:
                end = start + max(1, len(chop_cells(line[start:end], width)[0]))
            while end < len(line) and unicodedata.combining(line[end]):
                end += 1
        yield start, end
        if (start := end) >= len(line):
            return


def wrapped_rows(line: str, width: int) -> Iterator[Row]:
    """The same, cut at blanks where that is possible; a blank that the cut takes is in no row."""
    start, plain = 0, line.isascii()
    while True:
        window = line[start : start + (width + 1 if plain else 3 * width + 1)]
        if (len(window) if plain else cell_len(window)) <= width:
            break
        head = window[:width] if plain else chop_cells(window, width)[0]
        blank = head.rfind(" ")
        if blank > width // 3 and not window[len(head) :].startswith(" "):
            head = head[: blank + 1]
        yield start, start + len(head.rstrip(" "))
        start += len(head)
        start += line.startswith(" ", start)
    yield start, len(line)
