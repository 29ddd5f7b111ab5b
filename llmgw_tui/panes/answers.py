"""Two answers to one request, side by side, or under one another where there is no room."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from rich.segment import Segment

from gateway_core.model import RequestDetail, Status
from gateway_core.replay_values import ReplayProgress
from llmgw_tui.ink import Ink
from llmgw_tui.panes.detail import document
from llmgw_tui.panes.details import Line, heading, pair, wrapped
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.messages import message_lines, text_lines
from llmgw_tui.panes.parts import Beside, Document, Joined, Lines, Part
from llmgw_tui.slices import Steps
from llmgw_tui.text import dollars, in_full, milliseconds, preview
from llmgw_tui.theme import BAD_STYLE, BRIGHT_STYLE, LINE_STYLE, MUTED_STYLE, STATUS_STYLES, TIER_STYLES, tier_mark

SIDE_BY_SIDE_FROM = 100
"""Cells of width below which the answers stand under one another."""


def compare_document(
    first: RequestDetail,
    second: RequestDetail | None,
    progress: ReplayProgress | None,
    look: Look,
    width: int,
    ink: Ink,
    *,
    whole: bool = False,
) -> Steps[Document]:
    """``second`` is the replay as it is kept, None while nothing is; ``progress`` its words while it streams."""
    beside = width >= SIDE_BY_SIDE_FROM
    column = (width - 3) // 2 if beside else width - 2
    left = _answer(first, None, look, column, ink, whole)
    right = _answer(second, progress, look, column, ink, whole)
    if not beside:
        return (yield from document([("First answer", left), ("Run again", right)], look, width))
    columns = []
    for title, parts in (("First answer", left), ("Run again", right)):
        made = Joined()
        for part in chain(heading(title, column, look), parts):
            made.add(part)
            yield
        columns.append(made)
    middle = Segment(f" {look.glyphs.down} ", LINE_STYLE)
    return Document(Lines(Beside(columns[0], columns[1], column, middle), width))


def _answer(
    detail: RequestDetail | None,
    progress: ReplayProgress | None,
    look: Look,
    width: int,
    ink: Ink,
    whole: bool,
) -> Iterator[Part | Line]:
    if detail is None:
        yield pair("", "begins" if progress is None else "runs", MUTED_STYLE)
    else:
        yield from _figures(detail, look, width)
    yield []
    if detail is not None and detail.answer is not None:
        yield from message_lines({"role": "assistant", **detail.answer}, width, whole, ink)
    elif progress is not None and progress.text:
        yield from text_lines(progress.text, width, True, ink)
    problem = progress.problem if progress else ""
    if problem or (detail and detail.error_message):
        yield from wrapped("error", problem or (detail.error_message if detail else "") or "", width, BAD_STYLE)


def _figures(detail: RequestDetail, look: Look, width: int) -> Iterator[Line]:
    row, tier = detail.row, detail.row.served_by
    mark = f"{tier_mark(tier, look.glyphs)} {tier}  " if tier else ""
    yield [
        text_segment(f" {look.glyphs.mark(row.status)} {row.status.value}  ", STATUS_STYLES[row.status]),
        text_segment(mark, TIER_STYLES.get(tier, MUTED_STYLE)),
    ]
    yield from wrapped("model", f"{row.provider or '-'}/{row.model or '-'}", width, BRIGHT_STYLE)
    read, written = in_full(row.input_tokens, row.input_counted), in_full(row.output_tokens, row.output_counted)
    yield pair("tokens", f"{read} in  {written} out")
    yield pair("cost", dollars(row.cost_microusd) if row.cost_microusd else "nothing")
    if row.status is Status.RUNNING:
        yield pair("time", "running")
        return
    first = "" if row.first_token_ms is None else f"  first token {milliseconds(row.first_token_ms)}"
    yield pair("time", f"{milliseconds(row.latency_ms)}{first}")
    if row.finish_reason:
        yield pair("finished", preview(row.finish_reason))
