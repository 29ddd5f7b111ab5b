"""The what-if screen: the slider, the days as a chart, and what comes of a policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.whatif_values import Outcome, Policy, TierChange
from llmgw_tui.panes.columns import Cell, Column, row, says, titles
from llmgw_tui.panes.details import laid
from llmgw_tui.panes.draw import Look, joined, line, text_segment
from llmgw_tui.panes.spending import dollars_chart
from llmgw_tui.text import count, dollars, preview
from llmgw_tui.theme import BAD_STYLE, BRIGHT_STYLE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE, TIER_STYLES, WARN_STYLE
from llmgw_tui.what_if_words import (
    cost_words,
    limit_words,
    notes,
    policy_words,
    share,
    threshold_words,
    thresholds_in_short,
)

LABEL = " premium share "
FIGURE = 9
"""Cells for the share behind the track."""
NO_LABEL_BELOW = 50
TIERS = (
    Column("name", "tier", 8),
    Column("model", "served by", 0, 84),
    Column("requests", "requests", 9, 40, right=True),
    Column("requests_then", "then", 9, 40, right=True),
    Column("in", "in", 7, 108, right=True),
    Column("in_then", "then", 7, 108, right=True),
    Column("out", "out", 7, 124, right=True),
    Column("out_then", "then", 7, 124, right=True),
    Column("cost", "cost", 9, 64, right=True),
    Column("cost_then", "then", 9, 64, right=True),
)
LANES = (
    Column("name", "lane", 12),
    Column("requests", "requests", 9, 40, right=True),
    Column("moved", "moved", 9, 40, right=True),
    Column("cost", "cost", 9, 64, right=True),
    Column("then", "then", 9, 64, right=True),
)
CHARTS = {"then": "under the policy", "before": "as it was"}
_WIDE_MATRIX = 84


def slider_view(policy: Policy, found: Outcome | None, look: Look, width: int) -> tuple[tuple[Strip, ...], int, int]:
    """Two rows, and where on the first one the track begins and how long it is."""
    at = share_of(policy, found)
    label = LABEL if width >= NO_LABEL_BELOW else " "
    room = max(1, width - len(label) - FIGURE)
    known = policy.premium_share is not None
    style = BRIGHT_STYLE if known else MUTED_STYLE
    knob = round(at * (room - 1))
    figure = text_segment(f"{share(at):>{FIGURE - 1}} ", style)
    words = [] if found is None or found.problem else thresholds_in_short(found)
    below = joined([[text_segment(word, MUTED_STYLE)] for word in words], width - 2, Segment("  ", MUTED_STYLE))
    blank = Segment(" ", TEXT_STYLE)
    return (
        (line(width, Segment(label, MUTED_STYLE), *_track(knob, room, look), figure), line(width, blank, *below)),
        len(label),
        room,
    )


def _track(knob: int, room: int, look: Look) -> list[Segment]:
    return [
        Segment(look.glyphs.bar * knob, TIER_STYLES["premium"]),
        Segment(look.glyphs.on, BRIGHT_STYLE),
        Segment(look.glyphs.track * (room - knob - 1), MUTED_STYLE),
    ]


def share_of(policy: Policy, found: Outcome | None) -> float:
    """Where the slider is: the share that is asked for, or the one that there was."""
    if policy.premium_share is not None:
        return policy.premium_share
    return found.now.share if found else 0.0


def days_chart(found: Outcome, which: str, look: Look, width: int, height: int) -> tuple[Strip, ...]:
    """Dollars a day, under the policy or as it was, with the hard limit as a line where it is near."""
    if height < 4 or not found.days:
        return ()
    name = "after_microusd" if which == "then" else "before_microusd"
    values = tuple(max(0, getattr(day, name)) / 1e6 for day in found.days)
    hard = found.hard_limit_microusd
    labels = tuple(f"{day.month}-{day.day:02d}" for day in (date.fromisoformat(one.day) for one in found.days))
    limits = (("H", hard / 1e6),) if hard else ()
    return dollars_chart(f"dollars per day (UTC), {CHARTS[which]}", values, labels, limits, look, width, height)


def outcome_lines(found: Outcome | None, look: Look, width: int) -> tuple[Strip, ...]:
    """Costs, moves, tiers and lanes, then and now, and what the figures leave out."""
    if found is None:
        return says(width, "Reading the request log ...")
    if found.problem:
        return says(width, preview(found.problem))
    if not found.requests:
        return says(width, f"No answered requests from {found.first_day} to {found.last_day}.")
    return tuple(_lines(found, look, width))


def _lines(found: Outcome, look: Look, width: int) -> Iterator[Strip]:
    change = found.change_microusd
    style = BAD_STYLE if change > 0 else GOOD_STYLE if change < 0 else BRIGHT_STYLE
    reached = found.limit_after.days_reached > 0
    facts = (
        ("policy", policy_words(found.policy), BRIGHT_STYLE),
        ("cost", cost_words(found), style),
        ("moved", f"{found.moved:,} of {found.requests:,} requests, {share(found.moved_share)}", TEXT_STYLE),
        ("limit", limit_words(found), WARN_STYLE if reached else TEXT_STYLE),
        ("difficulty", threshold_words(found), TEXT_STYLE),
    )
    for label, words, fact_style in facts:
        yield from laid([[text_segment(f" {label:<12}", MUTED_STYLE), text_segment(words, fact_style)]], width)
    yield line(width)
    yield titles(TIERS, look, width)
    for tier in found.tiers:
        yield row(TIERS, _tier_cells(tier), look, width)
    yield line(width)
    yield from _matrix(found, look, width)
    yield line(width)
    yield titles(LANES, look, width)
    for lane in found.lanes:
        cells: dict[str, Cell] = {
            "name": (lane.lane, TEXT_STYLE),
            "requests": (f"{lane.requests:,}", TEXT_STYLE),
            "moved": (f"{lane.moved:,}", BRIGHT_STYLE if lane.moved else MUTED_STYLE),
            "cost": (dollars(lane.before_microusd), MUTED_STYLE),
            "then": (dollars(lane.after_microusd), TEXT_STYLE),
        }
        yield row(LANES, cells, look, width)
    yield line(width)
    for note in notes(found):
        yield from laid([[text_segment(f" {look.glyphs.dot} {note}", MUTED_STYLE)]], width)


def _tier_cells(tier: TierChange) -> dict[str, Cell]:
    before, after = tier.before, tier.after
    differs = before.requests != after.requests
    cells: dict[str, Cell] = {
        "name": (tier.name, TIER_STYLES.get(tier.name, TEXT_STYLE)),
        "model": (preview(tier.model), MUTED_STYLE),
    }
    texts = {
        "requests": (f"{before.requests:,}", f"{after.requests:,}"),
        "in": (count(before.input_tokens), count(after.input_tokens)),
        "out": (count(before.output_tokens), count(after.output_tokens)),
        "cost": (dollars(before.cost_microusd), dollars(after.cost_microusd)),
    }
    for name, (was, then) in texts.items():
        cells[name] = (was, MUTED_STYLE)
        cells[f"{name}_then"] = (then, BRIGHT_STYLE if differs else TEXT_STYLE)
    return cells


def _matrix(found: Outcome, look: Look, width: int) -> Iterator[Strip]:
    """Where requests went, a row each, and where they go, a column each."""
    names = [tier.name for tier in found.tiers]
    wide = width >= _WIDE_MATRIX
    cells = 16 if wide else 8 if width >= 48 else 6
    columns = (
        Column("from", "from", 8),
        *(Column(name, f"to {name}" if wide else name, cells, right=True) for name in names),
    )
    yield titles(columns, look, width)
    known = {(one.source, one.target): one for one in found.moves}
    for source in names:
        made: dict[str, Cell] = {"from": (source, TIER_STYLES.get(source, TEXT_STYLE))}
        for target in names:
            one = known.get((source, target))
            words = "-" if one is None else f"{one.requests:,} {share(one.share):>7}" if wide else count(one.requests)
            made[target] = (words, MUTED_STYLE if one is None or source == target else BRIGHT_STYLE)
        yield row(columns, made, look, width)
