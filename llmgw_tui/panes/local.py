"""The local models pane: the server, what is being pulled, and its models; where none answers, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import LocalServer, Snapshot
from llmgw_tui.panes.details import chopped
from llmgw_tui.panes.draw import Drawn, Look, between, line, padded, text_segment
from llmgw_tui.panes.local_rows import model_lines
from llmgw_tui.panes.models import is_absent, looking, server_name
from llmgw_tui.panes.pulls import pull_line
from llmgw_tui.text import fit, preview
from llmgw_tui.theme import BAD_STYLE, BRIGHT_STYLE, DEMO_STYLE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE

LEAST_FOR_MODELS = 2
"""Rows that pulls leave to the models."""


def local_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    server, inner = snapshot.local, width - 2
    room = height - 1 - min(1, len(server.pulls))
    first, more = advice(server, look, inner, room) if is_absent(server) else ([], [])
    lines = [server_line(server, look, inner)]
    pulls = sorted(server.pulls, key=lambda pull: not pull.running)
    kept = max(LEAST_FOR_MODELS, len(first))
    lines += [pull_line(pull, look, inner) for pull in pulls[: max(1, height - 1 - kept)]]
    lines += model_lines(snapshot, look, inner, height - len(lines) - len(first))
    if first:
        lines += cut(first, height - len(lines), look, inner)
        lines += cut(more, height - len(lines), look, inner)
    elif not server.models:
        lines.append(line(inner, text_segment("No models yet. Pull one.", MUTED_STYLE)))
    return Drawn("Local models", _info(server), padded(lines[:height], width))


def _info(server: LocalServer) -> str:
    if is_absent(server):
        return f"looks every {server.looks_every_s:.0f} s" if server.looks_every_s else ""
    loaded = sum(model.loaded for model in server.models)
    return f"{loaded} of {len(server.models)} loaded" if server.models else ""


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


def advice(server: LocalServer, look: Look, width: int, room: int) -> tuple[list[str], list[str]]:
    """Rows that say why no local server answers and what helps first, and rows for where there is more room.

    Where ``room`` rows are too few for both, what helps is said alone.
    """
    why, steps = preview(server.why_absent), [preview(step) for step in server.how_to_start]
    again = looking(server, look.now)
    first = [why or "Looking for a local server.", *steps[:1]]
    ways = (first, [" ".join(first)], steps[:1] or first)
    rows = [[piece for words in way for piece in chopped(words, width)] for way in ways]
    more = [
        piece for words in (*steps[1:], f"llmgw {again}." if again else "") if words for piece in chopped(words, width)
    ]
    return (next((way for way in rows if len(way) <= room), rows[-1]), more)


def cut(rows: Sequence[str], room: int, look: Look, width: int) -> list[Strip]:
    """As many ``rows`` as there is room for; where that is not all of them, the last one says so."""
    shown = list(rows[: max(0, room)])
    if shown and len(shown) < len(rows):
        shown[-1] = fit(f"{shown[-1]} {look.glyphs.ellipsis}", width, ellipsis=look.glyphs.ellipsis)
    return [line(width, text_segment(words, MUTED_STYLE)) for words in shown]
