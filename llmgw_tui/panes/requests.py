"""The requests pane: one line a request, newest first, columns chosen by the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import lru_cache

from textual.strip import Strip

from gateway_core.frozen import frozen
from gateway_core.model import Counted, Lane, RequestRow, Snapshot, Status, Tier
from llmgw_tui.filtering import Typed, matching
from llmgw_tui.panes.columns import NO_ORDERS, Cell, Column, on_cursor_or_not, spaced, titled
from llmgw_tui.panes.details import chopped
from llmgw_tui.panes.draw import Drawn, Look, line, text_segment
from llmgw_tui.text import clock_day, clock_time, dollars, milliseconds, preview, tokens
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    THUMB_STYLES,
    THUMBS,
    TIER_STYLES,
    WARN_STYLE,
    Glyphs,
    cache_word,
    tier_mark,
)


@frozen
class Table:
    """Where the reader is in the table: ``selected`` None follows the newest request."""

    selected: str | None = None
    first: int = 0
    filter: Typed = Typed()


COLUMNS = (
    Column("time", "time", 8, 44),
    Column("mark", "", 1, 0),
    Column("tier", "", 1, 0),
    Column("tier_word", "tier", 7, 110),
    Column("model", "model", 14, 64),
    Column("input", "in", 5, 72, right=True),
    Column("output", "out", 5, 72, right=True),
    Column("cost", "cost", 9, 34, right=True),
    Column("latency", "took", 6, 58, right=True),
    Column("route", "route", 16, 100),
    Column("client", "from", 12, 168),
    Column("preview", "asked", 0, 0),
)
"""``preview`` takes what is left."""
EVERYTHING = (
    Column("when", "time", 11, 52),
    *(column for column in COLUMNS if column.name not in ("time", "client", "preview")),
    Column("saved", "saved", 8, 132, right=True),
    Column("first_token", "1st tok", 7, 124, right=True),
    Column("client", "from", 12, 140),
    Column("session", "session", 18, 190),
    Column("preview", "asked", 0, 0),
)
"""The columns of the whole log, where requests are of other days too."""
ORDERS = {"when": "newest", "input": "tokens", "output": "tokens"} | {
    name: name for name in ("cost", "latency", "saved", "first_token")
}
"""The orders of the log, by the columns that show what they go by."""
REPAIRED = "~"
"""Before the route of a request whose answer was put right or came from another model."""
WIDER = {"model": ((112, 19), (150, 28)), "route": ((150, 26),)}


def requests_view(snapshot: Snapshot, table: Table, look: Look, width: int, height: int) -> Drawn:
    """Lines of the requests pane; the first is the column titles."""
    rows = matching(snapshot.requests, table.filter, snapshot.at)
    head = head_lines(table, width)
    room = max(0, height - len(head))
    first = min(max(0, table.first), max(0, len(rows) - room))
    index = selected_index(rows, table)
    lines = [*head]
    for number, row in enumerate(rows[first : first + room], first):
        shown = request_line(row, snapshot.at, look, width)
        lines.append(on_cursor_or_not(shown, look, on_cursor=number == index))
    if not rows:
        lines += nothing(snapshot, table, width)
    return Drawn(title(table), info(snapshot, rows, table, look), tuple(lines[:height]))


def title(table: Table) -> str:
    return f"Requests  /{preview(table.filter.text)}" if table.filter.text else "Requests"


def head_lines(table: Table, width: int) -> tuple[Strip, ...]:
    """What stands above the rows: the columns' titles, or what is to be said of the filter."""
    return says(table.filter, width) if table.filter.says else (titles(columns_for(width), width),)


def says(typed: Typed, width: int) -> tuple[Strip, ...]:
    """What is wrong with a filter, or how it could go on."""
    style = WARN_STYLE if typed.problem else MUTED_STYLE
    return tuple(line(width, text_segment(f" {piece}", style)) for piece in chopped(preview(typed.says), width - 2))


def info(snapshot: Snapshot, rows: Sequence[RequestRow], table: Table, look: Look) -> str:
    """How many there are, and whether the table follows the newest."""
    dot = f" {look.glyphs.dot} "
    shown = f"{len(rows)} of {len(snapshot.requests)} match{dot}" if table.filter.in_force else ""
    follows = "following" if table.selected is None else f"{selected_index(rows, table) + 1}/{len(rows)}, home follows"
    return f"{shown}{snapshot.requests_today} today{dot}{snapshot.requests_per_minute:.0f}/min{dot}{follows}"


def nothing(snapshot: Snapshot, table: Table, width: int) -> list[Strip]:
    """What to do while the table is empty."""
    if table.filter.in_force:
        return [line(width), line(width, text_segment("  No request matches. Escape clears the filter.", MUTED_STYLE))]
    return [
        line(width),
        line(
            width,
            text_segment("  No requests yet. Send one to ", MUTED_STYLE),
            text_segment(snapshot.address, BRIGHT_STYLE),
            text_segment("/v1", BRIGHT_STYLE),
        ),
        line(
            width,
            text_segment("  llmgw connect openclaw", TEXT_STYLE),
            text_segment(" prints how to point OpenClaw here.", MUTED_STYLE),
        ),
    ]


def selected_index(rows: Sequence[RequestRow], table: Table) -> int:
    """Where the cursor is; the newest when it follows or its request has left the table."""
    if table.selected is not None:
        for index, row in enumerate(rows):
            if row.id == table.selected:
                return index
    return 0


@lru_cache(maxsize=64)
def columns_for(width: int, *, everything: bool = False) -> tuple[Column, ...]:
    """The columns that a pane of ``width`` cells shows, with their widths; or a list of ``everything``."""
    chosen = []
    for column in EVERYTHING if everything else COLUMNS:
        if width < column.narrowest or (column.name == "tier" and width >= 110):
            continue
        cells = column.width
        for at_least, wider in WIDER.get(column.name, ()):
            cells = wider if width >= at_least else cells
        chosen.append(Column(column.name, column.title, cells, column.narrowest, column.right))
    rest = width - sum(column.width + 1 for column in chosen) - 1
    last = chosen.pop()
    if rest >= 4:
        chosen.append(Column(last.name, last.title, rest, 0))
    return tuple(chosen)


def titles(columns: Sequence[Column], width: int, orders: Mapping[str, str] = NO_ORDERS) -> Strip:
    return line(width, *titled(columns, "…", orders))


def request_line(row: RequestRow, at: float, look: Look, width: int, *, everything: bool = False) -> Strip:
    """One request. ``at`` is the snapshot's time, from which a running request's age is told."""
    age_at = float(int(at)) if row.status is Status.RUNNING else at // 60 * 60 if everything else 0.0
    return _request_line(row, age_at, look.zone, look.glyphs, width, everything)


@lru_cache(maxsize=1024)
def _request_line(row: RequestRow, at: float, zone: tzinfo, glyphs: Glyphs, width: int, everything: bool) -> Strip:
    """Cached, for most rows of an update are those of the one before."""
    look = Look(at, zone, glyphs)
    columns = columns_for(width, everything=everything)
    cells = {column.name: CELLS[column.name](row, at, look) for column in columns}
    return line(width, *spaced(columns, cells, glyphs.ellipsis))


def _time(row: RequestRow, at: float, look: Look) -> Cell:
    return clock_time(row.at, look.zone), MUTED_STYLE


def _when(row: RequestRow, at: float, look: Look) -> Cell:
    if clock_day(row.at, look.zone) == clock_day(at, look.zone):
        return clock_time(row.at, look.zone), MUTED_STYLE
    return f"{clock_day(row.at, look.zone)[5:]} {clock_time(row.at, look.zone, seconds=False)}", MUTED_STYLE


def _saved(row: RequestRow, at: float, look: Look) -> Cell:
    style = GOOD_STYLE if row.saved_microusd > 0 else MUTED_STYLE
    return (dollars(row.saved_microusd) if row.saved_microusd else "", style)


def _first_token(row: RequestRow, at: float, look: Look) -> Cell:
    return ("" if row.first_token_ms is None else milliseconds(row.first_token_ms)), TEXT_STYLE


def _session(row: RequestRow, at: float, look: Look) -> Cell:
    return preview(row.session or ""), MUTED_STYLE


def _mark(row: RequestRow, at: float, look: Look) -> Cell:
    return look.glyphs.mark(row.status), STATUS_STYLES[row.status]


def _tier(row: RequestRow, at: float, look: Look) -> Cell:
    return tier_mark(row.served_by, look.glyphs), TIER_STYLES.get(row.served_by, MUTED_STYLE)


def _tier_word(row: RequestRow, at: float, look: Look) -> Cell:
    return row.served_by, TIER_STYLES.get(row.served_by, MUTED_STYLE)


def _model(row: RequestRow, at: float, look: Look) -> Cell:
    if row.model:
        return preview(row.model), TIER_STYLES.get(row.served_by, TEXT_STYLE)
    return preview(row.asked_model), MUTED_STYLE


def _input(row: RequestRow, at: float, look: Look) -> Cell:
    return _tokens(row.input_tokens, row.input_counted, look)


def _output(row: RequestRow, at: float, look: Look) -> Cell:
    return _tokens(row.output_tokens, row.output_counted, look)


def _tokens(number: int, how: Counted, look: Look) -> Cell:
    style = TEXT_STYLE if how is Counted.MEASURED else MUTED_STYLE
    return tokens(number, how, look.glyphs.at_most) if number else "", style


def _cost(row: RequestRow, at: float, look: Look) -> Cell:
    if row.cost_microusd:
        return dollars(row.cost_microusd), BRIGHT_STYLE
    if row.status is not Status.OK:
        return "", MUTED_STYLE
    return ("free", GOOD_STYLE) if row.cache.is_hit or row.tier is Tier.LOCAL else (dollars(0), MUTED_STYLE)


def _latency(row: RequestRow, at: float, look: Look) -> Cell:
    if row.status is Status.RUNNING:
        return f"{max(0.0, at - row.at):.0f}s", STATUS_STYLES[Status.RUNNING]
    return (milliseconds(row.latency_ms) if row.latency_ms else "", TEXT_STYLE)


def _route(row: RequestRow, at: float, look: Look) -> Cell:
    if row.error_code and row.status is not Status.OK:
        return preview(row.error_code), STATUS_STYLES[row.status]
    if row.status in (Status.KILLED, Status.CANCELLED):
        return row.status.value, STATUS_STYLES[row.status]
    if word := cache_word(row):
        return f"{word} match", TIER_STYLES["cache"]
    return (f"{REPAIRED} {preview(row.route)}", WARN_STYLE) if row.repaired else (preview(row.route), MUTED_STYLE)


def _client(row: RequestRow, at: float, look: Look) -> Cell:
    return preview(row.client), MUTED_STYLE


def _preview(row: RequestRow, at: float, look: Look) -> Cell:
    background = row.lane is Lane.BACKGROUND
    text = preview(row.preview)
    if row.thumb:
        return f"{THUMBS[row.thumb]} {text}", THUMB_STYLES[row.thumb]
    return (
        f"({row.purpose}) {text}" if background and row.purpose != "chat" else text,
        MUTED_STYLE if background else TEXT_STYLE,
    )


CELLS = {
    "time": _time,
    "when": _when,
    "saved": _saved,
    "first_token": _first_token,
    "session": _session,
    "mark": _mark,
    "tier": _tier,
    "tier_word": _tier_word,
    "model": _model,
    "input": _input,
    "output": _output,
    "cost": _cost,
    "latency": _latency,
    "route": _route,
    "client": _client,
    "preview": _preview,
}
