"""The spend pane: today's dollars against the limits, the background's apart, what was saved, and dollars per hour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.model import BudgetStatus, Forecast, LaneSpend, Series, Snapshot
from llmgw_tui.panes.details import chopped
from llmgw_tui.panes.draw import (
    Drawn,
    Look,
    between,
    blocks,
    fit_words,
    joined,
    line,
    padded,
    segments_width,
    text_segment,
)
from llmgw_tui.text import clock_time, dollars, duration, limit, preview
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
    "medium": "medium limit passed: premium uses a cheaper tier",
    "hard": "hard limit reached: paid tiers stopped",
}
NOT_REPAID = (": prompt-cache writes not yet repaid", ": cache writes not yet repaid", ": cache writes")
"""Writing to a provider's prompt cache costs more than input does; the reads that follow save more than that."""
DEARER = (": dearer models than premium", ": dearer models")
UNKNOWN = Forecast()
CHART_STYLE = Style(color=VIOLET)
ROWS_APART = 10
"""From so many rows on everything has a line of its own, above a chart."""
CHART_ROWS = 4
"""From so many rows on there is room for plotext's chart, which is dear and drawn once a second."""


def spend_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    budget, inner = snapshot.budget, width - 2
    left = [text_segment(dollars(budget.spent_microusd), BRIGHT_STYLE), text_segment(" today", MUTED_STYLE)]
    right = [saved_words(snapshot, inner - sum(len(segment.text) for segment in left) - 2)]
    reserved = (
        [text_segment(f"  + {dollars(budget.reserved_microusd)} reserved", MUTED_STYLE)]
        if budget.reserved_microusd
        else []
    )
    fits = sum(len(segment.text) for segment in (*left, *reserved, *right)) < inner
    lines = [
        between(inner, [*left, *(reserved if fits else [])], right),
        line(inner, *budget_bar(budget, inner, look.glyphs, snapshot.forecast)),
        *_standing(snapshot, look, inner, height),
        *day_end_lines(snapshot.forecast, look, inner),
    ]
    room = height - len(lines)
    series = (snapshot if room < CHART_ROWS else look.charts or snapshot).spend_by_hour
    if room >= 1 and series.values:
        lines += by_hour(series, look, inner, room)
    return Drawn("Spend", f"resets in {duration(budget.resets_at - look.now)}", padded(lines[:height], width))


def _standing(snapshot: Snapshot, look: Look, width: int, height: int) -> list[Strip]:
    """The limits, how the day stands to them, and the background's own line. Where that takes a row too many for what
    stands below, limits and standing share one."""
    budget, gap = snapshot.budget, Segment("  ", TEXT_STYLE)
    limits = line(width, *joined(limit_words(budget), width, gap))
    level = line(width, *_level_and_reached(snapshot, look, width))
    if not shows_background(budget.background):
        return [limits, level]
    own = line(width, *background_words(budget.background, width))
    if height < ROWS_APART and (both := _limits_and_standing(snapshot, look, width)):
        return [line(width, *both), own]
    return [limits, level, own]


def _limits_and_standing(snapshot: Snapshot, look: Look, width: int) -> list[Segment]:
    """Both in one row, in the words there is room for; empty where they need two: what is passed is always said."""
    budget, gap = snapshot.budget, Segment("  ", TEXT_STYLE)
    short = joined(limit_words(budget, named=False), width, Segment(" ", TEXT_STYLE))
    said, reached = [level_word(budget)], reached_words(snapshot.forecast, look, short=True)
    fine = budget.level == "ok" and budget.ledger_ok
    for words in ([said, *reached], reached if fine and reached else [said]):
        row = joined([short, *words], 10**6, gap)
        if segments_width(row) <= width:
            return row
    return short if fine else []


def shows_background(own: LaneSpend) -> bool:
    """Whether there is anything to say of the background: a limit, or money."""
    return bool(own.limit_microusd or own.committed_microusd)


def background_words(own: LaneSpend, width: int) -> list[Segment]:
    """What nobody waited for has cost, against its own limit; what is reserved, and where it goes after that."""
    name, cost = text_segment("background ", MUTED_STYLE), dollars(own.spent_microusd)
    against = f" of {limit(own.limit_microusd)}" if own.limit_microusd else ", no limit"
    if own.reached:
        words = f"{cost}{against} spent: free tiers only"
        fits = len(name.text) + len(words) <= width
        return [name, text_segment(words if fits else f"{cost} spent: free only", LEVEL_STYLES["hard"])]
    parts = [[name, text_segment(cost, LEVEL_STYLES["ok"]), text_segment(against, MUTED_STYLE)]]
    if own.reserved_microusd:
        parts.append([text_segment(f"+ {dollars(own.reserved_microusd)} reserved", MUTED_STYLE)])
    return joined(parts, width, Segment("  ", TEXT_STYLE))


def saved_words(snapshot: Snapshot, width: int) -> Segment:
    """What today has saved, in ``width``; where that is less than nothing, why."""
    saved = snapshot.saved_today_microusd
    words = f"saved {dollars(saved)}"
    if saved >= 0:
        return text_segment(words, GOOD_STYLE if saved else MUTED_STYLE)
    writes = saved - snapshot.cache.prompt_cache_saved_microusd >= 0
    for why in NOT_REPAID if writes else DEARER:
        if len(words) + len(why) <= width:
            return text_segment(f"{words}{why}", MUTED_STYLE)
    return text_segment(words, MUTED_STYLE)


def budget_bar(budget: BudgetStatus, width: int, glyphs: Glyphs, forecast: Forecast = UNKNOWN) -> list[Segment]:
    """Today's spend on the scale of the highest limit, the limits marked S, M and H, what is reserved dashed, and a
    mark of its own where the day is expected to end; beyond the scale that is its right end."""
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
    if forecast.day_end is not None:
        place = min(width - 1, int(forecast.day_end.microusd / scale * width))
        letters.setdefault(place if place not in letters else max(0, place - 1), (glyphs.ahead, BRIGHT_STYLE))
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


def day_end_lines(forecast: Forecast, look: Look, width: int) -> list[Strip]:
    """Where today ends; without a forecast, why there is none, on as many rows as that takes."""
    if forecast.day_end is not None:
        return [line(width, *day_end_words(forecast, look, width))]
    return [line(width, text_segment(row, MUTED_STYLE)) for row in chopped(_no_forecast(forecast), width)]


def day_end_words(forecast: Forecast, look: Look, width: int) -> list[Segment]:
    """Where today ends, with its range; without a forecast, why there is none. One line."""
    end = forecast.day_end
    if end is None:
        return [text_segment(fit_words(_no_forecast(forecast), width), MUTED_STYLE)]
    parts = [
        [text_segment(f"{look.glyphs.ahead} about {dollars(end.microusd)} by midnight UTC", TEXT_STYLE)],
        [text_segment(f"({dollars(end.low_microusd)} to {dollars(end.high_microusd)})", MUTED_STYLE)],
    ]
    return joined(parts, width, Segment(" ", TEXT_STYLE))


def _no_forecast(forecast: Forecast) -> str:
    return f"no forecast: {preview(forecast.basis) or 'nothing is known yet'}"


def _level_and_reached(snapshot: Snapshot, look: Look, width: int) -> list[Segment]:
    """The level, and when the gravest limit is reached, in the words there is room for."""
    level, gap = [level_word(snapshot.budget)], Segment("  ", TEXT_STYLE)
    for short in (False, True):
        words = joined([level, *reached_words(snapshot.forecast, look, short=short)], width, gap)
        if len(words) > 1:
            return words
    return level


def reached_words(forecast: Forecast, look: Look, *, short: bool = False) -> list[list[Segment]]:
    """``hard limit at about 16:40``, or ``hard ~16:40``, for the gravest limit that the day reaches."""
    for name in ("hard", "medium", "soft"):
        for one in forecast.reached:
            if one.name == name:
                at = clock_time(one.at, look.zone, seconds=False)
                words = f"{name} ~{at}" if short else f"{name} limit at about {at}"
                return [[text_segment(words, LEVEL_STYLES[name])]]
    return []


def limit_words(budget: BudgetStatus, *, named: bool = True) -> list[list[Segment]]:
    """``S soft $5``, or only ``S $5``, for each limit."""
    return [
        [
            text_segment(letter, LEVEL_STYLES[name]),
            text_segment(f" {name} " if named else " ", MUTED_STYLE),
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
    if height < CHART_ROWS:
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
        line(width, text_segment("dollars per hour", MUTED_STYLE)),
        *(line(width, *axis_apart(text)) for text in chart),
    ]


def axis_apart(text: str) -> Sequence[Segment]:
    """The chart's own text, figures muted and bars coloured."""
    out: list[Segment] = []
    for character in text:
        figure = character.isdigit() or character in ".:$ "
        style = MUTED_STYLE if figure else CHART_STYLE
        out.append(Segment(character, style))
    return list(Segment.simplify(out))
