"""Colours and glyphs. Each tier has a fixed colour and a letter of its own: nothing is said by colour alone."""

from __future__ import annotations

from rich.style import Style

from gateway_core.frozen import frozen
from gateway_core.model import CacheStatus, RequestRow, Status

BACKGROUND = "#0f1319"
SURFACE = "#161b23"
RAISED = "#222a35"
LINE = "#3a4452"
TEXT = "#c8d1dc"
MUTED = "#8794a4"
BRIGHT = "#f2f5f9"

GREEN = "#7ddf84"
BLUE = "#6fa2ff"
VIOLET = "#d58cff"
GOLD = "#e6c56e"
ORANGE = "#f0a060"
RED = "#f27878"
ACCENT = "#6fe3d9"

TEXT_STYLE = Style(color=TEXT)
GROUND_STYLE = Style(color=TEXT, bgcolor=BACKGROUND)
BAR_STYLE = Style(color=TEXT, bgcolor=SURFACE)
MUTED_STYLE = Style(color=MUTED)
LINE_STYLE = Style(color=LINE)
BRIGHT_STYLE = Style(color=BRIGHT, bold=True)
TITLE_STYLE = Style(color=TEXT, bold=True)
FOCUS_STYLE = Style(color=ACCENT)
FOCUS_TITLE_STYLE = Style(color=ACCENT, bold=True)
GOOD_STYLE = Style(color=GREEN)
WARN_STYLE = Style(color=ORANGE)
BAD_STYLE = Style(color=RED)
THUMBS = {"up": "+", "down": "-"}
THUMB_WORDS = {"up": "+ good enough", "down": "- not good enough"}
THUMB_STYLES = {"up": GOOD_STYLE, "down": WARN_STYLE}
"""What the user said of an answer, by ``RequestRow.thumb``."""
BAD_BLOCK_STYLE = Style(color="#1a0d0d", bgcolor=RED, bold=True)
WARN_BLOCK_STYLE = Style(color="#1d1206", bgcolor=ORANGE, bold=True)
GOOD_BLOCK_STYLE = Style(color="#0b1a0e", bgcolor=GREEN, bold=True)
KEY_STYLE = Style(color=ACCENT, bold=True)
DEMO_STYLE = Style(color=GOLD, bold=True)
CURSOR_STYLE = Style(bgcolor="#28405a", bold=True)
CURSOR_IDLE_STYLE = Style(bgcolor=RAISED)

TIER_STYLES = {
    "local": Style(color=GREEN),
    "cheap": Style(color=BLUE),
    "premium": Style(color=VIOLET),
    "cache": Style(color=GOLD),
}
TIER_KEYS = {"local": "L", "cheap": "C", "premium": "P"}


@frozen
class Glyphs:
    """The characters that are not letters, in Unicode or in ASCII."""

    corners: str = "╭╮╰╯"
    across: str = "─"
    down: str = "│"
    full: str = "█"
    shades: str = "█▓░"
    """Parts of one bar, told apart without colour."""
    track: str = "─"
    bar: str = "━"
    reserved: str = "╍"
    heights: str = " ▁▂▃▄▅▆▇█"
    cache: str = "◆"
    on: str = "●"
    off: str = "○"
    pinned: str = "▸"
    dot: str = "·"
    ellipsis: str = "…"
    enter: str = "⏎"
    at_most: str = "≤"
    ahead: str = "◊"
    """Where something is expected to end."""
    marks: tuple[tuple[Status, str], ...] = (
        (Status.RUNNING, "▸"),
        (Status.OK, "✓"),
        (Status.REFUSED, "⊘"),
        (Status.FAILED, "✗"),
        (Status.CANCELLED, "–"),
        (Status.KILLED, "■"),
    )
    chart: str = "hd"
    """plotext's marker."""

    def mark(self, status: Status) -> str:
        return dict(self.marks)[status]


UNICODE = Glyphs()
ASCII = Glyphs(
    corners="++++",
    across="-",
    down="|",
    full="#",
    shades="#=.",
    track=".",
    bar="=",
    reserved="~",
    heights=" .:-=+*%#",
    cache="=",
    on="*",
    off="o",
    pinned=">",
    dot="-",
    ellipsis="~",
    enter="enter",
    at_most="<",
    ahead="^",
    marks=(
        (Status.RUNNING, ">"),
        (Status.OK, "+"),
        (Status.REFUSED, "!"),
        (Status.FAILED, "x"),
        (Status.CANCELLED, "-"),
        (Status.KILLED, "K"),
    ),
    chart="#",
)

CONSOLE = Glyphs(
    corners="┌┐└┘",
    bar="═",
    reserved="≈",
    heights=" ▄█",
    on="•",
    pinned="►",
    ellipsis="~",
    enter="enter",
    ahead="▲",
    marks=(
        (Status.RUNNING, "►"),
        (Status.OK, "√"),
        (Status.REFUSED, "!"),
        (Status.FAILED, "x"),
        (Status.CANCELLED, "-"),
        (Status.KILLED, "■"),
    ),
    chart="█",
)
"""For the Linux console, whose own font has code page 437 and nothing else (``painting.CONSOLE_SIGNS``)."""

STATUS_STYLES = {
    Status.RUNNING: Style(color=ACCENT, bold=True),
    Status.OK: GOOD_STYLE,
    Status.REFUSED: WARN_STYLE,
    Status.FAILED: BAD_STYLE,
    Status.CANCELLED: MUTED_STYLE,
    Status.KILLED: Style(color=RED, bold=True),
}
LEVEL_STYLES = {"ok": GOOD_STYLE, "soft": Style(color=GOLD), "medium": WARN_STYLE, "hard": BAD_STYLE}


def tier_mark(name: str, glyphs: Glyphs) -> str:
    """``L``, ``C``, ``P`` or the cache's mark."""
    return glyphs.cache if name == "cache" else TIER_KEYS.get(name, " ")


def cache_word(row: RequestRow) -> str:
    """``exact`` or ``semantic`` for a cache hit, else an empty string."""
    return row.cache.value if row.cache in (CacheStatus.EXACT, CacheStatus.SEMANTIC) else ""
