"""The header: what state the gateway is in, where it listens, what is forced, and today's spend against the limits."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gateway_core.frozen import frozen
from gateway_core.model import BudgetStatus, Snapshot
from llmgw_tui.panes.draw import Look, between, joined, line, segments_width, text_segment
from llmgw_tui.panes.spend import budget_bar, saved_words
from llmgw_tui.text import clock_time, dollars, duration, limit, preview
from llmgw_tui.theme import (
    BAD_BLOCK_STYLE,
    BLUE,
    BRIGHT,
    BRIGHT_STYLE,
    DEMO_STYLE,
    FOCUS_STYLE,
    GOOD_BLOCK_STYLE,
    GOOD_STYLE,
    LEVEL_STYLES,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_STYLES,
    WARN_BLOCK_STYLE,
    WARN_STYLE,
)

DEMO = "DEMO: paid upstreams are simulated"
ROOMY = 96
"""From this width on words are written out."""
NAME_STYLE = Style(color=BRIGHT, bold=True)


@frozen
class Link:
    """How the screen is joined to the gateway."""

    attached: bool = False
    connected: bool = True
    stale_since: float | None = None
    detail: str = ""


def header_view(snapshot: Snapshot | None, link: Link, look: Look, width: int, height: int) -> tuple[Strip, ...]:
    """One to three lines: state, spend, and what a person should know now."""
    if snapshot is None:
        word = preview(link.detail) or "waiting for the gateway"
        return tuple(
            [
                line(width, Segment(" CONNECTING ", WARN_BLOCK_STYLE), text_segment(f" {word}", MUTED_STYLE)),
                *[line(width)] * (height - 1),
            ]
        )
    if height == 1:
        return (compact_line(snapshot, link, look, width),)
    lines = [state_line(snapshot, link, look, width), spend_line(snapshot, look, width)]
    if height > 2:
        lines.append(notice_line(snapshot, width))
    return tuple(lines[:height])


def state_words(snapshot: Snapshot, link: Link, look: Look) -> list[tuple[str, Style]]:
    """The words for the state, the worst first: STALE, KILLED, DEGRADED or RUNNING, then ATTACHED and READ-ONLY.

    What was heard last is not said to be so now: a stale screen says KILLED and DEGRADED, but never RUNNING.
    """
    words: list[tuple[str, Style]] = []
    if not link.connected:
        age = f" {duration(look.now - link.stale_since)}" if link.stale_since is not None else ""
        words.append((f"STALE{age}", WARN_BLOCK_STYLE))
    if snapshot.kill.on or snapshot.state == "killed":
        words.append(("KILLED", BAD_BLOCK_STYLE))
    elif snapshot.state == "degraded":
        words.append(("DEGRADED", WARN_BLOCK_STYLE))
    elif link.connected:
        words.append(("RUNNING", GOOD_BLOCK_STYLE))
    if link.attached:
        words.append(("ATTACHED", Style(color="#0d1620", bgcolor=BLUE, bold=True)))
    if snapshot.read_only:
        words.append(("READ-ONLY", WARN_BLOCK_STYLE))
    return words


def said_of(snapshot: Snapshot | None, link: Link) -> tuple[object, ...]:
    """What the header must never say late, to be compared."""
    if snapshot is None:
        return (link.connected,)
    down = tuple(provider.name for provider in snapshot.providers if provider.state == "down")
    state = (snapshot.state, snapshot.state_detail, snapshot.kill.on, snapshot.read_only, snapshot.forced_tier)
    return (link.connected, *state, snapshot.budget.level, snapshot.address, snapshot.notices, down)


def forced_words(snapshot: Snapshot) -> list[Segment]:
    if snapshot.forced_tier is None:
        return [text_segment("tier ", MUTED_STYLE), text_segment("auto", TEXT_STYLE)]
    tier = snapshot.forced_tier.value
    return [text_segment(f"forced: {tier}", TIER_STYLES[tier] + BRIGHT_STYLE.without_color)]


def level_words(budget: BudgetStatus) -> list[Segment]:
    """The limit that is passed, in words; nothing while none is."""
    words = {"ok": "", "soft": "OVER SOFT", "medium": "OVER MEDIUM", "hard": "HARD LIMIT"}[budget.level]
    return [text_segment(words, LEVEL_STYLES[budget.level] + BRIGHT_STYLE.without_color)] if words else []


def pressing(snapshot: Snapshot) -> list[Sequence[Segment]]:
    """What a person must know besides the state: who is down, what is forced, that it is a demo."""
    parts: list[Sequence[Segment]] = []
    if down := [preview(provider.name) for provider in snapshot.providers if provider.state == "down"]:
        parts.append([text_segment(f"{', '.join(down)} down", WARN_STYLE)])
    if snapshot.forced_tier is not None:
        parts.append(forced_words(snapshot))
    return parts


def why(snapshot: Snapshot, look: Look) -> list[Sequence[Segment]]:
    """What is behind the state, where it is not plain RUNNING."""
    if snapshot.kill.on:
        since = f" since {clock_time(snapshot.kill.since, look.zone)}" if snapshot.kill.since is not None else ""
        by = f" by {preview(snapshot.kill.by)}" if snapshot.kill.by else ""
        return [[text_segment(f"everything stopped{since}{by}", WARN_STYLE)]]
    return [[text_segment(preview(snapshot.state_detail), WARN_STYLE)]] if snapshot.state_detail else []


def state_blocks(snapshot: Snapshot, link: Link, look: Look) -> list[Segment]:
    """The state's words as blocks beside one another, and a blank."""
    blocks = [Segment(f" {word} ", style) for word, style in state_words(snapshot, link, look)]
    return [*blocks, Segment(" ", TEXT_STYLE)]


def clock_words(snapshot: Snapshot, look: Look) -> list[Segment]:
    return [
        text_segment(f"{snapshot.in_flight} in flight", FOCUS_STYLE if snapshot.in_flight else MUTED_STYLE),
        text_segment(f"  {clock_time(snapshot.at, look.zone)} ", MUTED_STYLE),
    ]


def state_line(snapshot: Snapshot, link: Link, look: Look, width: int) -> Strip:
    left = [*([Segment(" llmgw ", NAME_STYLE)] if width >= ROOMY else []), *state_blocks(snapshot, link, look)]
    parts = pressing(snapshot)
    if snapshot.simulated:
        parts.append([text_segment(DEMO if width >= ROOMY else "DEMO: simulated upstreams", DEMO_STYLE)])
        if segments_width(left) + sum(segments_width(part) + 2 for part in parts) > width:
            parts[-1] = [text_segment("DEMO", DEMO_STYLE)]
    parts += why(snapshot, look)
    if snapshot.forced_tier is None:
        parts.append(forced_words(snapshot))
    address = preview(snapshot.address)
    parts.append([text_segment(address if width >= ROOMY else address.removeprefix("http://"), TEXT_STYLE)])
    left += joined(parts, width - segments_width(left) - 1, Segment("  ", TEXT_STYLE))
    return between(width, left, clock_words(snapshot, look))


def spend_line(snapshot: Snapshot, look: Look, width: int) -> Strip:
    budget = snapshot.budget
    left = [
        text_segment(" today ", MUTED_STYLE),
        text_segment(dollars(budget.spent_microusd), BRIGHT_STYLE),
        Segment(" ", TEXT_STYLE),
    ]
    tail: list[Segment] = [
        text_segment(f" of {limit(budget.hard_microusd)}" if budget.hard_microusd else " no hard limit", MUTED_STYLE)
    ]
    if words := level_words(budget):
        tail += [Segment(" ", TEXT_STYLE), *words]
    saved = snapshot.saved_today_microusd
    if saved > 0 and width >= 70:
        tail += [text_segment("  saved ", MUTED_STYLE), text_segment(dollars(saved), GOOD_STYLE)]
    elif saved < 0 and width >= ROOMY:
        tail += [Segment("  ", TEXT_STYLE), saved_words(snapshot, width // 3)]
    tail.append(Segment(" ", TEXT_STYLE))
    room = width - segments_width(left) - segments_width(tail)
    bar = budget_bar(budget, room, look.glyphs) if room >= 8 else []
    return line(width, *left, *bar, *tail)


def notice_line(snapshot: Snapshot, width: int) -> Strip:
    text = "   ".join(preview(notice) for notice in snapshot.notices)
    return line(width, text_segment(" note ", DEMO_STYLE), text_segment(text, TEXT_STYLE)) if text else line(width)


def compact_line(snapshot: Snapshot, link: Link, look: Look, width: int) -> Strip:
    """Everything that matters on one line."""
    left = state_blocks(snapshot, link, look)
    budget = snapshot.budget
    parts: list[Sequence[Segment]] = [words] if (words := level_words(budget)) else []
    parts += pressing(snapshot)
    if snapshot.simulated:
        parts.append([text_segment("DEMO", DEMO_STYLE)])
    spent = text_segment(dollars(budget.spent_microusd), LEVEL_STYLES[budget.level])
    parts.append([spent, text_segment(f"/{limit(budget.hard_microusd)}", MUTED_STYLE)])
    if snapshot.forced_tier is None:
        parts.append(forced_words(snapshot))
    parts += why(snapshot, look)
    left += joined(parts, width - segments_width(left), Segment(" ", TEXT_STYLE))
    return between(width, left, clock_words(snapshot, look))
