"""The cache pane: exact and semantic hits, what the providers' prompt caches read, and the last hour."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.model import CacheStats, Saved, SemanticStats, Snapshot
from llmgw_tui.panes.draw import Drawn, Look, between, blocks, joined, line, padded, shares, text_segment
from llmgw_tui.text import count, dollars, percent, time_saved
from llmgw_tui.theme import BRIGHT_STYLE, GOLD, GOOD_STYLE, LINE_STYLE, MUTED_STYLE, TEXT_STYLE, TIER_STYLES, WARN_STYLE

EXACT_STYLE = TIER_STYLES["cache"]
SEMANTIC_STYLE = Style(color="#b08f45")
MISS_STYLE = LINE_STYLE
TALL = 16
"""From this height on there is room for what each cache has saved."""


def cache_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    stats, inner = snapshot.cache, width - 2
    looked = stats.exact_hits + stats.semantic_hits + stats.misses
    gap = Segment("  ", TEXT_STYLE)
    lines = [
        between(
            inner,
            [
                text_segment(percent(stats.hit_rate) if looked else "no look-ups yet", BRIGHT_STYLE),
                text_segment(" hit today" if looked else "", MUTED_STYLE),
            ],
            [
                text_segment(
                    f"saved {dollars(stats.saved_microusd)} {time_saved(stats.today.total.ms)}",
                    GOOD_STYLE if stats.saved_microusd or stats.today.total.ms else MUTED_STYLE,
                )
            ],
        ),
        line(
            inner,
            *shares(
                inner,
                (
                    (stats.exact_hits, EXACT_STYLE),
                    (stats.semantic_hits, SEMANTIC_STYLE),
                    (stats.misses, MISS_STYLE),
                ),
                look.glyphs,
            ),
        ),
        line(
            inner,
            *joined(
                [
                    _figure(stats.exact_hits, "exact", EXACT_STYLE),
                    _figure(stats.semantic_hits, "semantic", SEMANTIC_STYLE),
                    _figure(stats.misses, "missed", TEXT_STYLE),
                    _figure(stats.bypassed, "bypassed", TEXT_STYLE),
                    _figure(stats.entries, "kept", TEXT_STYLE),
                ],
                inner,
                gap,
            ),
        ),
        line(inner, *joined(prompt_cache_words(snapshot), inner, gap)),
    ]
    if height > len(lines) and stats.semantic.state != "off":
        lines.append(line(inner, *joined([error_words(stats.semantic), grey_words(stats.semantic)], inner, gap)))
    if height >= TALL:
        lines += [line(inner, *words) for words in saved_words(stats)]
    room = height - len(lines)
    if room >= 3:
        lines += last_hour(look.charts or snapshot, look, inner, room)
    kept = f"{count(stats.entries)} answer{'' if stats.entries == 1 else 's'} kept" if stats.entries else ""
    return Drawn("Cache", kept, padded(lines[:height], width))


def prompt_cache_words(snapshot: Snapshot) -> list[list[Segment]]:
    """What the providers read from their own caches: tokens, and the share of what paid tiers were sent."""
    stats = snapshot.cache
    sent = sum(tier.input_tokens for tier in snapshot.tiers if tier.name in ("cheap", "premium"))
    share = percent(min(1.0, stats.prompt_cache_read_tokens / sent)) if sent else ""
    return [
        [
            text_segment("prompt cache ", MUTED_STYLE),
            text_segment(count(stats.prompt_cache_read_tokens), BRIGHT_STYLE),
            text_segment(" read", MUTED_STYLE),
        ],
        *([[text_segment(share, TEXT_STYLE), text_segment(" of paid input", MUTED_STYLE)]] if share else []),
        [text_segment(count(stats.prompt_cache_write_tokens), TEXT_STYLE), text_segment(" written", MUTED_STYLE)],
    ]


def saved_words(stats: CacheStats) -> list[list[Segment]]:
    """What the answer caches have saved: today, in all, and each."""
    return [
        [text_segment(" saved today ", MUTED_STYLE), *_saved(stats.today.total)],
        [text_segment(" in all ", MUTED_STYLE), *_saved(stats.ever.total)],
        [text_segment(" exact ", MUTED_STYLE), *_saved(stats.ever.exact)],
        [text_segment(" semantic ", MUTED_STYLE), *_saved(stats.ever.semantic)],
    ]


def _saved(saved: Saved) -> list[Segment]:
    style = GOOD_STYLE if saved.microusd > 0 or saved.ms > 0 else MUTED_STYLE
    return [
        text_segment(f"{dollars(saved.microusd)}, {time_saved(saved.ms)}", style),
        text_segment(f", {count(saved.hits)} hit{'' if saved.hits == 1 else 's'}", MUTED_STYLE),
    ]


def error_words(stats: SemanticStats) -> list[Segment]:
    """How often a semantic hit was wrong, as far as was checked, with the interval it lies in; or what stops it."""
    if stats.state in ("off", "failed") or stats.paused:
        why = stats.paused or stats.detail
        words = f"semantic {'paused' if stats.paused else stats.state}{': ' if why else ''}{why}"
        return [text_segment(words, MUTED_STYLE if stats.state == "off" else WARN_STYLE)]
    recent = stats.recent
    if recent.rate is None:
        return [text_segment("wrong hits ", MUTED_STYLE), text_segment("none checked yet", TEXT_STYLE)]
    style = WARN_STYLE if recent.wrong else GOOD_STYLE
    interval = f" ({recent.low * 100:.1f}-{recent.high * 100:.1f} %) of {recent.checked} checked"
    return [
        text_segment("wrong hits ", MUTED_STYLE),
        text_segment(f"{recent.rate * 100:.1f} %", style),
        text_segment(interval, MUTED_STYLE),
    ]


def grey_words(stats: SemanticStats) -> list[Segment]:
    """What the local model is still to judge, and what it found."""
    return [
        text_segment("grey ", MUTED_STYLE),
        text_segment(count(stats.grey_waiting), TEXT_STYLE),
        text_segment(" wait, ", MUTED_STYLE),
        text_segment(count(stats.grey_approved), TEXT_STYLE),
        text_segment(" same, ", MUTED_STYLE),
        text_segment(count(stats.grey_rejected), TEXT_STYLE),
        text_segment(" not", MUTED_STYLE),
    ]


def last_hour(snapshot: Snapshot, look: Look, width: int, height: int) -> list[Strip]:
    """The share of hits a minute over the last hour, as columns, with the minute now in words."""
    values = snapshot.cache_rate_by_minute.values
    if not values:
        return []
    wide = 2 if width >= 2 * len(values) else 1
    spread = [value for value in values for _ in range(wide)]
    chart = blocks(spread, width, height - 1, 1.0, Style(color=GOLD), look.glyphs)
    minutes = round(len(values) * snapshot.cache_rate_by_minute.step_s / 60)
    caption = between(
        width,
        [text_segment(f"hits a minute, last {minutes} min", MUTED_STYLE)],
        [text_segment("now ", MUTED_STYLE), text_segment(percent(values[-1]), BRIGHT_STYLE)],
    )
    return [caption, *chart]


def _figure(number: int, name: str, style: Style) -> list[Segment]:
    return [text_segment(count(number), style), text_segment(f" {name}", MUTED_STYLE)]
