"""The spend pane: today's dollars against the three limits, what was saved, and dollars an hour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.model import BudgetStatus, Series, Snapshot
from llmgw_tui.panes.draw import Drawn, Look, between, blocks, joined, line, padded, text_segment
from llmgw_tui.text import clock_time, dollars, duration, limit
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    GOOD_STYLE,
    LEVEL_STYLES,
    LINE_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    VIOLET,
    Glyphs,
)
from llmgw_tui.widgets.chart import bars

LIMITS = (("soft", "S"), ("medium", "M"), ("hard", "H"))
LEVEL_WORDS = {
    "ok": "within the limits",
    "soft": "soft limit passed",
    "medium": "medium limit passed: premium goes cheaper",
    "hard": "hard limit reached: paid tiers stopped",
}
CHART_STYLE = Style(color=VIOLET)


def spend_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    budget, inner = snapshot.budget, width - 2
    gap = Segment("  ", TEXT_STYLE)
    left = [text_segment(dollars(budget.spent_microusd), BRIGHT_STYLE), text_segment(" today", MUTED_STYLE)]
    right = [
        text_segment(
            f"saved {dollars(snapshot.saved_today_microusd)}",
            GOOD_STYLE if snapshot.saved_today_microusd else MUTED_STYLE,
        )
    ]
    reserved = (
        [text_segment(f"  + {dollars(budget.reserved_microusd)} reserved", MUTED_STYLE)]
        if budget.reserved_microusd
        else []
    )
    fits = sum(len(segment.text) for segment in (*left, *reserved, *right)) < inner
    lines = [
        between(inner, [*left, *(reserved if fits else [])], right),
        line(inner, *budget_bar(budget, inner, look.glyphs)),
        line(inner, *joined(limit_words(budget), inner, gap)),
        line(inner, level_word(budget)),
    ]
    room = height - len(lines)
    series = (look.charts or snapshot).spend_by_hour
    if room >= 1 and series.values:
        lines += by_hour(series, look, inner, room)
    return Drawn("Spend", f"resets in {duration(budget.resets_at - look.now)}", padded(lines[:height], width))


def budget_bar(budget: BudgetStatus, width: int, glyphs: Glyphs) -> list[Segment]:
    """Today's spend on the scale of the highest limit, the limits marked S, M and H, what is reserved dashed."""
    limits = {name: getattr(budget, f"{name}_microusd") for name, _ in LIMITS}
    scale = max(*limits.values(), budget.spent_microusd, 1)
    if not any(limits.values()):
        return [Segment(glyphs.track * width, LINE_STYLE)]
    spent = budget.spent_microusd / scale * width
    held = budget.committed_microusd / scale * width
    style = LEVEL_STYLES[budget.level]
    letters = {
        min(width - 1, int(limits[name] / scale * width)): (letter, LEVEL_STYLES[name])
        for name, letter in LIMITS
        if limits[name]
    }
    out: list[Segment] = []
    for column in range(width):
        if column in letters:
            letter, letter_style = letters[column]
            out.append(Segment(letter, letter_style + BRIGHT_STYLE.without_color))
        elif column < spent or (column == 0 and budget.spent_microusd > 0):
            out.append(Segment(glyphs.bar, style))
        elif column < held:
            out.append(Segment(glyphs.reserved, style))
        else:
            out.append(Segment(glyphs.track, LINE_STYLE))
    return list(Segment.simplify(out))


def limit_words(budget: BudgetStatus) -> list[list[Segment]]:
    return [
        [
            text_segment(letter, LEVEL_STYLES[name]),
            text_segment(f" {name} ", MUTED_STYLE),
            text_segment(limit(getattr(budget, f"{name}_microusd")), TEXT_STYLE),
        ]
        for name, letter in LIMITS
    ]


def level_word(budget: BudgetStatus) -> Segment:
    """The level in words."""
    if not budget.ledger_ok:
        return text_segment("the ledger cannot be written: paid tiers stopped", BAD_STYLE)
    if not (budget.soft_microusd or budget.medium_microusd or budget.hard_microusd):
        return text_segment("no limits are set", LEVEL_STYLES["soft"])
    return text_segment(LEVEL_WORDS[budget.level], LEVEL_STYLES[budget.level])


def by_hour(series: Series, look: Look, width: int, height: int) -> list[Strip]:
    """Dollars an hour of today: plotext's chart where there is room, else one row of blocks."""
    if height < 4:
        top = max(series.values)
        caption = f"by hour, top {dollars(round(top * 1_000_000))} " if top else "by hour "
        row = blocks(series.values, max(1, width - len(caption)), 1, top, CHART_STYLE, look.glyphs)[0]
        return [line(width, text_segment(caption, MUTED_STYLE), *row)]
    labels = [
        clock_time(series.start + index * series.step_s, look.zone, seconds=False)
        for index in range(len(series.values))
    ]
    chart = bars(tuple(series.values), tuple(labels), width, height - 1, look.glyphs.chart)
    return [
        line(width, text_segment("dollars an hour", MUTED_STYLE)),
        *(line(width, *_axis_apart(text)) for text in chart),
    ]


def _axis_apart(text: str) -> Sequence[Segment]:
    """The chart's own text, figures muted and bars coloured."""
    out: list[Segment] = []
    for character in text:
        figure = character.isdigit() or character in ".:$ "
        style = MUTED_STYLE if figure else CHART_STYLE
        out.append(Segment(character, style))
    return list(Segment.simplify(out))
