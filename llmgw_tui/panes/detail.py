"""One request in full: where it went and why, what it took and cost, what was asked and answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.model import Cost, Decision, JsonObject, RequestDetail, RequestRow, Reuse, Status
from llmgw_tui.panes.details import Line, body, heading, label, pair, wrapped
from llmgw_tui.panes.draw import Look, line, meter, text_segment
from llmgw_tui.text import clock_time, count, dollars, duration, message_text, milliseconds, preview
from llmgw_tui.theme import (
    ACCENT,
    BAD_STYLE,
    BLUE,
    BRIGHT_STYLE,
    GOLD,
    GOOD_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    TIER_STYLES,
    VIOLET,
    WARN_STYLE,
    cache_word,
    tier_mark,
)

SHORTEST_STREAM_MS = 50.0
"""A shorter stream says nothing of the model's speed."""
_PLAIN_REMARKS = ("prompt cache",)
"""Remarks that say what was done, not that something is wrong."""
ROLE_STYLES = {
    "user": Style(color=ACCENT, bold=True),
    "assistant": Style(color=VIOLET, bold=True),
    "system": Style(color=GOLD, bold=True),
    "tool": Style(color=BLUE, bold=True),
}


def detail_lines(detail: RequestDetail, look: Look, width: int, *, whole: bool = False) -> tuple[Strip, ...]:
    """The detail screen's lines. ``whole`` shows big bodies uncut."""
    return tuple(line(width, *segments) for segments in _segments(detail, look, max(10, width - 2), whole))


def _segments(detail: RequestDetail, look: Look, width: int, whole: bool) -> Iterator[Line]:
    row = detail.row
    yield from _summary(detail, look)
    if detail.error_message:
        yield []
        yield from wrapped("error", detail.error_message, width, BAD_STYLE)
    yield from heading("Decision", width, look)
    yield from _decision(detail.decision, row, width, look)
    if detail.reuse:
        yield from heading("Answered again", width, look)
        yield from _reuse(detail.reuse, row, width, look)
    yield from heading("Time", width, look)
    yield from _timing(row, width, look)
    yield from heading("Tokens and cost", width, look)
    yield from _tokens(detail)
    if detail.remarks:
        yield from heading("Noticed", width, look)
        for remark in detail.remarks:
            style = MUTED_STYLE if remark.step in _PLAIN_REMARKS else WARN_STYLE
            yield from wrapped(preview(remark.step), remark.text, width, style)
    if detail.tools:
        yield from heading(f"Tools offered ({len(detail.tools)})", width, look)
        yield from body(", ".join(detail.tools), width, whole, MUTED_STYLE)
    yield from heading(f"Messages ({len(detail.messages)})", width, look)
    for message in detail.messages:
        yield from message_lines(message, width, whole)
    if not detail.messages:
        yield pair("", "not kept", MUTED_STYLE)
    yield from heading("Answer", width, look)
    if detail.answer is None:
        yield pair("", "none yet" if row.status is Status.RUNNING else "none kept", MUTED_STYLE)
    else:
        yield from message_lines({"role": "assistant", **detail.answer}, width, whole)


def _summary(detail: RequestDetail, look: Look) -> Iterator[Line]:
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
    yield pair("request", row.id)
    yield pair("at", clock_time(row.at, look.zone))
    session = f"  session {preview(row.session)}" if row.session else ""
    yield pair("from", f"{preview(row.client)}  {row.lane.value} lane  {preview(row.purpose)}{session}")
    yield pair("asked for", f"{preview(row.asked_model)}{'  streamed' if row.stream else ''}")


def _decision(decision: Decision | None, row: RequestRow, width: int, look: Look) -> Iterator[Line]:
    if decision is None:
        yield pair("route", preview(row.route) or "the router was not asked", TEXT_STYLE if row.route else MUTED_STYLE)
        return
    target = decision.target
    yield pair(
        "target",
        f"{target.tier.value}  {preview(target.provider)}/{preview(target.model)}",
        TIER_STYLES[target.tier.value],
    )
    yield pair("route", preview(decision.route))
    yield [
        label("difficulty"),
        *meter(20, decision.difficulty, Style(color=ACCENT), look.glyphs),
        text_segment(f" {decision.difficulty:.2f}", TEXT_STYLE),
    ]
    for reason in decision.reasons:
        yield from wrapped(preview(reason.step), reason.text, width, TEXT_STYLE)
    if decision.fallbacks:
        others = ", ".join(
            f"{other.tier.value} {preview(other.provider)}/{preview(other.model)}" for other in decision.fallbacks
        )
        yield from wrapped("if it fails", others, width, MUTED_STYLE)


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


def _timing(row: RequestRow, width: int, look: Look) -> Iterator[Line]:
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
        speed = row.output_tokens / streaming * 1000
        yield pair("streaming", f"{milliseconds(streaming)}  {speed:.0f} tokens/s")
    bar = min(60, width - 16)
    if row.latency_ms > 0 and bar > 8:
        wait = round(bar * min(1.0, row.first_token_ms / row.latency_ms))
        yield [
            label(""),
            Segment(look.glyphs.reserved * wait, WARN_STYLE),
            Segment(look.glyphs.full * (bar - wait), GOOD_STYLE),
        ]
        yield [label(""), text_segment("waiting, then streaming", MUTED_STYLE)]


def _tokens(detail: RequestDetail) -> Iterator[Line]:
    usage, row = detail.usage, detail.row
    counted = "  (estimated here: the upstream reported none)" if usage.estimated else ""
    yield pair("input", f"{usage.input_tokens:,}{counted}")
    if usage.cache_read_tokens:
        yield pair("cache read", f"{usage.cache_read_tokens:,}  from the provider's prompt cache")
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written:
        yield pair("cache write", f"{written:,}  to the provider's prompt cache")
    reasoning = f"  of which reasoning {count(usage.reasoning_tokens)}" if usage.reasoning_tokens else ""
    yield pair("output", f"{usage.output_tokens:,}{reasoning}")
    if usage.web_searches:
        yield pair("searches", f"{usage.web_searches:,}  made by the provider")
    guessed = any(remark.step == "price" for remark in detail.remarks)
    yield pair(
        "cost",
        (dollars(row.cost_microusd) if row.cost_microusd else "nothing") + ("  price unknown" if guessed else ""),
        WARN_STYLE if guessed else BRIGHT_STYLE,
    )
    if parts := _cost_parts(detail.cost):
        yield pair("", parts, MUTED_STYLE)
    yield from _savings(row)
    if detail.attempts > 1:
        yield pair("attempts", str(detail.attempts), WARN_STYLE)
    if row.repaired:
        yield pair("repaired", "an answer was none: it was put right, or another model was asked", WARN_STYLE)
    if row.finish_reason:
        yield pair("finished", preview(row.finish_reason))


def _cost_parts(cost: Cost) -> str:
    """What the money was for, where there is more than one thing."""
    parts = [
        f"{name.replace('_', ' ')} {dollars(part)}"
        for name, part in ((f.name, getattr(cost, f.name)) for f in fields(cost))
        if part
    ]
    return "  ".join(parts) if len(parts) > 1 else ""


def _savings(row: RequestRow) -> Iterator[Line]:
    """What the answer would have cost otherwise, and what saved the difference."""
    if row.premium_microusd is None and row.no_prompt_cache_microusd is None:
        if row.saved_microusd:
            yield pair("saved", f"{dollars(row.saved_microusd)}  against the premium model's list price", GOOD_STYLE)
        return
    if row.premium_microusd is not None:
        yield pair("all premium", f"{dollars(row.premium_microusd)}  at its list price, without prompt caching")
    if row.no_prompt_cache_microusd is not None:
        yield pair("uncached", f"{dollars(row.no_prompt_cache_microusd)}  with every prompt token as plain input")
    if row.no_answer_cache_microusd is not None:
        yield pair("no answer c.", f"{dollars(row.no_answer_cache_microusd)}  what the answer cost when it was made")
    names = ("answer cache", "prompt cache", "routing")
    split = [
        f"{name} {dollars(part)}"
        for name, part in zip(names, row.otherwise.saved(row.cost_microusd), strict=True)
        if part
    ]
    if split:
        style = GOOD_STYLE if row.saved_microusd >= 0 else WARN_STYLE
        yield pair("saved", f"{dollars(row.saved_microusd)}  by {', '.join(split)}", style)


def message_lines(message: JsonObject, width: int, whole: bool) -> Iterator[Line]:
    role = str(message.get("role", "?"))
    name = f" {preview(str(message['name']))}" if message.get("name") else ""
    call = f" {preview(str(message['tool_call_id']))}" if message.get("tool_call_id") else ""
    yield [
        text_segment(f" {preview(role)}", ROLE_STYLES.get(role, BRIGHT_STYLE)),
        text_segment(f"{name}{call}", MUTED_STYLE),
    ]
    yield from body(message_text(message), width, whole, TEXT_STYLE)
    for called in _tool_calls(message):
        yield [text_segment("   calls ", MUTED_STYLE), text_segment(called[0], ROLE_STYLES["tool"])]
        yield from body(called[1], width, whole, MUTED_STYLE)
    yield []


def _tool_calls(message: JsonObject) -> list[tuple[str, str]]:
    calls = message.get("tool_calls")
    out = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            out.append((str(function.get("name", "?")), str(function.get("arguments", ""))))
    return out
