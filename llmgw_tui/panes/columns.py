"""Lists with titled columns, and only the rows in sight made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.frozen import frozen
from llmgw_tui.panes.details import chopped
from llmgw_tui.panes.draw import Look, cell, clicked, line, text_segment
from llmgw_tui.text import preview
from llmgw_tui.theme import CURSOR_IDLE_STYLE, CURSOR_STYLE, MUTED_STYLE, TEXT_STYLE

Cell = tuple[str, Style]
"""Text, not yet cleaned, and its style."""


NO_ORDERS: Mapping[str, str] = {}


@frozen
class Column:
    """``width`` 0 takes what is left, with the others of that width; ``narrowest`` is the width it is shown from."""

    name: str
    title: str
    width: int
    narrowest: int = 0
    right: bool = False


@frozen
class Listing:
    """What a list shows: lines above it, ``many`` rows made one by one, or ``nothing`` where there is none."""

    head: tuple[Strip, ...]
    many: int
    row: Callable[[int, bool], Strip]
    """Draws the row of an index; the flag says whether the cursor is on it."""
    nothing: tuple[Strip, ...] = ()

    def lines(self, cursor: int, first: int, height: int) -> tuple[Strip, ...]:
        """``height`` lines at most, with the rows from ``first`` on."""
        rows = range(first, min(self.many, first + max(0, height - len(self.head))))
        body = [self.row(index, index == cursor) for index in rows] if self.many else self.nothing
        return (*self.head, *body)[:height]


@lru_cache(maxsize=64)
def fitted(columns: tuple[Column, ...], width: int) -> tuple[Column, ...]:
    """The columns that ``width`` has room for, with their widths."""
    shown = [column for column in columns if width >= column.narrowest]
    open_ended = [column for column in shown if not column.width]
    rest = width - 1 - sum(column.width + 1 for column in shown)
    shares = {column.name: max(1, rest // len(open_ended)) for column in open_ended}
    return tuple(Column(one.name, one.title, one.width or shares[one.name], one.narrowest, one.right) for one in shown)


def titles(columns: tuple[Column, ...], look: Look, width: int, orders: Mapping[str, str] = NO_ORDERS) -> Strip:
    """The line of the columns' titles; a click on one that has an order calls the screen's ``action_sort_by``."""
    return line(width, *titled(fitted(columns, width), look.glyphs.ellipsis, orders))


def titled(columns: Sequence[Column], ellipsis: str, orders: Mapping[str, str] = NO_ORDERS) -> list[Segment]:
    """The titles of columns that have their widths."""
    cells = {column.name: (column.title, MUTED_STYLE) for column in columns}
    first, *segments = spaced(columns, cells, ellipsis)
    for at, column in enumerate(columns):
        if column.name in orders:
            segments[2 * at] = clicked(segments[2 * at], f"screen.sort_by('{orders[column.name]}')")
    return [first, *segments]


def row(
    columns: tuple[Column, ...], cells: Mapping[str, Cell], look: Look, width: int, *, on_cursor: bool = False
) -> Strip:
    """One row of cells by their columns' names."""
    strip = line(width, *spaced(fitted(columns, width), cells, look.glyphs.ellipsis))
    return on_cursor_or_not(strip, look, on_cursor=on_cursor)


def on_cursor_or_not(strip: Strip, look: Look, *, on_cursor: bool) -> Strip:
    """``strip``, with the cursor on it if it is there."""
    return strip.apply_style(CURSOR_STYLE if look.focused else CURSOR_IDLE_STYLE) if on_cursor else strip


def spaced(columns: Sequence[Column], cells: Mapping[str, Cell], ellipsis: str) -> list[Segment]:
    """The cells of columns that have their widths, with blanks around them."""
    out = [Segment(" ", TEXT_STYLE)]
    for column in columns:
        text, style = cells[column.name]
        out += [cell(text, column.width, style, right=column.right, ellipsis=ellipsis), Segment(" ", TEXT_STYLE)]
    return out


def says(width: int, text: str) -> tuple[Strip, ...]:
    """A sentence where a list is empty."""
    pieces = chopped(preview(text), max(1, width - 3))
    return (line(width), *(line(width, text_segment(f"  {piece}", MUTED_STYLE)) for piece in pieces))


def listing(
    columns: tuple[Column, ...],
    values: Sequence[object],
    cells: Callable[[int], Mapping[str, Cell]],
    look: Look,
    width: int,
    nothing: str,
    extra_head: tuple[Strip, ...] = (),
    orders: Mapping[str, str] = NO_ORDERS,
) -> Listing:
    """A list of ``values`` whose row at an index has the cells that ``cells`` gives."""
    return Listing(
        (titles(columns, look, width, orders), *extra_head),
        len(values),
        lambda index, on_cursor: row(columns, cells(index), look, width, on_cursor=on_cursor),
        says(width, nothing) if nothing else (),
    )
