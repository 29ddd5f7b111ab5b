"""The routing screen's lists: who serves each tier and how they do, where requests went, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.routing_values import LineupPlace, PinnedSession, RouteCount, RouteDecision, RouteTrial, RoutingStatus
from llmgw_tui.panes.columns import Cell, Column, Listing, listing, on_cursor_or_not, titles
from llmgw_tui.panes.columns import row as row_of
from llmgw_tui.panes.draw import Look, joined, line, meter, text_segment
from llmgw_tui.text import clock_time, context, count, dollars, duration, milliseconds, percent, preview
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    THUMB_STYLES,
    THUMBS,
    TIER_KEYS,
    TIER_STYLES,
    WARN_STYLE,
)

LINEUP_COLUMNS = (
    Column("mark", "", 1),
    Column("tier", "", 1),
    Column("target", "line-up, first choice first", 0),
    Column("health", "health", 20, 70),
    Column("price", "$/M in/out", 12, 100, right=True),
    Column("context", "context", 7, 118, right=True),
    Column("p50", "p50", 6, 62, right=True),
    Column("p95", "p95", 6, 84, right=True),
    Column("first", "first", 6, 94, right=True),
    Column("errors", "err 1h", 7, 76, right=True),
    Column("today", "today", 5, 50, right=True),
    Column("limits", "own limits", 22, 150),
)
DECISION_COLUMNS = (
    Column("time", "time", 8, 56),
    Column("mark", "", 1),
    Column("tier", "", 1),
    Column("preview", "decided", 0),
    Column("route", "route", 18, 40),
    Column("target", "answered by", 26, 110),
    Column("difficulty", "hard", 4, 84, right=True),
    Column("cost", "cost", 9, 66, right=True),
    Column("why", "why", 0, 132),
)
COUNT_COLUMNS = (
    Column("name", "route", 26),
    Column("requests", "requests", 8, 44, right=True),
    Column("share", "share", 5, right=True),
    Column("bar", "", 0, 60),
    Column("cost", "cost", 9, 52, right=True),
)
CountRow = RouteCount | PinnedSession | str


def lineup_list(status: RoutingStatus, look: Look, width: int) -> Listing:
    """Every tier's line-up; a line above it where the router cannot be looked at."""
    places = status.lineup
    problem = (line(width, text_segment(f" {status.problem}", WARN_STYLE)),) if status.problem else ()
    return listing(
        LINEUP_COLUMNS, places, lambda index: _place(places[index], look), look, width, _nothing(status), problem
    )


def _nothing(status: RoutingStatus) -> str:
    return "" if status.problem else "No models are set up."


def _place(place: LineupPlace, look: Look) -> dict[str, Cell]:
    style = TIER_STYLES.get(place.tier, TEXT_STYLE)
    mark = place_mark(place, look)
    name = f"{place.provider}/{place.model}" if place.provider else place.unavailable
    price = "free" if place.free else ""
    if place.input_usd is not None and place.output_usd is not None:
        price = f"{'' if place.price_known else '?'}{place.input_usd:g}/{place.output_usd:g}"
    share = place.error_share
    errors = "" if share is None else f"{percent(share)}" if place.errors_last_hour else "0"
    return {
        "mark": mark,
        "tier": (TIER_KEYS.get(place.tier, " "), style),
        "target": (preview(name), BRIGHT_STYLE if place.chosen else style if place.provider else MUTED_STYLE),
        "health": health_words(place),
        "price": (price, TEXT_STYLE if place.price_known else WARN_STYLE),
        "context": (context(place.context_tokens) if place.context_tokens else "", MUTED_STYLE),
        "p50": _ms(place.latency_p50_ms),
        "p95": _ms(place.latency_p95_ms),
        "first": _ms(place.first_token_p50_ms),
        "errors": (errors, WARN_STYLE if place.errors_last_hour else MUTED_STYLE),
        "today": (count(place.requests_today) if place.requests_today else "", TEXT_STYLE),
        "limits": (", ".join(f"{percent(one.share)} of {one.limit:g} {one.name}" for one in place.limits), MUTED_STYLE),
    }


def _ms(value: float | None) -> Cell:
    return ("" if value is None else milliseconds(value), TEXT_STYLE)


def place_mark(place: LineupPlace, look: Look) -> Cell:
    """``▸`` is asked next, ``x`` is not called, ``-`` cannot be; others wait behind it."""
    if not place.provider:
        return ("-", MUTED_STYLE)
    if place.obstacle:
        return ("x", BAD_STYLE)
    return (look.glyphs.pinned, GOOD_STYLE) if place.chosen else ("", MUTED_STYLE)


def health_words(place: LineupPlace) -> Cell:
    """The circuit in words, with the seconds until the next try."""
    wait = f" {math.ceil(place.wait_s)} s" if place.wait_s > 0 else ""
    if not place.provider:
        return ("not usable", MUTED_STYLE)
    if place.paused:
        return (f"told to wait{wait}", WARN_STYLE)
    if place.circuit == "open":
        return (f"circuit open{wait}", BAD_STYLE)
    if place.circuit == "half_open":
        return ("half open, next tries", WARN_STYLE)
    return ("blocked: see enter", WARN_STYLE) if place.obstacle else ("ok", GOOD_STYLE)


def decisions_list(status: RoutingStatus, decisions: Sequence[RouteDecision], look: Look, width: int) -> Listing:
    """The newest decisions, as far as they are searched for."""
    return listing(
        DECISION_COLUMNS,
        decisions,
        lambda index: _decision(decisions[index], look),
        look,
        width,
        "" if status.problem else "No routing decisions match.",
    )


def _decision(one: RouteDecision, look: Look) -> dict[str, Cell]:
    style = TIER_STYLES.get(one.served_by, MUTED_STYLE)
    mark = next((glyph for status, glyph in look.glyphs.marks if status.value == one.status), "?")
    status_style = next((s for status, s in STATUS_STYLES.items() if status.value == one.status), TEXT_STYLE)
    tier = look.glyphs.cache if one.served_by == "cache" else TIER_KEYS.get(one.served_by, " ")
    return {
        "time": (clock_time(one.at, look.zone), MUTED_STYLE),
        "mark": (mark, status_style),
        "tier": (tier, style),
        "preview": thumbed(preview(one.preview), one.thumb),
        "route": (preview(one.route), style),
        "target": (preview(one.target), style),
        "difficulty": ("" if one.difficulty is None else f"{one.difficulty:.2f}", MUTED_STYLE),
        "cost": (dollars(one.cost_microusd) if one.cost_microusd else "", TEXT_STYLE),
        "why": (preview(one.reasons[0]) if one.reasons else "", MUTED_STYLE),
    }


def thumbed(words: str, thumb: str) -> Cell:
    """Words behind the thumb that their answer has."""
    return (f"{THUMBS[thumb]} {words}", THUMB_STYLES[thumb]) if thumb else (words, TEXT_STYLE)


def count_rows(status: RoutingStatus) -> tuple[CountRow, ...]:
    """Route reasons, lanes, and sessions that are kept on a model, with a word above each kind."""
    rows: list[CountRow] = [f"reasons, of the last {status.counted:,} requests", *status.routes]
    rows += ["by lane", *status.lanes] if status.lanes else []
    rows += ["tool loops that stay on their model", *status.pinned] if status.pinned else []
    return tuple(rows)


def counts_list(status: RoutingStatus, look: Look, width: int) -> Listing:
    """How many requests went which way, with share and cost."""
    rows = count_rows(status)

    def drawn(index: int, on_cursor: bool) -> Strip:
        shown = rows[index]
        if isinstance(shown, str):
            return on_cursor_or_not(line(width, text_segment(f" {shown}", MUTED_STYLE)), look, on_cursor=on_cursor)
        return row_of(COUNT_COLUMNS, _count(shown, look), look, width, on_cursor=on_cursor)

    return Listing((titles(COUNT_COLUMNS, look, width),), len(rows), drawn)


def _count(row: RouteCount | PinnedSession, look: Look) -> dict[str, Cell]:
    blank: Cell = ("", MUTED_STYLE)
    cells = {"requests": blank, "share": blank, "bar": blank, "cost": blank}
    if isinstance(row, PinnedSession):
        words = f"{preview(row.target)}, last {duration(look.now - row.at)} ago"
        requests = (f"{row.requests:,}", TEXT_STYLE)
        return {"name": (preview(row.session), TEXT_STYLE), **cells, "requests": requests, "bar": (words, MUTED_STYLE)}
    bar = "".join(segment.text for segment in meter(24, row.share, TEXT_STYLE, look.glyphs))
    return {
        "name": (f"  {preview(row.name)}", TEXT_STYLE),
        "requests": (f"{row.requests:,}", BRIGHT_STYLE),
        "share": (percent(row.share), TEXT_STYLE),
        "bar": (bar, MUTED_STYLE),
        "cost": (dollars(row.cost_microusd) if row.cost_microusd else "", TEXT_STYLE),
    }


def routing_summary(status: RoutingStatus, look: Look, width: int) -> tuple[Strip, ...]:
    """Two lines: where prompts would go now, and what happened to the last ones."""
    gap = Segment(f"  {look.glyphs.dot}  ", MUTED_STYLE)
    would = [
        [text_segment(f" {name} ", MUTED_STYLE), text_segment(_short(trial), trial_style(trial))]
        for name, trial in status.trials
    ]
    forced = status.forced_tier
    lead = [[text_segment(" forced to ", MUTED_STYLE), text_segment(forced, WARN_STYLE)]] if forced else []
    judge = status.judge
    judged = f"{judge.provider} {preview(judge.model)}".strip()
    rests = judge.problem or (f"rests {math.ceil(judge.resting_s)} s" if judge.resting_s > 0 else "")
    told = [
        *lead,
        [text_segment(" unclear goes to ", MUTED_STYLE), text_segment(status.default_tier, TEXT_STYLE)],
        _number(status.moved, "moved"),
        _number(status.fallbacks, "fell back"),
        _number(status.repairs, "repaired"),
        [text_segment("judge ", MUTED_STYLE), text_segment(judged, TEXT_STYLE)]
        + ([text_segment(f" {rests}", WARN_STYLE)] if rests else []),
    ]
    return (line(width, *joined(would, width, gap)), line(width, *joined(told, width, gap)))


def _number(many: int, name: str) -> list[Segment]:
    return [text_segment(f"{many:,}", WARN_STYLE if many else TEXT_STYLE), text_segment(f" {name}", MUTED_STYLE)]


def trial_target(trial: RouteTrial) -> str:
    """``provider/model``, or that there is none."""
    return f"{trial.provider}/{trial.model}" if trial.provider else "nobody"


def _short(trial: RouteTrial) -> str:
    """The tier's letter and the model's own name, short enough for three on a line."""
    name = preview(trial.model).rpartition("/")[2]
    return f"{TIER_KEYS.get(trial.tier, ' ')} {name}" if trial.provider else "nobody"


def trial_style(trial: RouteTrial) -> Style:
    return TIER_STYLES.get(trial.tier, BAD_STYLE)
