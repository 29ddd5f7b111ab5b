"""The spend screen: a period's sums, its chart, and where the day and the month are heading."""

from __future__ import annotations

from datetime import date

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import BudgetStatus, LaneSpend, Snapshot, SpendBuckets, SpendReport, SpendRow
from llmgw_tui.panes.columns import Cell, Column, Listing, listing, row
from llmgw_tui.panes.draw import Look, joined, line, meter, text_segment
from llmgw_tui.panes.spend import (
    CHART_STYLE,
    LIMITS,
    axis_apart,
    background_words,
    budget_bar,
    day_end_words,
    level_word,
    limit_words,
    reached_words,
    shows_background,
)
from llmgw_tui.text import count, dollars, limit, percent, preview
from llmgw_tui.theme import BRIGHT_STYLE, GOOD_STYLE, MUTED_STYLE, TEXT_STYLE, TIER_STYLES, WARN_STYLE
from llmgw_tui.widgets.chart import Limit, bars, lines_in_sight

PERIOD_WORDS = {"today": "today", "7d": "7 days", "30d": "30 days", "month": "this month"}
NAMELESS = "(none)"
GUESSED = "*"
NOT_REPAID = "by prompt: less than $0 is prompt-cache writes not yet repaid by reads"
BAR_WIDTH = 12
COLUMNS = (
    Column("name", "", 0),
    Column("bar", "share", BAR_WIDTH, 96),
    Column("share", "", 5, 56, right=True),
    Column("cost", "cost", 9, right=True),
    Column("requests", "requests", 8, 48, right=True),
    Column("answered", "answered", 8, 116, right=True),
    Column("hits", "hits", 6, 106, right=True),
    Column("in", "in", 7, 136, right=True),
    Column("out", "out", 7, 136, right=True),
    Column("saved", "saved", 9, 40, right=True),
    Column("cache", "by cache", 9, 92, right=True),
    Column("prompt", "by prompt", 9, 92, right=True),
    Column("routing", "by route", 9, 92, right=True),
)


def spend_summary(snapshot: Snapshot, look: Look, width: int) -> tuple[Strip, ...]:
    """Today against the limits, the bar, the forecast of day and month, and the background's part if there is one."""
    budget, forecast, inner = snapshot.budget, snapshot.forecast, max(1, width - 2)
    gap, blank = Segment(f"  {look.glyphs.dot}  ", MUTED_STYLE), Segment(" ", TEXT_STYLE)
    today = [
        [
            text_segment(dollars(budget.spent_microusd), BRIGHT_STYLE),
            text_segment(" today (UTC)", MUTED_STYLE),
        ],
        [level_word(budget)],
        *reached_words(forecast, look),
        *limit_words(budget),
        *([[text_segment(_configured(snapshot), WARN_STYLE)]] if snapshot.configured_limits else []),
    ]
    ahead = [day_end_words(forecast, look, inner)]
    if (end := forecast.month_end) is not None:
        ranged = f" ({dollars(end.low_microusd)} to {dollars(end.high_microusd)})"
        ahead.append(
            [text_segment(f"{dollars(end.microusd)} this month", TEXT_STYLE), text_segment(ranged, MUTED_STYLE)]
        )
    if forecast.day_end is not None:
        ahead.append([text_segment(forecast.basis, MUTED_STYLE)])
    own = [line(width, blank, *background_line(budget.background, inner, gap))]
    return (
        line(width, blank, *joined(today, inner, gap)),
        line(width, blank, *budget_bar(budget, inner, look.glyphs, forecast)),
        line(width, blank, *joined(ahead, inner, gap)),
        *(own if shows_background(budget.background) else []),
    )


def background_line(own: LaneSpend, width: int, gap: Segment) -> list[Segment]:
    """The same as in the dashboard, and what that is."""
    words = "heartbeats, cron jobs, recaps, titles: what nobody waits for"
    if own.reached:
        words = "what nobody waits for, until midnight UTC"
    return joined([background_words(own, width), [text_segment(words, MUTED_STYLE)]], width, gap)


def _configured(snapshot: Snapshot) -> str:
    limits = snapshot.configured_limits
    assert limits is not None
    values = (limits.soft_microusd, limits.medium_microusd, limits.hard_microusd, limits.background_microusd)
    return f"yours, kept over restarts; configured {' '.join(limit(value) for value in values)}"


def spend_chart(report: SpendReport, budget: BudgetStatus, look: Look, width: int, height: int) -> tuple[Strip, ...]:
    """Dollars an hour of one day, or a day with the limits as lines; a word says which limits are above the chart."""
    buckets = report.buckets
    if height < 4 or not buckets.values:
        return ()
    hourly = buckets.step_s < 86_400
    values = tuple(value / 1e6 for value in buckets.values)
    limits = tuple(
        (letter, getattr(budget, f"{name}_microusd") / 1e6)
        for name, letter in LIMITS
        if not hourly and getattr(budget, f"{name}_microusd")
    )
    caption = f"dollars {'per hour, UTC' if hourly else 'per day (UTC)'}"
    return dollars_chart(caption, values, _labels(buckets), limits, look, width, height)


def dollars_chart(
    caption: str,
    values: tuple[float, ...],
    labels: tuple[str, ...],
    limits: tuple[Limit, ...],
    look: Look,
    width: int,
    height: int,
) -> tuple[Strip, ...]:
    """Bars of US dollars under a caption, with ``limits`` (letter, dollars) as lines; a word says which are above."""
    drawn = lines_in_sight(values, limits)
    above = [f"{letter} {limit(round(value * 1e6))}" for letter, value in limits if (letter, value) not in drawn]
    words = [[text_segment(f" {caption}", MUTED_STYLE)]]
    if above:
        words.append([text_segment(f"far above: {', '.join(above)}", MUTED_STYLE)])
    chart = bars(
        values,
        labels,
        width - 2,
        height - 1,
        look.glyphs.chart,
        limits=drawn,
        across=look.glyphs.across,
        nothing="nothing spent",
    )
    return (
        line(width, *joined(words, width, Segment("  ", MUTED_STYLE))),
        *(line(width, Segment(" ", TEXT_STYLE), *axis_apart(text)) for text in chart),
    )


def _labels(buckets: SpendBuckets) -> tuple[str, ...]:
    if buckets.step_s < 86_400:
        return tuple(f"{hour:02d}:00" for hour in range(len(buckets.values)))
    first = date.fromordinal(date(1970, 1, 1).toordinal() + int(buckets.start // 86_400))
    days = (date.fromordinal(first.toordinal() + number) for number in range(len(buckets.values)))
    return tuple(f"{day.month}-{day.day:02d}" for day in days)


def spend_rows(report: SpendReport, look: Look, width: int) -> Listing:
    """The groups under a line of their total; or what was in the way."""
    if report.problem:
        return listing(COLUMNS, (), lambda _: {}, look, width, preview(report.problem))
    total = row(COLUMNS, _cells(report.total, "", look, total=True), look, width)
    if not report.rows:
        return listing(COLUMNS, (), lambda _: {}, look, width, "No requests in this period.", (total,))
    more = report.left_out
    notes = [f"{more:,} more groups are in the total, and in the CSV"] if more else []
    rows = report.rows
    if any(group.saved_by_prompt_cache_microusd < 0 for group in (report.total, *rows)):
        notes.append(NOT_REPAID)
    return listing(
        COLUMNS,
        rows,
        lambda index: _cells(rows[index], report.by, look),
        look,
        width,
        "",
        (total, *(line(width, text_segment(f" {note}", MUTED_STYLE)) for note in notes)),
    )


def _cells(group: SpendRow, by: str, look: Look, *, total: bool = False) -> dict[str, Cell]:
    name = "total" if total else preview(group.name(by)) or NAMELESS
    style = BRIGHT_STYLE if total else TIER_STYLES.get(name, TEXT_STYLE) if by == "tier" else TEXT_STYLE
    bar = "" if total else "".join(part.text for part in meter(BAR_WIDTH, group.share, CHART_STYLE, look.glyphs))
    guessed = "" if group.price_known or not group.cost_microusd else GUESSED
    sums = TEXT_STYLE if not total else BRIGHT_STYLE
    return {
        "name": (f"{name}:00" if by == "hour" and not total else name, style),
        "bar": (bar, CHART_STYLE),
        "share": ("" if total else percent(group.share), MUTED_STYLE),
        "cost": (f"{dollars(group.cost_microusd)}{guessed}", BRIGHT_STYLE),
        "requests": (f"{group.requests:,}", sums),
        "answered": (f"{group.answered:,}", sums),
        "hits": (count(group.cache_hits), sums),
        "in": (count(group.input_tokens), sums),
        "out": (count(group.output_tokens), sums),
        "saved": (dollars(group.saved_microusd), GOOD_STYLE if group.saved_microusd > 0 else MUTED_STYLE),
        "cache": (dollars(group.saved_by_answer_cache_microusd), MUTED_STYLE),
        "prompt": (dollars(group.saved_by_prompt_cache_microusd), MUTED_STYLE),
        "routing": (dollars(group.saved_by_routing_microusd), MUTED_STYLE),
    }


def requests_filter(report: SpendReport, group: SpendRow) -> str:
    """The filter of the requests screen that selects a group's requests."""
    by, since = report.by, f"since:{report.first_day}"
    value = group.model if by == "model" else group.name(by)
    if by == "day":
        return f"at:{value}"
    if by == "hour" or not value or '"' in value:
        return since
    return f'{by}:"{value}" {since}'
