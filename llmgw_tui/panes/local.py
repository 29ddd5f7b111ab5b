"""The local models pane: the server, what is being pulled, and its models with what is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import LocalModel, LocalServer, Snapshot
from llmgw_tui.panes import models
from llmgw_tui.panes.columns import Cell
from llmgw_tui.panes.draw import Drawn, Look, between, cell, line, padded, text_segment
from llmgw_tui.panes.models import is_absent, looking, served_tiers, server_name
from llmgw_tui.panes.pulls import pull_line
from llmgw_tui.text import context, preview, size
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    DEMO_STYLE,
    FOCUS_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_KEYS,
    TIER_STYLES,
)

LEAST_FOR_MODELS = 2
"""Rows that pulls leave to the models."""


def local_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    server, inner = snapshot.local, width - 2
    lines = [server_line(server, look, inner)]
    pulls = sorted(server.pulls, key=lambda pull: not pull.running)
    lines += [pull_line(pull, look, inner) for pull in pulls[: max(1, height - 1 - LEAST_FOR_MODELS)]]
    shown = sorted(server.models, key=lambda model: (not model.loaded, model.name != server.current_model))
    room = height - len(lines)
    hidden = max(0, len(shown) - room)
    listed = shown[: max(0, room - 1 if hidden else room)]
    figures = figures_for(listed, server, look.now, inner)
    tiers = served_tiers(snapshot)
    lines += [model_line(model, server, tiers.get(model.name, ()), figures, look, inner) for model in listed]
    if hidden:
        lines.append(line(inner, text_segment(f"    and {len(shown) - len(listed)} more", MUTED_STYLE)))
    if is_absent(server):
        lines += advice(server, look, inner)
    elif not shown:
        lines.append(line(inner, text_segment("No models yet. Pull one.", MUTED_STYLE)))
    loaded = sum(model.loaded for model in shown)
    info = f"{loaded} of {len(shown)} loaded" if shown else ""
    return Drawn("Local models", info, padded(lines[:height], width))


def server_line(server: LocalServer, look: Look, width: int) -> Strip:
    glyphs = look.glyphs
    state = (
        [text_segment(f"{glyphs.on} up", GOOD_STYLE)]
        if server.reachable
        else [text_segment(f"{glyphs.off} down", BAD_STYLE)]
    )
    version = f" {preview(server.version)}" if server.version else ""
    name_style = DEMO_STYLE if server.kind == "builtin" else BRIGHT_STYLE
    name = [text_segment(server_name(server), name_style), text_segment(version, TEXT_STYLE)]
    detail = preview(server.detail) if server.detail else preview(server.base_url)
    return between(width, [*name, Segment("  ", TEXT_STYLE), *state], [text_segment(detail, MUTED_STYLE)])


def advice(server: LocalServer, look: Look, width: int) -> list[Strip]:
    """What starts a local server while none answers, and that it is looked for."""
    start = preview(server.how_to_start[0]) if server.how_to_start else "ollama serve"
    words = ([] if server.kind == "builtin" else ["No local server answers."]) + [f"Start: {start}"]
    return [line(width, text_segment(word, MUTED_STYLE)) for word in (*words, looking(server, look.now))]


@dataclass(frozen=True, slots=True)
class Figure:
    """A column of the models: what it says of one, its cells, and the pane width from which it is shown."""

    name: str
    says: Callable[[LocalModel, LocalServer, float], Cell]
    cells: int
    narrowest: int


def _context(model: LocalModel, server: LocalServer, now: float) -> Cell:
    known = model.context_length
    return (f"{context(known)} ctx" if known else "", TEXT_STYLE if model.loaded else MUTED_STYLE)


def _size(model: LocalModel, server: LocalServer, now: float) -> Cell:
    return (size(model.size_bytes) if model.size_bytes else "", MUTED_STYLE)


def _speed(model: LocalModel, server: LocalServer, now: float) -> Cell:
    tokens_per_s = model.speed.tokens_per_s
    return (f"{tokens_per_s:.0f} tok/s" if tokens_per_s else "", BRIGHT_STYLE)


def _gpu(model: LocalModel, server: LocalServer, now: float) -> Cell:
    share = models.gpu_words(model)
    return (f"{share} GPU" if share else "", MUTED_STYLE)


FIGURES = (
    Figure("expiry", models.expiry, 8, 0),
    Figure("size", _size, 8, 30),
    Figure("context", _context, 9, 44),
    Figure("gpu", _gpu, 9, 54),
    Figure("speed", _speed, 9, 64),
    Figure("quantization", lambda model, server, now: (preview(model.quantization), MUTED_STYLE), 8, 76),
)
LONGEST_NAME = 26


def figures_for(listed: Sequence[LocalModel], server: LocalServer, now: float, width: int) -> tuple[Figure, ...]:
    """The columns for these models: those that say something, fewer where the names need the room."""
    shown = [f for f in FIGURES if width >= f.narrowest and any(f.says(model, server, now)[0] for model in listed)]
    wanted = max((min(LONGEST_NAME, cell_len(preview(model.name))) for model in listed), default=0)
    while len(shown) > 1 and name_cells(shown, width) < wanted:
        shown.pop()
    return tuple(shown)


def name_cells(figures: Sequence[Figure], width: int) -> int:
    return max(6, width - 5 - sum(figure.cells + 1 for figure in figures))


def model_line(
    model: LocalModel, server: LocalServer, tiers: Sequence[str], figures: Sequence[Figure], look: Look, width: int
) -> Strip:
    """A model: which tiers it serves, whether it is loaded, its size, context and speed, and when it is unloaded."""
    glyphs = look.glyphs
    style = BRIGHT_STYLE if tiers else TEXT_STYLE if model.loaded else MUTED_STYLE
    room, name = name_cells(figures, width), preview(model.name)
    use = " in use" if tiers and cell_len(name) + 7 <= room else ""
    name_room = min(room - len(use), cell_len(name))
    tier_style = TIER_STYLES.get(tiers[0], MUTED_STYLE) if tiers else MUTED_STYLE
    parts = [
        cell("".join(TIER_KEYS.get(tier, "?") for tier in tiers), 2, tier_style),
        Segment(" ", TEXT_STYLE),
        text_segment(glyphs.on if model.loaded else glyphs.off, GOOD_STYLE if model.loaded else MUTED_STYLE),
        Segment(" ", TEXT_STYLE),
        cell(name, name_room, style, ellipsis=glyphs.ellipsis),
        cell(use, room - name_room, FOCUS_STYLE),
    ]
    for figure in figures:
        word, word_style = figure.says(model, server, look.now)
        parts += [Segment(" ", TEXT_STYLE), cell(word, figure.cells, word_style, right=True)]
    return line(width, *parts)
