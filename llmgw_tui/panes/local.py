"""The local models pane: the server, what is being pulled, and its models with what is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import LocalModel, LocalServer, PullStatus, Snapshot
from llmgw_tui.panes.draw import Drawn, Look, between, cell, line, meter, padded, text_segment
from llmgw_tui.text import context, duration, percent, preview, size
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    DEMO_STYLE,
    FOCUS_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    WARN_STYLE,
)

KINDS = {"ollama": "Ollama", "openai": "OpenAI-compatible", "builtin": "built-in model"}


def local_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    server, inner = snapshot.local, width - 2
    lines = [server_line(server, look, inner)]
    for pull in server.pulls:
        lines.append(pull_line(pull, look, inner))
    models = sorted(server.models, key=lambda model: (not model.loaded, model.name != server.current_model))
    room = height - len(lines)
    hidden = max(0, len(models) - room)
    listed = models[: max(0, room - 1 if hidden else room)]
    figures = figures_for(listed, look.now, inner)
    lines += [model_line(model, server, figures, look, inner) for model in listed]
    if hidden:
        lines.append(line(inner, text_segment(f"    and {len(models) - len(listed)} more", MUTED_STYLE)))
    if not models:
        lines += advice(server, inner)
    loaded = sum(model.loaded for model in models)
    info = f"{loaded} of {len(models)} loaded" if models else ""
    return Drawn("Local models", info, padded(lines[:height], width))


def server_line(server: LocalServer, look: Look, width: int) -> Strip:
    glyphs = look.glyphs
    name = KINDS.get(server.kind, preview(server.kind))
    state = (
        [text_segment(f"{glyphs.on} up", GOOD_STYLE)]
        if server.reachable
        else [text_segment(f"{glyphs.off} down", BAD_STYLE)]
    )
    version = f" {preview(server.version)}" if server.version else ""
    name_style = DEMO_STYLE if server.kind == "builtin" else BRIGHT_STYLE
    left = [text_segment(name, name_style), text_segment(version, TEXT_STYLE), Segment("  ", TEXT_STYLE), *state]
    detail = preview(server.detail) if server.detail else preview(server.base_url)
    return between(width, left, [text_segment(detail, MUTED_STYLE)])


def advice(server: LocalServer, width: int) -> list[Strip]:
    """What to do when there is nothing to list."""
    words: tuple[str, ...]
    if server.reachable:
        words = ("No models yet: pull one.",)
    else:
        words = ("No local server answers.", f"Start one: {preview((*server.how_to_start, 'ollama serve')[0])}")
    return [line(width, text_segment(word, MUTED_STYLE)) for word in words]


def pull_line(pull: PullStatus, look: Look, width: int) -> Strip:
    """A pull's progress, or how it ended."""
    name = preview(pull.model)
    if pull.error:
        return line(
            width,
            text_segment("pull ", MUTED_STYLE),
            text_segment(f"{name} failed: ", BAD_STYLE),
            text_segment(preview(pull.error), TEXT_STYLE),
        )
    if pull.cancelled or pull.interrupted:
        ended = text_segment(f"{name} {pull.state.value}", WARN_STYLE)
        return line(width, text_segment("pull ", MUTED_STYLE), ended)
    if pull.done:
        return line(width, text_segment("pull ", MUTED_STYLE), text_segment(f"{name} done", GOOD_STYLE))
    share = pull.completed_bytes / pull.total_bytes if pull.total_bytes else 0.0
    figures = f" {percent(share)} of {size(pull.total_bytes)}" if pull.total_bytes else f" {preview(pull.status)}"
    head = [
        text_segment("pull ", FOCUS_STYLE),
        cell(name, max(8, min(len(name), width // 3)), TEXT_STYLE, ellipsis=look.glyphs.ellipsis),
        Segment(" ", TEXT_STYLE),
    ]
    bar = width - sum(len(segment.text) for segment in head) - len(figures)
    if bar < 4:
        return line(width, *head, text_segment(figures, TEXT_STYLE))
    return line(width, *head, *meter(bar, share, FOCUS_STYLE, look.glyphs), text_segment(figures, TEXT_STYLE))


@dataclass(frozen=True, slots=True)
class Figure:
    """A column of the models: what it says of one, its cells, and the pane width from which it is shown."""

    name: str
    says: Callable[[LocalModel, float], str]
    cells: int
    narrowest: int


def _expiry(model: LocalModel, now: float) -> str:
    if not model.loaded or model.builtin:
        return ""
    return duration(model.expires_at - now) if model.expires_at is not None else "stays"


def _gpu(model: LocalModel, now: float) -> str:
    share = model.gpu_share if model.size_vram_bytes else None
    return f"{percent(share)} GPU" if share is not None else ""


FIGURES = (
    Figure("builtin", lambda model, now: "built-in" if model.builtin else "", 8, 0),
    Figure("expiry", _expiry, 7, 0),
    Figure("size", lambda model, now: size(model.size_bytes) if model.size_bytes else "", 8, 30),
    Figure("context", lambda model, now: f"{context(model.context_length)} ctx" if model.context_length else "", 9, 44),
    Figure("quantization", lambda model, now: preview(model.quantization), 8, 52),
    Figure("gpu", _gpu, 9, 62),
)
LONGEST_NAME = 26


def figures_for(models: Sequence[LocalModel], now: float, width: int) -> tuple[Figure, ...]:
    """The columns for these models: those that say something, fewer where the names need the room."""
    shown = [f for f in FIGURES if width >= f.narrowest and any(f.says(model, now) for model in models)]
    wanted = max((min(LONGEST_NAME, cell_len(preview(model.name))) for model in models), default=0)
    while len(shown) > 1 and name_cells(shown, width) < wanted:
        shown.pop()
    return tuple(shown)


def name_cells(figures: Sequence[Figure], width: int) -> int:
    return max(6, width - 4 - sum(figure.cells + 1 for figure in figures))


def model_line(model: LocalModel, server: LocalServer, figures: Sequence[Figure], look: Look, width: int) -> Strip:
    """A model: whether it is loaded and in use, its size, context and quantisation, and when it is unloaded."""
    glyphs = look.glyphs
    current = model.name == server.current_model
    style = BRIGHT_STYLE if current else TEXT_STYLE if model.loaded else MUTED_STYLE
    room, name = name_cells(figures, width), preview(model.name)
    use = " in use" if current and cell_len(name) + 7 <= room else ""
    name_room = min(room - len(use), cell_len(name))
    parts = [
        text_segment(glyphs.pinned if current else " ", FOCUS_STYLE),
        Segment(" ", TEXT_STYLE),
        text_segment(glyphs.on if model.loaded else glyphs.off, GOOD_STYLE if model.loaded else MUTED_STYLE),
        Segment(" ", TEXT_STYLE),
        cell(name, name_room, style, ellipsis=glyphs.ellipsis),
        cell(use, room - name_room, FOCUS_STYLE),
    ]
    for figure in figures:
        word = figure.says(model, look.now)
        word_style = DEMO_STYLE if figure.name == "builtin" else MUTED_STYLE
        if figure.name == "expiry" and word.startswith("0:"):
            word_style = WARN_STYLE
        parts += [Segment(" ", TEXT_STYLE), cell(word, figure.cells, word_style, right=True)]
    return line(width, *parts)
