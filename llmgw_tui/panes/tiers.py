"""The tiers pane: who answered how much today, at what cost, and what serves each tier now."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import ProviderStatus, Snapshot, TierStats
from llmgw_tui.panes.draw import Drawn, Look, cell, line, segments_width, text_segment
from llmgw_tui.text import count, dollars, percent, preview
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    GOOD_STYLE,
    LINE_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_STYLES,
    WARN_STYLE,
    tier_mark,
)

ORDER = ("local", "cheap", "premium", "cache")
COST_CELLS = 10
"""A blank, and ``$0.000049``."""


def tiers_view(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    by_name = {tier.name: tier for tier in snapshot.tiers}
    shown = [by_name[name] for name in ORDER if name in by_name]
    total = sum(tier.requests for tier in shown)
    two_lines = height >= 2 * len(shown)
    lines: list[Strip] = []
    for tier in shown:
        forced = snapshot.forced_tier is not None and tier.name == snapshot.forced_tier.value
        lines.append(tier_line(tier, total, forced, look, width, with_target=not two_lines))
        if two_lines:
            lines.append(target_line(tier, snapshot, forced, width, look))
            if height >= 4 * len(shown) and tier.others:
                lines.append(line(width, text_segment(f"   then {preview(', '.join(tier.others))}", MUTED_STYLE)))
    if height >= len(lines) + 2 + len(snapshot.providers) and snapshot.providers:
        lines += [line(width), *(provider_line(provider, look, width) for provider in snapshot.providers)]
    info = f"forced: {snapshot.forced_tier.value}" if snapshot.forced_tier else "auto"
    return Drawn("Tiers", info, tuple(lines[:height]))


def tier_line(tier: TierStats, total: int, forced: bool, look: Look, width: int, *, with_target: bool) -> Strip:
    style = TIER_STYLES.get(tier.name, TEXT_STYLE)
    name_width = 8 if width >= 34 else 0
    head = [
        Segment(" ", TEXT_STYLE),
        cell(tier_mark(tier.name, look.glyphs), 1, style + BRIGHT_STYLE.without_color),
        Segment(" ", TEXT_STYLE),
        cell(tier.name, name_width, style + BRIGHT_STYLE.without_color if forced else style),
    ]
    share = tier.requests / total if total else 0.0
    figures = [
        cell(percent(share) if total else "", 6, TEXT_STYLE, right=True),
        cell(count(tier.requests), 6, BRIGHT_STYLE, right=True),
        cell(
            dollars(tier.cost_microusd) if tier.cost_microusd else "free" if tier.requests else "",
            COST_CELLS,
            TEXT_STYLE if tier.cost_microusd else GOOD_STYLE,
            right=True,
        ),
    ]
    tokens = [
        cell(f"{count(tier.input_tokens)} in", 10, MUTED_STYLE, right=True),
        cell(f"{count(tier.output_tokens)} out", 11, MUTED_STYLE, right=True),
    ]
    rest = width - 4 - name_width - 12 - COST_CELLS
    if rest >= 21 + 20:
        figures += tokens
        rest -= 21
    target = preview(tier.target)
    if with_target and target and rest >= 44:
        figures += [Segment("  ", TEXT_STYLE), cell(target, 22, MUTED_STYLE, ellipsis=look.glyphs.ellipsis)]
        rest -= 24
    bar = max(0, rest)
    done = min(bar, max(1, round(share * bar))) if share > 0 else 0
    return line(
        width,
        *head,
        Segment(look.glyphs.full * done, style),
        Segment(look.glyphs.track * (bar - done), LINE_STYLE),
        *figures,
    )


def target_line(tier: TierStats, snapshot: Snapshot, forced: bool, width: int, look: Look) -> Strip:
    """What serves the tier now, or that nothing does."""
    if tier.name == "cache":
        return line(width, text_segment("   seen before, or alike in meaning", MUTED_STYLE))
    target = preview(tier.target)
    if not target:
        return line(width, text_segment("   no provider", WARN_STYLE))
    more = f" +{len(tier.others)}" if tier.others else ""
    parts = [text_segment("   "), text_segment(target + more, MUTED_STYLE)]
    if down := _trouble(tier, snapshot):
        room = max(0, width - segments_width(parts))
        words = f"  down: {preview(down)}"
        parts.append(cell(words, min(room, cell_len(words)), WARN_STYLE, ellipsis=look.glyphs.ellipsis))
    elif forced:
        parts.append(text_segment("  all requests go here", WARN_STYLE))
    elif _simulated(tier, snapshot):
        parts.append(text_segment("  simulated", WARN_STYLE))
    if not tier.price_known:
        parts.append(text_segment("  price unknown", WARN_STYLE))
    return line(width, *parts)


def provider_line(provider: ProviderStatus, look: Look, width: int) -> Strip:
    """A provider, and how it is."""
    known = {"ok": ("up", GOOD_STYLE), "down": ("down", WARN_STYLE), "no_key": ("no key", MUTED_STYLE)}
    word, style = known.get(provider.state, (provider.state, MUTED_STYLE))
    return line(
        width,
        text_segment(f" {look.glyphs.on if provider.state == 'ok' else look.glyphs.off} ", style),
        cell(preview(provider.name), 12, TEXT_STYLE, ellipsis=look.glyphs.ellipsis),
        cell(word, 8, style),
        text_segment(preview(provider.detail) or preview(provider.base_url), MUTED_STYLE),
    )


def _trouble(tier: TierStats, snapshot: Snapshot) -> str:
    """Why the tier's provider is down; empty while it is not."""
    provider = tier.target.split("/", 1)[0]
    return next(
        (status.detail for status in snapshot.providers if (status.name, status.state) == (provider, "down")), ""
    )


def _simulated(tier: TierStats, snapshot: Snapshot) -> bool:
    provider = tier.target.split("/", 1)[0]
    return any(status.simulated and status.name == provider for status in snapshot.providers)
