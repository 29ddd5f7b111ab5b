"""The models of the local models pane: a row each, and one more for the figures of a loaded one in a narrow pane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from gateway_core.frozen import frozen
from gateway_core.model import LocalModel, LocalServer, Snapshot
from llmgw_tui.panes import models
from llmgw_tui.panes.columns import Cell
from llmgw_tui.panes.draw import Look, cell, line, segments_width, text_segment
from llmgw_tui.text import context, preview, shortened, size
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    FOCUS_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_KEYS,
    TIER_STYLES,
)

HEAD_CELLS = 5
"""Tiers, and whether it is loaded."""
LONGEST_NAME = 26
READABLE_NAME = 16
"""Cells that tell a model from its sisters, cut in the middle; below that its figures get a row of their own."""
LEAST_NAME = 6


@frozen
class Figure:
    """What is said of a model: in full, and in short where room is scarce."""

    name: str
    says: Callable[[LocalModel, LocalServer, float], Cell]
    short: Callable[[str], str] = str


@frozen
class Columns:
    """The figures that are shown and their cells; ``below`` puts those of a loaded model on a second row."""

    figures: tuple[tuple[Figure, int], ...]
    short: bool = False
    below: bool = False

    @property
    def cells(self) -> int:
        return sum(cells + 1 for _, cells in self.figures)


def _context(model: LocalModel, server: LocalServer, now: float) -> Cell:
    known = model.context_length
    return (f"{context(known)} ctx" if known else "", TEXT_STYLE if model.loaded else MUTED_STYLE)


def _size(model: LocalModel, server: LocalServer, now: float) -> Cell:
    return (size(model.size_bytes) if model.size_bytes else "", MUTED_STYLE)


def _speed(model: LocalModel, server: LocalServer, now: float) -> Cell:
    tokens_per_s = model.speed.tokens_per_s
    return (f"{tokens_per_s:.0f} tok/s" if tokens_per_s else "", BRIGHT_STYLE)


def _gpu(model: LocalModel, server: LocalServer, now: float) -> Cell:
    share = model.gpu_share
    return (f"{models.gpu_words(model)} GPU" if share is not None and not model.builtin else "", MUTED_STYLE)


NEEDED = (
    Figure("expiry", models.expiry),
    Figure("size", _size),
    Figure("context", _context, lambda words: words.removesuffix(" ctx")),
    Figure("gpu", _gpu, lambda words: words.removesuffix(" GPU").replace(" ", "")),
)
"""What the pane is for, the first the last to go."""
WELCOME = (
    Figure("speed", _speed),
    Figure("quantization", lambda model, server, now: (preview(model.quantization), MUTED_STYLE)),
)
"""Where names leave room."""


def model_lines(snapshot: Snapshot, look: Look, width: int, room: int) -> list[Strip]:
    """The models in at most ``room`` rows, the loaded ones first, and how many more there are."""
    server = snapshot.local
    shown = sorted(server.models, key=lambda model: (not model.loaded, model.name != server.current_model))
    if not shown or room <= 0:
        return []
    near = shown[:room]
    columns = columns_for(near, server, look.now, width, room)
    tiers = models.served_tiers(snapshot)
    blocks = [tuple(_block(model, server, tiers.get(model.name, ()), columns, look, width)) for model in near]
    fits = _fitting([len(block) for block in blocks], room, all_of_them=len(near) == len(shown))
    lines = [row for block in blocks[:fits] for row in block]
    if hidden := shown[fits:]:
        loaded = sum(model.loaded for model in hidden)
        words = f"    and {len(hidden)} more" + (f", {loaded} of them loaded" if loaded else "")
        lines.append(line(width, text_segment(words, MUTED_STYLE)))
    return lines


def _fitting(heights: Sequence[int], room: int, *, all_of_them: bool) -> int:
    """How many of the first blocks fit, with a row for how many do not."""
    if all_of_them and sum(heights) <= room:
        return len(heights)
    return sum(height <= room - 1 for height in accumulate(heights))


def columns_for(shown: Sequence[LocalModel], server: LocalServer, now: float, width: int, room: int) -> Columns:
    """How the figures are laid out: behind the names; below them where that cuts names too short and there are rows for
    all loaded models; else behind them in short words."""
    longest = min(LONGEST_NAME, max(cell_len(preview(model.name)) for model in shown))
    behind = Columns(_measured(NEEDED, shown, server, now))
    if name_cells(behind, width) >= min(READABLE_NAME, longest):
        return _with_welcome(behind, shown, server, now, width - HEAD_CELLS - longest)
    loaded = [model for model in shown if model.loaded]
    if 2 * len(loaded) + (len(shown) > len(loaded)) <= room:
        for short in (False, True):
            below = Columns(_measured(NEEDED, loaded, server, now, short=short), short=short, below=True)
            if below.cells < width:
                return _with_welcome(below, loaded, server, now, width - 1)
    short_words = _measured(NEEDED, shown, server, now, short=True)
    while len(short_words) > 1 and name_cells(Columns(short_words), width) < LEAST_NAME:
        short_words = short_words[:-1]
    return Columns(short_words, short=True)


def name_cells(columns: Columns, width: int) -> int:
    return width - HEAD_CELLS - (0 if columns.below else columns.cells)


def _measured(
    figures: Sequence[Figure], shown: Sequence[LocalModel], server: LocalServer, now: float, *, short: bool = False
) -> tuple[tuple[Figure, int], ...]:
    """Those that say something of any model, as wide as the longest of what they say."""
    cells = {
        figure: max((cell_len(_word(figure, m, server, now, short)[0]) for m in shown), default=0) for figure in figures
    }
    return tuple((figure, many) for figure, many in cells.items() if many)


def _with_welcome(columns: Columns, shown: Sequence[LocalModel], server: LocalServer, now: float, room: int) -> Columns:
    """``columns`` with as many more figures as ``room`` cells have place for."""
    figures, used = columns.figures, columns.cells
    for figure, cells in _measured(WELCOME, shown, server, now, short=columns.short):
        if used + cells + 1 > room:
            break
        figures, used = (*figures, (figure, cells)), used + cells + 1
    return Columns(figures, columns.short, columns.below)


def _word(figure: Figure, model: LocalModel, server: LocalServer, now: float, short: bool) -> Cell:
    words, style = figure.says(model, server, now)
    return (figure.short(words) if short else words, style)


def _block(
    model: LocalModel, server: LocalServer, tiers: Sequence[str], columns: Columns, look: Look, width: int
) -> Iterator[Strip]:
    """A model: which tiers it serves, whether it is loaded, its name and figures."""
    words = [_word(figure, model, server, look.now, columns.short) for figure, _ in columns.figures]
    figures: list[Segment] = []
    for (_, cells), (word, style) in zip(columns.figures, words, strict=True):
        figures += [Segment(" ", TEXT_STYLE), cell(word, cells, style, right=True)]
    if not columns.below:
        yield line(width, *_name(model, tiers, look, max(LEAST_NAME, name_cells(columns, width))), *figures)
    elif not model.loaded:
        bare = size(model.size_bytes) if model.size_bytes else ""
        room = name_cells(columns, width) - cell_len(bare) - 1
        yield line(width, *_name(model, tiers, look, room), text_segment(f" {bare}", MUTED_STYLE))
    else:
        yield line(width, *_name(model, tiers, look, name_cells(columns, width)))
        yield line(width, Segment(" " * (width - segments_width(figures)), TEXT_STYLE), *figures)


def _name(model: LocalModel, tiers: Sequence[str], look: Look, room: int) -> list[Segment]:
    """The row's beginning: exactly ``room`` cells for the name, after the tiers and the mark."""
    glyphs, name = look.glyphs, preview(model.name)
    style = BRIGHT_STYLE if tiers else TEXT_STYLE if model.loaded else MUTED_STYLE
    use = " in use" if tiers and cell_len(name) + 7 <= room else ""
    name_room = min(room - len(use), cell_len(name))
    tier_style = TIER_STYLES.get(tiers[0], MUTED_STYLE) if tiers else MUTED_STYLE
    return [
        cell("".join(TIER_KEYS.get(tier, "?") for tier in tiers), 2, tier_style),
        Segment(" ", TEXT_STYLE),
        text_segment(glyphs.on if model.loaded else glyphs.off, GOOD_STYLE if model.loaded else MUTED_STYLE),
        Segment(" ", TEXT_STYLE),
        cell(shortened(name, name_room, ellipsis=glyphs.ellipsis), name_room, style),
        cell(use, room - name_room, FOCUS_STYLE),
    ]
