"""The cache screen's lists: what is kept, what was answered with it, and what that saved."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import CacheEntry, CacheHit, CachePage, CacheStats
from llmgw_tui.panes.cache import EXACT_STYLE, SEMANTIC_STYLE, error_words, grey_words, saved_words
from llmgw_tui.panes.columns import Cell, Column, Listing, listing
from llmgw_tui.panes.draw import Look, joined, line, text_segment
from llmgw_tui.text import clock_time, count, dollars, duration, preview
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_STYLES,
    WARN_STYLE,
)

MARKS = {"exact": ("=", EXACT_STYLE), "semantic": ("~", SEMANTIC_STYLE)}
"""Told apart without colour."""


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


def summary(stats: CacheStats, look: Look, width: int) -> tuple[Strip, ...]:
    """Two lines: what was saved today and ever, and how the semantic cache does."""
    gap = Segment(f"  {look.glyphs.dot}  ", MUTED_STYLE)
    state = [[text_segment(" ", MUTED_STYLE), *error_words(stats.semantic)], grey_words(stats.semantic)]
    return (line(width, *joined(saved_words(stats), width, gap)), line(width, *joined(state, width, gap)))


def entries_list(page: CachePage, look: Look, width: int) -> Listing:
    """The entries, and above them what could not be looked at."""
    entries = page.entries
    return listing(
        ENTRY_COLUMNS,
        entries,
        lambda index: _entry(entries[index], look),
        look,
        width,
        "" if page.problem else "No cached answers match.",
        (line(width, text_segment(f" {page.problem}", WARN_STYLE)),) if page.problem else (),
    )


def hits_list(hits: Sequence[CacheHit] | None, look: Look, width: int) -> Listing:
    """The newest answers from the caches; None where they cannot be had."""
    rows = hits or ()
    nothing = "The gateway does not report hits." if hits is None else "No request has been answered from a cache yet."
    return listing(HIT_COLUMNS, rows, lambda index: _hit(rows[index], look), look, width, nothing)


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
