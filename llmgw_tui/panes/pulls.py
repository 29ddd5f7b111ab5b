"""Models being pulled: how far, how fast, how long still, layer by layer, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.frozen import frozen
from gateway_core.model import LayerState, PullLayer, PullState, PullStatus, Status
from llmgw_tui.panes.columns import Listing, on_cursor_or_not
from llmgw_tui.panes.details import chopped, heading
from llmgw_tui.panes.draw import Look, cell, joined, line, meter, padded, segments_width, text_segment
from llmgw_tui.text import duration, preview, size
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    FOCUS_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    WARN_STYLE,
)

Parts = list[list[Segment]]

MARKS = {
    PullState.DONE: Status.OK,
    PullState.FAILED: Status.FAILED,
    PullState.CANCELLED: Status.CANCELLED,
    PullState.INTERRUPTED: Status.KILLED,
}
"""What the marks of requests mean of pulls; one that runs has the running request's."""
LAYER_WORDS = {
    LayerState.THERE: "was here",
    LayerState.DONE: "done",
    LayerState.WAITING: "waits",
    LayerState.PULLING: "",
}
SMALL_BYTES = 1_000_000
"""Layers below this (templates, parameters, licences) share a line."""
MOST_ERROR_LINES = 3
NAME_CELLS = 34


def percent_done(pull: PullStatus) -> str:
    """Rounded down: 100 % is said at the end, not before (ollama#1736)."""
    return f"{int(pull.share * 100)} %"


def rate(bytes_per_s: float) -> str:
    """``12.3 MB/s``."""
    return f"{size(int(bytes_per_s))}/s"


def stall_words(pull: PullStatus) -> str:
    """Empty while bytes come."""
    return f"nothing received for {pull.stalled_s:.0f} s; the server is retrying" if pull.stalled_s else ""


def figures(pull: PullStatus) -> Parts:
    """How far a running pull is, the most wanted first."""
    state = pull.state
    if state is PullState.STARTING:
        return [[text_segment(preview(pull.status) or "starting", MUTED_STYLE)]]
    of = f"of {size(pull.total_bytes)}" if pull.total_known else f"of {size(pull.total_bytes)} so far"
    parts = [[text_segment(percent_done(pull), BRIGHT_STYLE)]]
    if state is PullState.VERIFYING:
        return [*parts, [text_segment(preview(pull.status), TEXT_STYLE)], [text_segment(of, MUTED_STYLE)]]
    if pull.stalled_s:
        return [*parts, [text_segment(f"stalled {pull.stalled_s:.0f} s", WARN_STYLE)], [text_segment(of, MUTED_STYLE)]]
    if pull.eta_s is not None:
        parts.append([text_segment(f"{duration(pull.eta_s)} left", TEXT_STYLE)])
    if pull.bytes_per_s is not None:
        parts.append([text_segment(rate(pull.bytes_per_s), TEXT_STYLE)])
    return [*parts, [text_segment(of, MUTED_STYLE)]]


def ending(pull: PullStatus) -> tuple[str, Style]:
    """How it ended, in a word or two; empty while it runs."""
    took = f" in {duration(pull.ended_at - pull.started_at)}" if pull.ended_at and pull.started_at else ""
    far = f" at {percent_done(pull)}" if pull.share else ""
    return {
        PullState.DONE: (f"done{took}", GOOD_STYLE),
        PullState.FAILED: ("failed", STATUS_STYLES[Status.FAILED]),
        PullState.CANCELLED: (f"cancelled{far}", MUTED_STYLE),
        PullState.INTERRUPTED: (f"interrupted{far}", WARN_STYLE),
    }.get(pull.state, ("", TEXT_STYLE))


def mark(pull: PullStatus, look: Look) -> Segment:
    status = MARKS.get(pull.state, Status.RUNNING)
    return Segment(look.glyphs.mark(status), STATUS_STYLES[status])


def headline(pull: PullStatus, look: Look, width: int, name_cells: int, *, with_error: bool = True) -> Strip:
    """Name, bar and figures of a running pull; name and ending of another."""
    name = preview(pull.model)
    head = [mark(pull, look), Segment(" ", TEXT_STYLE)]
    end, style = ending(pull)
    gap = Segment("  ", TEXT_STYLE)
    if end:
        words = [text_segment(name, TEXT_STYLE), gap, text_segment(end, style)]
        if pull.error and with_error:
            error, room = f": {preview(pull.error)}", width - segments_width([*head, *words])
            words += [cell(error, min(room, cell_len(error)), TEXT_STYLE, ellipsis=look.glyphs.ellipsis)]
        return line(width, *head, *words)
    head += [cell(name, max(6, min(name_cells, width // 3)), TEXT_STYLE, ellipsis=look.glyphs.ellipsis), gap]
    parts = figures(pull)
    room = width - segments_width(head)
    tail = joined(parts, room - 8, gap)
    bar = room - segments_width(tail) - 2
    if bar < 4 or pull.state is PullState.STARTING:
        return line(width, *head, *tail)
    return line(width, *head, *meter(min(bar, 60), pull.share, FOCUS_STYLE, look.glyphs), gap, *tail)


def pull_line(pull: PullStatus, look: Look, width: int) -> Strip:
    """A pull in one line, for small panes."""
    return headline(pull, look, width, cell_len(preview(pull.model)))


def block(pull: PullStatus, look: Look, width: int, name_cells: int) -> Iterator[Strip]:
    """A pull in full: its headline, a bar for each layer, and what to know of it."""
    state = pull.state
    indent = Segment("  ", TEXT_STYLE)
    yield headline(pull, look, width, name_cells, with_error=False)
    if state is PullState.FAILED:
        lines = chopped(preview(pull.error or ""), max(8, width - 3))
        for number, piece in enumerate(lines[:MOST_ERROR_LINES]):
            more = look.glyphs.ellipsis if number == MOST_ERROR_LINES - 1 and len(lines) > MOST_ERROR_LINES else ""
            yield line(width, indent, text_segment(piece + more, TEXT_STYLE))
    if words := stall_words(pull):
        yield line(width, indent, text_segment(words, WARN_STYLE))
    if pull.running:
        if pull.had_bytes:
            yield line(width, indent, text_segment(f"{size(pull.had_bytes)} was already here", MUTED_STYLE))
        yield from layer_lines(pull.layers, look, width)


def layer_lines(layers: Sequence[PullLayer], look: Look, width: int) -> Iterator[Strip]:
    """A bar for each layer; the small ones share a line."""
    for layer in (layer for layer in layers if layer.total_bytes >= SMALL_BYTES):
        yield _layer(layer, look, width)
    if small := [layer for layer in layers if layer.total_bytes < SMALL_BYTES]:
        ready = sum(layer.state in (LayerState.DONE, LayerState.THERE) for layer in small)
        words = f"{len(small)} small layer{'' if len(small) == 1 else 's'}, {ready} ready"
        yield line(width, text_segment(f"  {words}", MUTED_STYLE))


def _layer(layer: PullLayer, look: Look, width: int) -> Strip:
    digest = preview(layer.digest).removeprefix("sha256:")[:12]
    done = layer.state in (LayerState.DONE, LayerState.THERE)
    share = 1.0 if done else layer.completed_bytes / layer.total_bytes if layer.total_bytes else 0.0
    amount = size(layer.total_bytes) if done else f"{size(layer.completed_bytes)} of {size(layer.total_bytes)}"
    state = LAYER_WORDS[layer.state] or f"{int(share * 100)} %"
    head = [Segment("  ", TEXT_STYLE), cell(digest, 12, MUTED_STYLE, ellipsis=""), Segment("  ", TEXT_STYLE)]
    tail = [Segment("  ", TEXT_STYLE), cell(state, 8, TEXT_STYLE, right=True), text_segment(f"  {amount}", MUTED_STYLE)]
    bar = width - segments_width(head) - segments_width(tail)
    if bar < 4:
        return line(width, *head[:-1], *tail)
    style = GOOD_STYLE if done else FOCUS_STYLE
    return line(width, *head, *meter(min(bar, 60), share, style, look.glyphs), *tail)


# --- all of them ---------------------------------------------------------------------------------------------------


@frozen
class PullLines:
    """Every pull in full, and whose each line is."""

    lines: tuple[Strip, ...]
    models: tuple[str, ...]
    counts: str = ""

    def listing(self, look: Look, width: int) -> Listing:
        """With a heading, and a cursor on a line."""
        lines = self.lines
        head = [line(width, *row) for row in heading(f"Pulls: {self.counts}", width, look)][1:]
        return Listing(
            tuple(head) if lines else (),
            len(lines),
            lambda at, on_cursor: on_cursor_or_not(lines[at], look, on_cursor=on_cursor),
        )

    def place_of(self, model: str, offset: int) -> int | None:
        """The line of ``model`` that is ``offset`` below its first; None where it has none any more."""
        if model not in self.models:
            return None
        return self.models.index(model) + min(offset, self.models.count(model) - 1)

    def at(self, index: int) -> tuple[str, int]:
        """The model of a line, and how far the line is below its first."""
        if not self.models:
            return ("", 0)
        model = self.models[min(index, len(self.models) - 1)]
        return model, min(index, len(self.models) - 1) - self.models.index(model)


def pull_lines(pulls: Sequence[PullStatus], look: Look, width: int, keys: str) -> PullLines:
    """Those that run first. ``keys`` says once which keys act on one that ended too soon."""
    shown = sorted(pulls, key=lambda pull: not pull.running)
    longest = max((cell_len(preview(pull.model)) for pull in pulls if pull.running), default=0)
    cells = min(NAME_CELLS, longest)
    found = [(strip, pull.model) for pull in shown for strip in block(pull, look, width - 2, cells)]
    if any(pull.resumable for pull in pulls):
        rest = chopped(preview(keys), max(8, width - 2))
        found += [(line(width - 2, text_segment(piece, MUTED_STYLE)), shown[-1].model) for piece in rest]
    return PullLines(padded((strip for strip, _ in found), width), tuple(model for _, model in found), counted(shown))


def counted(pulls: Sequence[PullStatus]) -> str:
    """``2 running, 1 failed``."""
    states = ["running" if pull.running else pull.state.value for pull in pulls]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
