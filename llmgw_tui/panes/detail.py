"""One request in full: where it went and why, time, cost, question and answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import Counted, RequestDetail, RequestRow, Reuse, Status
from llmgw_tui.ink import Ink
from llmgw_tui.panes.blocks import body
from llmgw_tui.panes.decision import decision_lines, weighed_lines
from llmgw_tui.panes.details import Line, folded, heading, label, pair, wrapped
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.messages import message_lines
from llmgw_tui.panes.parts import Document, Joined, Lines, Part
from llmgw_tui.panes.request_cost import cost_lines
from llmgw_tui.panes.waterfall import waterfall_lines
from llmgw_tui.slices import Steps, at_once
from llmgw_tui.text import clock_time, duration, milliseconds, preview
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    THUMB_STYLES,
    THUMB_WORDS,
    TIER_STYLES,
    WARN_STYLE,
    cache_word,
    tier_mark,
)

SHORTEST_STREAM_MS = 50.0
"""A shorter stream says nothing of the model's speed."""
_PLAIN_REMARKS = ("prompt cache",)
"""Remarks that say what was done, not that something is wrong."""


def detail_lines(detail: RequestDetail, look: Look, width: int, *, whole: bool = False) -> tuple[Strip, ...]:
    """The detail screen's lines. ``whole`` shows big bodies uncut."""
    return tuple(at_once(detail_document(detail, look, width, Ink(), whole=whole)).lines)


def detail_document(detail: RequestDetail, look: Look, width: int, ink: Ink, *, whole: bool = False) -> Steps[Document]:
    """Makes the same with its sections; ``ink`` colours the code in it."""
    return document(_sections(detail, look, max(10, width - 2), whole, ink), look, width)


def document(sections: Iterable[tuple[str, Iterable[Part | Line]]], look: Look, width: int) -> Steps[Document]:
    """Makes a text of sections under their titles; one without a title begins the text."""
    whole = Joined()
    begins: list[tuple[str, int]] = []
    for title, content in sections:
        if title:
            for segments in heading(title, max(10, width - 2), look):
                whole.add(segments)
            begins.append((title, len(whole) - 1))
        for part in content:
            for piece in folded(part, width) if isinstance(part, Sequence) else (part,):
                whole.add(piece)
            yield
    return Document(Lines(whole, width), tuple(begins))


def _sections(
    detail: RequestDetail, look: Look, width: int, whole: bool, ink: Ink
) -> Iterator[tuple[str, Iterable[Part | Line]]]:
    row = detail.row
    yield "", _summary(detail, look, width)
    yield "Tokens and cost", cost_lines(detail)
    yield "Decision", _decision(detail, width, look)
    if detail.reuse:
        yield "Answered again", _reuse(detail.reuse, row, width, look)
    yield "Time", _times(detail, width, look)
    if detail.remarks:
        yield "Noticed", _remarks(detail, width)
    if detail.tools:
        yield f"Tools offered ({len(detail.tools)})", body(", ".join(detail.tools), width, whole, MUTED_STYLE)
    messages = (part for message in detail.messages for part in message_lines(message, width, whole, ink))
    none = [pair("", "not kept", MUTED_STYLE)]
    yield f"Messages ({len(detail.messages)})", messages if detail.messages else none
    if detail.answer is None:
        missing = "none yet" if row.status is Status.RUNNING else "none kept"
        yield "Answer", [pair("", missing, MUTED_STYLE)]
    else:
        yield "Answer", message_lines({"role": "assistant", **detail.answer}, width, whole, ink)


def _remarks(detail: RequestDetail, width: int) -> Iterator[Line]:
    for remark in detail.remarks:
        style = MUTED_STYLE if remark.step in _PLAIN_REMARKS else WARN_STYLE
        yield from wrapped(preview(remark.step), remark.text, width, style)


def _times(detail: RequestDetail, width: int, look: Look) -> Iterator[Line]:
    yield from _timing(detail.row, width, look, bar=not detail.timeline.steps)
    if detail.timeline.steps:
        yield []
        yield from waterfall_lines(detail.timeline, width, look)


def _summary(detail: RequestDetail, look: Look, width: int) -> Iterator[Line]:
    row = detail.row
    tier = row.served_by
    state = [text_segment(f" {look.glyphs.mark(row.status)} {row.status.value}", STATUS_STYLES[row.status])]
    if row.error_code:
        state.append(text_segment(f" {row.error_code}", STATUS_STYLES[row.status]))
    if tier:
        state += [text_segment(f"  {tier_mark(tier, look.glyphs)} {tier}", TIER_STYLES[tier])]
    if word := cache_word(row):
        state.append(text_segment(f" ({word} match)", TIER_STYLES["cache"]))
    if row.model:
        state.append(text_segment(f"  {preview(row.provider or '')}/{preview(row.model)}", BRIGHT_STYLE))
    yield state
    if row.thumb:
        yield pair("you said", THUMB_WORDS[row.thumb], THUMB_STYLES[row.thumb])
    yield pair("request", row.id)
    yield pair("at", clock_time(row.at, look.zone))
    session = f"  session {preview(row.session)}" if row.session else ""
    yield pair("from", f"{preview(row.client)}  {row.lane.value} lane  {preview(row.purpose)}{session}")
    yield pair("asked for", f"{preview(row.asked_model)}{'  streamed' if row.stream else ''}")
    if row.replay_of:
        yield pair("replay of", row.replay_of)
    if detail.error_message:
        yield []
        yield from wrapped("error", detail.error_message, width, BAD_STYLE)


def _decision(detail: RequestDetail, width: int, look: Look) -> Iterator[Line]:
    if detail.decision is None:
        word = preview(detail.row.route)
        asked = any(step.name == "router" for step in detail.timeline.steps)
        none = "nowhere: nobody could take it" if asked else "the router was not asked"
        yield pair("route", word or none, TEXT_STYLE if word else MUTED_STYLE)
        if detail.weighed:
            yield from weighed_lines(detail.weighed, width, look)
        return
    yield from decision_lines(detail.decision, detail.elsewhere, width, look)


def _reuse(reuse: Reuse, row: RequestRow, width: int, look: Look) -> Iterator[Line]:
    """Which answer it got, and why it could."""
    if reuse.question:
        yield from wrapped("asked", reuse.asked or row.preview, width, TEXT_STYLE)
        yield from wrapped("answered", reuse.question, width, BRIGHT_STYLE)
    else:
        yield pair("answered", "this very request")
    near = "" if reuse.cosine is None else f"  cosine {reuse.cosine:.3f}"
    yield pair("allowed by", f"{preview(reuse.verdict)}{near}")
    yield pair("age", f"{duration(reuse.age_s)}  answered at {clock_time(reuse.answered_at, look.zone)}")
    if row.saved_ms:
        yield pair("saved time", milliseconds(row.saved_ms), GOOD_STYLE)


def _timing(row: RequestRow, width: int, look: Look, *, bar: bool) -> Iterator[Line]:
    if row.status is Status.RUNNING:
        yield pair("running", "since " + clock_time(row.at, look.zone))
        return
    yield pair("total", milliseconds(row.latency_ms))
    if row.first_token_ms is None:
        return
    streaming = max(0.0, row.latency_ms - row.first_token_ms)
    yield pair("first token", milliseconds(row.first_token_ms))
    if row.cache.is_hit:
        return
    if row.output_tokens and streaming >= SHORTEST_STREAM_MS:
        measured = row.output_counted is Counted.MEASURED
        speed = f"  {row.output_tokens / streaming * 1000:.0f} tokens/s" if measured else ""
        yield pair("streaming", f"{milliseconds(streaming)}{speed}")
    room = min(60, width - 16)
    if bar and row.latency_ms > 0 and room > 8:
        wait = round(room * min(1.0, row.first_token_ms / row.latency_ms))
        yield [
            label(""),
            Segment(look.glyphs.reserved * wait, WARN_STYLE),
            Segment(look.glyphs.full * (room - wait), GOOD_STYLE),
        ]
        yield [label(""), text_segment("waiting, then streaming", MUTED_STYLE)]
