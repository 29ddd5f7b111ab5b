"""One cached answer in full: what it was given to, what it has served, and its text."""

from __future__ import annotations

from collections.abc import Iterator

from textual.strip import Strip

from gateway_core.model import CacheEntryDetail
from llmgw_tui.ink import Ink
from llmgw_tui.panes.details import Line, heading, laid, pair, wrapped
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.messages import message_lines
from llmgw_tui.panes.parts import every_line
from llmgw_tui.text import clock_time, dollars, duration, preview, size, time_saved
from llmgw_tui.theme import BRIGHT_STYLE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE


def cached_answer_lines(detail: CacheEntryDetail, look: Look, width: int, *, whole: bool = False) -> tuple[Strip, ...]:
    """The screen's lines. ``whole`` shows a big answer uncut."""
    return tuple(laid(_segments(detail, look, max(10, width - 2), whole), width))


def _segments(detail: CacheEntryDetail, look: Look, width: int, whole: bool) -> Iterator[Line]:
    entry = detail.entry
    yield from wrapped("question", entry.question or "not kept by that older version", width, BRIGHT_STYLE)
    yield pair("cache", f"{entry.kind}  {entry.id}")
    yield pair("answered by", f"{entry.tier}  {preview(entry.provider)}/{preview(entry.model)}")
    age = duration(look.now - entry.created_at)
    yield pair("kept since", f"{clock_time(entry.created_at, look.zone)}  {age} ago  {size(entry.size_bytes)}")
    yield pair("expires", f"in {duration(entry.expires_at - look.now)}")
    used = f", last at {clock_time(entry.used_at, look.zone)}" if entry.used_at else ""
    yield pair("served", f"{entry.hits} times{used}")
    saved = f"{dollars(entry.saved_microusd)}  {time_saved(entry.saved_ms)}"
    yield pair("saved", saved, GOOD_STYLE if entry.hits else MUTED_STYLE)
    if detail.wordings:
        yield from heading(f"Also asked as ({len(detail.wordings)})", width, look)
        for wording in detail.wordings:
            yield from wrapped("", wording, width, TEXT_STYLE)
    yield from heading("Answer", width, look)
    if detail.answer is None:
        yield pair("", "damaged; the question will be asked again", MUTED_STYLE)
    else:
        yield from every_line(message_lines({"role": "assistant", **detail.answer}, width, whole, Ink()))
