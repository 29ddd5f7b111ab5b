"""Lines of text with styles. Everything drawn passes :func:`text_segment`, which cleans it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.frozen import frozen
from gateway_core.model import Snapshot
from llmgw_tui.text import fit, one_line
from llmgw_tui.theme import (
    FOCUS_STYLE,
    FOCUS_TITLE_STYLE,
    LINE_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TITLE_STYLE,
    UNICODE,
    Glyphs,
)


@frozen
class Look:
    """What a view needs besides the snapshot: time, glyphs, and the snapshot the charts are drawn from."""

    now: float
    zone: tzinfo = UTC
    glyphs: Glyphs = UNICODE
    focused: bool = False
    charts: Snapshot | None = None
    """Taken at most once a second; None draws charts from the snapshot itself."""


@frozen
class Drawn:
    """What a pane shows: a title, a word on the right of it, and lines inside the frame."""

    title: str
    info: str
    lines: tuple[Strip, ...]


def text_segment(text: str, style: Style = TEXT_STYLE) -> Segment:
    """A segment of cleaned text on one line."""
    return Segment(one_line(text), style)


def clicked(segment: Segment, action: str) -> Segment:
    """``segment``, a click on which does ``action`` of the screen or the app, as Textual names them."""
    return Segment(segment.text, (segment.style or TEXT_STYLE) + Style(meta={"@click": action}))


def cell(text: str, width: int, style: Style = TEXT_STYLE, *, right: bool = False, ellipsis: str = "…") -> Segment:
    """A segment of exactly ``width`` cells."""
    return Segment(fit(one_line(text), width, right=right, ellipsis=ellipsis), style)


def line(width: int, *segments: Segment, style: Style = TEXT_STYLE) -> Strip:
    """A strip of exactly ``width`` cells; words that do not fit end in an ellipsis."""
    strip = Strip([segment for segment in segments if segment.text])
    if strip.cell_length > width:
        strip = shortened(strip, width)
    return strip.adjust_cell_length(width, style).simplify()


def shortened(strip: Strip, width: int) -> Strip:
    """A strip that is too long for ``width`` cells, with an ellipsis where words are lost."""
    if width < 1 or strip.text.rstrip() == strip.crop(0, width).text.rstrip():
        return strip
    kept = list(strip.crop(0, width - 1))
    while kept and not kept[-1].text.rstrip(" "):
        kept.pop()
    if not kept:
        return Strip([Segment("…", next(iter(strip)).style)])
    last = kept.pop()
    return Strip([*kept, Segment(last.text.rstrip(" ") + "…", last.style)])


def between(width: int, left: Sequence[Segment], right: Sequence[Segment]) -> Strip:
    """``left`` and ``right`` at the two ends; ``right`` is left out when both do not fit."""
    left_width = segments_width(left)
    right_width = segments_width(right)
    if left_width + right_width + (1 if right_width else 0) > width:
        return line(width, *left)
    return line(width, *left, Segment(" " * (width - left_width - right_width), TEXT_STYLE), *right)


def padded(lines: Iterable[Strip], width: int) -> tuple[Strip, ...]:
    """``lines``, two cells narrower than ``width``, with a blank on both sides."""
    blank = Segment(" ", TEXT_STYLE)
    return tuple(Strip([blank, *strip, blank]).adjust_cell_length(width, TEXT_STYLE) for strip in lines)


def segments_width(segments: Iterable[Segment]) -> int:
    return sum(cell_len(segment.text) for segment in segments)


def joined(parts: Sequence[Sequence[Segment]], width: int, separator: Segment) -> list[Segment]:
    """As many whole ``parts`` as fit into ``width``, the first always."""
    out: list[Segment] = []
    used = 0
    for part in parts:
        extra = segments_width(part) + (cell_len(separator.text) if out else 0)
        if out and used + extra > width:
            break
        if out:
            out.append(separator)
        out.extend(part)
        used += extra
    return out


def frame(drawn: Drawn, width: int, height: int, look: Look) -> tuple[Strip, ...]:
    """``drawn`` in a box of ``width`` times ``height`` cells, its title in the upper edge."""
    if width < 4 or height < 2:
        return tuple(line(width, text_segment(drawn.title)) for _ in range(height))
    edge = FOCUS_STYLE if look.focused else LINE_STYLE
    title_style = FOCUS_TITLE_STYLE if look.focused else TITLE_STYLE
    glyphs = look.glyphs
    top_left, top_right, low_left, low_right = tuple(glyphs.corners)
    mark = f"{glyphs.pinned} " if look.focused else ""
    title = fit_words(f"{mark}{one_line(drawn.title)}", width - 6)
    info = one_line(drawn.info)
    room = width - 2 - (cell_len(title) + 3)
    if info and cell_len(info) + 3 <= room:
        tail = [Segment(f" {info} ", MUTED_STYLE), Segment(glyphs.across + top_right, edge)]
        room -= cell_len(info) + 3
    else:
        tail = [Segment(top_right, edge)]
    top = line(
        width,
        Segment(top_left + glyphs.across, edge),
        Segment(f" {title} ", title_style),
        Segment(glyphs.across * max(0, room), edge),
        *tail,
    )
    side = Segment(glyphs.down, edge)
    inner = width - 2
    blank = Strip.blank(inner, TEXT_STYLE)
    body = [
        Strip([side, *(drawn.lines[y] if y < len(drawn.lines) else blank).adjust_cell_length(inner, TEXT_STYLE), side])
        for y in range(height - 2)
    ]
    low = line(width, Segment(low_left + glyphs.across * (width - 2) + low_right, edge))
    return (top, *body, low)


def fit_words(text: str, width: int) -> str:
    """``text``, cut to ``width`` cells if it is longer, not filled."""
    return text if cell_len(text) <= width else fit(text, max(0, width)).rstrip()


def blocks(values: Sequence[float], width: int, height: int, top: float, style: Style, glyphs: Glyphs) -> list[Strip]:
    """A column chart of ``height`` rows, one column a value, the newest at the right edge, ``top`` its scale's end."""
    shown = list(values)[-width:]
    steps = len(glyphs.heights) - 1
    levels = [0 if top <= 0 else round(min(1.0, max(0.0, value / top)) * height * steps) for value in shown]
    levels = [max(1, level) if value > 0 else level for level, value in zip(levels, shown, strict=True)]
    rows: list[Strip] = []
    for row in range(height - 1, -1, -1):
        text = "".join(glyphs.heights[min(steps, max(0, level - row * steps))] for level in levels)
        rows.append(line(width, Segment(" " * (width - len(shown)), style), Segment(text, style)))
    return rows


def shares(width: int, parts: Sequence[tuple[float, Style]], glyphs: Glyphs) -> list[Segment]:
    """A bar of ``width`` cells divided in proportion; a part that is not zero gets at least one cell."""
    total = sum(value for value, _ in parts)
    if total <= 0 or width <= 0:
        return [Segment(glyphs.track * width, LINE_STYLE)]
    cells = [max(1, int(value / total * width)) if value > 0 else 0 for value, _ in parts]
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    largest = max(range(len(parts)), key=lambda index: parts[index][0])
    cells[largest] += width - sum(cells)
    return [
        Segment(glyphs.shades[index % len(glyphs.shades)] * cells[index], style)
        for index, (_, style) in enumerate(parts)
        if cells[index] > 0
    ]


def meter(width: int, share: float, style: Style, glyphs: Glyphs) -> list[Segment]:
    """A progress bar of ``width`` cells, 0–1."""
    done = round(min(1.0, max(0.0, share)) * width)
    if share > 0 and width and not done:
        done = 1
    return [Segment(glyphs.bar * done, style), Segment(glyphs.track * (width - done), LINE_STYLE)]
