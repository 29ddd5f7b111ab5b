"""The steps of a request as bars under one another, each where it was in time."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style

from gateway_core.model import Step, Timeline
from llmgw_tui.panes.details import Line
from llmgw_tui.panes.draw import Look, cell, text_segment
from llmgw_tui.text import milliseconds, preview
from llmgw_tui.theme import ACCENT, BAD_STYLE, BLUE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE, WARN_STYLE

_WAITING = ("queue", "pause")
_STYLES = {
    "call": Style(color=BLUE),
    "first token": Style(color=ACCENT, bold=True),
    "stream": GOOD_STYLE,
    "pause": WARN_STYLE,
    "queue": WARN_STYLE,
}
NAME_CELLS, TIME_CELLS = 16, 9


def waterfall_lines(timeline: Timeline, width: int, look: Look) -> Iterator[Line]:
    """A line a step: name, bar, time, what came of it. A wait is drawn with another character than work."""
    start = timeline.start_ms
    end = max(timeline.end_ms, max((step.start_ms for step in timeline.steps), default=0.0))
    first_token = next((step.start_ms for step in timeline.steps if step.name == "first token"), None)
    bar = max(8, min(60, (width - NAME_CELLS - TIME_CELLS - 2) * 3 // 5))
    for step in timeline.steps:
        until = first_token if step.name == "call" else None
        words = "  ".join(word for word in (preview(step.outcome), preview(step.target)) if word)
        room = max(0, width - NAME_CELLS - bar - TIME_CELLS - 2)
        yield [
            cell(f" {step.name}", NAME_CELLS, MUTED_STYLE),
            *_bar(step, start, max(end - start, 0.001), bar, until, look),
            cell(_took(step), TIME_CELLS, TEXT_STYLE, right=True),
            cell(f"  {words}", room, _style_of_words(step), ellipsis=look.glyphs.ellipsis),
        ]
    glyphs = look.glyphs
    legend = f"{glyphs.reserved} waits   {glyphs.full} works   {milliseconds(max(0.0, end - start))} in all"
    yield [cell("", NAME_CELLS), text_segment(legend, MUTED_STYLE)]


def _bar(step: Step, start: float, whole: float, width: int, first_token: float | None, look: Look) -> list[Segment]:
    """The step's place in the whole. A call waits until its first token."""
    glyphs, style = look.glyphs, _STYLES.get(step.name, TEXT_STYLE)
    at = min(width - 1, int((step.start_ms - start) / whole * width))
    if step.took_ms is None:
        return _placed(at, glyphs.pinned * (width - at), style, width)
    if step.name == "first token":
        return _placed(at, glyphs.down, style, width)
    many = max(1, min(width - at, round(step.took_ms / whole * width)))
    if step.name in _WAITING:
        return _placed(at, glyphs.reserved * many, style, width)
    if first_token is not None and step.start_ms <= first_token <= step.end_ms:
        waits = min(many, int((first_token - start) / whole * width) - at)
        return _placed(at, glyphs.reserved * waits + glyphs.full * (many - waits), style, width)
    return _placed(at, glyphs.full * many, style, width)


def _placed(at: int, drawn: str, style: Style, width: int) -> list[Segment]:
    blank = MUTED_STYLE
    return [Segment(" " * at, blank), Segment(drawn, style), Segment(" " * (width - at - len(drawn)), blank)]


def _took(step: Step) -> str:
    if step.took_ms is None:
        return "goes on"
    if step.name == "first token":
        return f"at {milliseconds(step.start_ms)}"
    return f"{step.took_ms:.2f}ms" if step.took_ms < 9.995 else milliseconds(step.took_ms)


def _style_of_words(step: Step) -> Style:
    failed = step.name == "call" and step.outcome
    return BAD_STYLE if failed else MUTED_STYLE
