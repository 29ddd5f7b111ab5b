"""The cache screen's lists: what is kept, what was answered with it, and what that saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.model import CacheEntry, CacheHit, CachePage, CacheStats, Saved
from llmgw_tui.panes.cache import EXACT_STYLE, SEMANTIC_STYLE, error_words, grey_words
from llmgw_tui.panes.draw import Look, cell, joined, line, text_segment
from llmgw_tui.text import clock_time, count, dollars, duration, preview, time_saved
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    CURSOR_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_STYLES,
    WARN_STYLE,
)

MARKS = {"exact": ("=", EXACT_STYLE), "semantic": ("~", SEMANTIC_STYLE)}
"""Told apart without colour."""


@dataclass(frozen=True, slots=True)
class Column:
    """``width`` 0 takes what is left, with the others of that width; ``narrowest`` is the width it is shown from."""

    name: str
    title: str
    width: int
    narrowest: int = 0
    right: bool = False


ENTRY_COLUMNS = (
    Column("kind", "", 1),
    Column("question", "question", 0),
    Column("tier", "tier", 7, 100),
    Column("model", "model", 20, 76),
    Column("age", "age", 7, 48, right=True),
    Column("hits", "hits", 5, 36, right=True),
    Column("saved", "saved", 9, 42, right=True),
    Column("expires", "expires", 7, 60, right=True),
)
HIT_COLUMNS = (
    Column("time", "time", 8, 56),
    Column("kind", "", 1),
    Column("asked", "asked", 0),
    Column("answered", "question answered", 0, 48),
    Column("cosine", "cosine", 6, 64, right=True),
    Column("verdict", "allowed by", 12, 90),
    Column("age", "age", 7, 72, right=True),
    Column("saved", "saved", 9, 110, right=True),
)
Cell = tuple[str, Style]


def summary(stats: CacheStats, look: Look, width: int) -> tuple[Strip, ...]:
    """Two lines: what was saved today and ever, and how the semantic cache does."""
    gap = Segment(f"  {look.glyphs.dot}  ", MUTED_STYLE)
    saved = [
        [text_segment(" saved today ", MUTED_STYLE), *_saved(stats.today.total)],
        [text_segment("in all ", MUTED_STYLE), *_saved(stats.ever.total)],
        [text_segment("exact ", MUTED_STYLE), *_saved(stats.ever.exact)],
        [text_segment("semantic ", MUTED_STYLE), *_saved(stats.ever.semantic)],
    ]
    state = [[text_segment(" ", MUTED_STYLE), *error_words(stats.semantic)], grey_words(stats.semantic)]
    return (line(width, *joined(saved, width, gap)), line(width, *joined(state, width, gap)))


def _saved(saved: Saved) -> list[Segment]:
    style = GOOD_STYLE if saved.microusd > 0 or saved.ms > 0 else MUTED_STYLE
    return [
        text_segment(f"{dollars(saved.microusd)} {time_saved(saved.ms)}", style),
        text_segment(f" {count(saved.hits)} hit{'' if saved.hits == 1 else 's'}", MUTED_STYLE),
    ]


def entries_lines(page: CachePage, selected: int, first: int, look: Look, width: int, height: int) -> tuple[Strip, ...]:
    """Titles, the entries from ``first`` on, and last what could not be looked at."""
    problem = [line(width, text_segment(f" {page.problem}", WARN_STYLE))] if page.problem else []
    room = height - len(problem)
    lines = _titled(ENTRY_COLUMNS, [_entry(one, look) for one in page.entries], selected, first, look, width, room)
    if not page.entries and not problem:
        says = "Nothing is kept, or nothing that was searched for."
        lines += [line(width), line(width, text_segment(f"  {says}", MUTED_STYLE))]
    return (*lines, *problem)[:height]


def hits_lines(
    hits: Sequence[CacheHit] | None, selected: int, first: int, look: Look, width: int, height: int
) -> tuple[Strip, ...]:
    """Titles, and the hits from ``first`` on."""
    lines = _titled(HIT_COLUMNS, [_hit(one, look) for one in hits or ()], selected, first, look, width, height)
    if not hits:
        says = "The gateway does not tell of hits." if hits is None else "No request was answered from a cache yet."
        lines += [line(width), line(width, text_segment(f"  {says}", MUTED_STYLE))]
    return tuple(lines[:height])


@lru_cache(maxsize=32)
def fitted(columns: tuple[Column, ...], width: int) -> tuple[Column, ...]:
    """The columns that ``width`` has room for, with their widths."""
    shown = [column for column in columns if width >= column.narrowest]
    open_ended = [column for column in shown if not column.width]
    rest = width - 1 - sum(column.width + 1 for column in shown)
    shares = {column.name: max(1, rest // len(open_ended)) for column in open_ended}
    return tuple(Column(one.name, one.title, one.width or shares[one.name], one.narrowest, one.right) for one in shown)


def _titled(
    columns: tuple[Column, ...],
    rows: Sequence[dict[str, Cell]],
    selected: int,
    first: int,
    look: Look,
    width: int,
    height: int,
) -> list[Strip]:
    titles = {column.name: (column.title, MUTED_STYLE) for column in columns}
    lines = [_row(columns, titles, look, width)]
    for number, cells in enumerate(rows[first : first + max(0, height - 1)], first):
        strip = _row(columns, cells, look, width)
        lines.append(strip.apply_style(CURSOR_STYLE) if number == selected else strip)
    return lines


def _row(columns: tuple[Column, ...], cells: dict[str, Cell], look: Look, width: int) -> Strip:
    out = [Segment(" ", TEXT_STYLE)]
    for column in fitted(columns, width):
        text, style = cells[column.name]
        out += [
            cell(text, column.width, style, right=column.right, ellipsis=look.glyphs.ellipsis),
            Segment(" ", TEXT_STYLE),
        ]
    return line(width, *out)


def _entry(entry: CacheEntry, look: Look) -> dict[str, Cell]:
    asked = (preview(entry.question), TEXT_STYLE) if entry.question else ("kept by an older version", MUTED_STYLE)
    return {
        "kind": MARKS.get(entry.kind, ("?", MUTED_STYLE)),
        "question": asked,
        "tier": (entry.tier, TIER_STYLES.get(entry.tier, MUTED_STYLE)),
        "model": (preview(entry.model), TIER_STYLES.get(entry.tier, MUTED_STYLE)),
        "age": (duration(look.now - entry.created_at), MUTED_STYLE),
        "hits": (count(entry.hits) if entry.hits else "", BRIGHT_STYLE),
        "saved": (dollars(entry.saved_microusd) if entry.saved_microusd else "", GOOD_STYLE),
        "expires": (duration(entry.expires_at - look.now), MUTED_STYLE),
    }


def _hit(hit: CacheHit, look: Look) -> dict[str, Cell]:
    same = hit.answered == hit.asked
    return {
        "time": (clock_time(hit.at, look.zone), MUTED_STYLE),
        "kind": MARKS.get(hit.kind, ("?", MUTED_STYLE)),
        "asked": (preview(hit.asked), TEXT_STYLE),
        "answered": ("the same" if same else preview(hit.answered), MUTED_STYLE if same else BRIGHT_STYLE),
        "cosine": ("" if hit.cosine is None else f"{hit.cosine:.3f}", TEXT_STYLE),
        "verdict": (preview(hit.verdict), MUTED_STYLE),
        "age": (duration(hit.age_s), MUTED_STYLE),
        "saved": (dollars(hit.saved_microusd) if hit.saved_microusd else "", GOOD_STYLE),
    }
