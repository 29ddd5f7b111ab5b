"""The settings screen's list in groups, and one setting in full."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.setting_values import SettingsReport, SettingValue
from llmgw_tui.panes.columns import Cell, Column, Listing, on_cursor_or_not, row, titles
from llmgw_tui.panes.details import Line, heading, laid, wrapped
from llmgw_tui.panes.draw import Look, joined, line, text_segment
from llmgw_tui.text import clock_time, preview
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    GOOD_STYLE,
    LINE_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TITLE_STYLE,
    WARN_STYLE,
)

WAITS, RESTART = "!", "R"
COLUMNS = (
    Column("mark", "", 1),
    Column("restart", "", 1, 40),
    Column("name", "setting", 24),
    Column("value", "in force", 0),
    Column("default", "default", 0, 150),
    Column("source", "from", 11, 52),
    Column("where", "where", 0, 104),
)
FOLDED, OPEN = "+", "-"
SettingsRow = str | SettingValue
"""A group's name, or one of its settings."""


def settings_rows(report: SettingsReport, searched: str, folded: Collection[str]) -> tuple[SettingsRow, ...]:
    """Groups with their settings that have ``searched`` in name, value, place or explanation."""
    wanted = searched.casefold()
    found: dict[str, list[SettingValue]] = {}
    for setting in report.settings:
        words = (setting.name, setting.value, setting.source, setting.where, setting.explanation, setting.group)
        if wanted in "\n".join(words).casefold():
            found.setdefault(setting.group, []).append(setting)
    rows: list[SettingsRow] = []
    for group, settings in found.items():
        rows.append(group)
        rows += [] if group in folded and not wanted else settings
    return tuple(rows)


def settings_list(
    rows: Sequence[SettingsRow],
    report: SettingsReport,
    folded: Collection[str],
    look: Look,
    width: int,
) -> Listing:
    """The list, and above it what is wrong with the configuration."""
    wrong = [text for text in (report.problem, *report.problems) if text]
    problems = tuple(line(width, text_segment(f" {WAITS} {text}", WARN_STYLE)) for text in wrong[:3])

    def drawn(index: int, on_cursor: bool) -> Strip:
        chosen = rows[index]
        if isinstance(chosen, str):
            return _group(chosen, chosen in folded, look, width, on_cursor)
        return row(COLUMNS, _cells(chosen, look), look, width, on_cursor=on_cursor)

    nothing = "" if report.problem else "No settings match."
    says = (line(width), line(width, text_segment(f"  {nothing}", MUTED_STYLE)))
    return Listing((titles(COLUMNS, look, width), *problems), len(rows), drawn, says if nothing else ())


def _group(name: str, is_folded: bool, look: Look, width: int, on_cursor: bool) -> Strip:
    rest = max(0, width - len(name) - 6)
    strip = line(
        width,
        text_segment(f" {FOLDED if is_folded else OPEN} {name} ", TITLE_STYLE),
        Segment(look.glyphs.across * rest, LINE_STYLE),
    )
    return on_cursor_or_not(strip, look, on_cursor=on_cursor)


def _cells(setting: SettingValue, look: Look) -> dict[str, Cell]:
    mark, style = mark_of(setting, look)
    return {
        "mark": (mark, style),
        "restart": (RESTART if setting.restart else "", MUTED_STYLE),
        "name": (preview(setting.name), BRIGHT_STYLE if setting.changed else TEXT_STYLE),
        "value": (preview(setting.value), style if mark == WAITS else BRIGHT_STYLE if setting.changed else TEXT_STYLE),
        "default": (preview(setting.default) if setting.changed else "", MUTED_STYLE),
        "source": (setting.source, GOOD_STYLE if setting.source == "operator" else MUTED_STYLE),
        "where": (preview(_where(setting, look)), MUTED_STYLE),
    }


def mark_of(setting: SettingValue, look: Look) -> Cell:
    """``!`` where what is configured is not in force, a dot where it is not the default."""
    if setting.waiting:
        return (WAITS, WARN_STYLE)
    return (look.glyphs.on, GOOD_STYLE) if setting.changed else ("", MUTED_STYLE)


def settings_summary(report: SettingsReport, look: Look, width: int) -> tuple[Strip, ...]:
    """A line: what the marks mean, and how many settings bear them."""
    changed = sum(setting.changed for setting in report.settings)
    waiting = sum(bool(setting.waiting) for setting in report.settings)
    parts = [
        [text_segment(f" {look.glyphs.on} ", GOOD_STYLE), text_segment(f"{changed} not default", MUTED_STYLE)],
        [text_segment(f"{RESTART} ", MUTED_STYLE), text_segment("needs a restart", MUTED_STYLE)],
    ]
    if waiting:
        words = f"{waiting} configured but not in force"
        parts.append([text_segment(f"{WAITS} ", WARN_STYLE), text_segment(words, MUTED_STYLE)])
    return (line(width, *joined(parts, width, Segment("   ", MUTED_STYLE))),)


def setting_lines(setting: SettingValue, look: Look, width: int) -> tuple[Strip, ...]:
    """One setting in full."""
    return tuple(laid(_whole(setting, look, max(10, width - 2)), width))


def key_lines(key: str | None, look: Look, width: int) -> tuple[Strip, ...]:
    """The gateway's key in full; None while nobody has asked for it."""
    shown = wrapped("the key", key or "hidden", max(10, width - 2), BRIGHT_STYLE if key else MUTED_STYLE)
    return tuple(line(width, *segments) for segments in (*shown, []))


def _whole(setting: SettingValue, look: Look, width: int) -> Iterator[Line]:
    yield from wrapped("in force", setting.value, width, BRIGHT_STYLE)
    yield from wrapped(
        "from", f"{setting.source}{': ' if setting.where else ''}{_where(setting, look)}", width, TEXT_STYLE
    )
    for beaten in setting.hidden_by:
        yield from wrapped("over", beaten, width, MUTED_STYLE)
    yield from wrapped("default", setting.default, width, TEXT_STYLE)
    if setting.waiting:
        yield from wrapped("waiting", setting.waiting, width, WARN_STYLE)
    if setting.allowed:
        yield from wrapped("may be", setting.allowed, width, TEXT_STYLE)
    if setting.explanation:
        yield from heading("What it does", width, look)
        yield from wrapped("", setting.explanation, width, TEXT_STYLE)
    if setting.details:
        yield from heading(f"What it holds ({len(setting.details)})", width, look)
        for detail in setting.details:
            yield from wrapped("", detail, width, TEXT_STYLE)
    yield from heading("How to change it", width, look)
    if setting.line:
        yield from wrapped("config.yaml" if not setting.secret else ".env", setting.line, width, BRIGHT_STYLE)
        yield from wrapped("variable", f"{setting.name}, in the environment or in .env", width, MUTED_STYLE)
        when = "needs a restart of llmgw" if setting.restart else "takes effect while llmgw runs"
        yield from wrapped("", f"A change {when}.", width, TEXT_STYLE)
    if setting.undo:
        yield from wrapped("undo", setting.undo, width, TEXT_STYLE)


def _where(setting: SettingValue, look: Look) -> str:
    at = f" at {clock_time(setting.set_at, look.zone, seconds=False)}" if setting.set_at else ""
    return setting.where.replace("you,", f"you{at},", 1) if at else setting.where
