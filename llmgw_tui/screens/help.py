"""The help screen: every key, and what every pane means."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.strip import Strip

from llmgw_tui.actions import ACTIONS
from llmgw_tui.keymap import Keys
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    FOCUS_TITLE_STYLE,
    KEY_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    TIER_STYLES,
    tier_mark,
)
from llmgw_tui.widgets.bars import FooterBar
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre

MOVING = (
    ("tab, shift+tab", "The next pane, the one before"),
    ("up, down, page up, page down", "Move in the requests; a click chooses a row"),
    ("home", "Follow the newest request again"),
    ("end", "The oldest request that is kept here"),
    ("escape", "Clear the filter, or go back"),
)


def help_lines(keys: Keys, panes: Sequence[tuple[str, str]], look: Look, width: int) -> tuple[Strip, ...]:
    """``panes`` are titles and explanations."""
    rows = [line(width), line(width, text_segment(" Keys", BRIGHT_STYLE))]
    for action in ACTIONS:
        key = " or ".join(part for part in keys.of(action.name).split(",") if part) or "palette"
        key = key.replace("slash", "/").replace("question_mark", "?")
        rows.append(_row(width, key, action.help, KEY_STYLE))
    rows += [line(width), line(width, text_segment(" Moving", BRIGHT_STYLE))]
    rows += [_row(width, key, text, KEY_STYLE) for key, text in MOVING]
    rows += [line(width), line(width, text_segment(" Panes", BRIGHT_STYLE))]
    for title, explanation in panes:
        for number, piece in enumerate(textwrap.wrap(explanation, max(20, width - (22 if width < 100 else 34)))):
            rows.append(_row(width, title if number == 0 else "", piece, BRIGHT_STYLE))
    rows += [line(width), line(width, text_segment(" Marks", BRIGHT_STYLE))]
    tiers = [
        part
        for name, style in TIER_STYLES.items()
        for part in (text_segment(f"  {tier_mark(name, look.glyphs)} ", style), text_segment(name, MUTED_STYLE))
    ]
    marks = [
        part
        for status, mark in look.glyphs.marks
        for part in (text_segment(f"  {mark} ", STATUS_STYLES[status]), text_segment(status.value, MUTED_STYLE))
    ]
    rows += [line(width, *tiers), line(width, *marks), line(width)]
    return tuple(rows)


def _row(width: int, key: str, text: str, style: Style) -> Strip:
    room = 20 if width < 100 else 32
    if len(key) > room - 3:
        key = key.split(" or ")[0].split(", page")[0]
    return line(width, text_segment(f"  {key:<{room - 3}} ", style), text_segment(text, TEXT_STYLE))


class HelpScreen(Screen[None]):
    """Opened by ``?`` from anywhere; the focused pane's explanation comes first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,question_mark", "dismiss", "Back", show=False)]

    def __init__(self, panes: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._panes = panes

    def compose(self) -> ComposeResult:
        yield LineBar(id="title")
        yield LinesView(self._make, id="text")
        yield FooterBar(id="footer")

    def on_mount(self) -> None:
        self.query_one(LinesView).focus()
        self.query_one(FooterBar).update((Hint("esc", "back", "back"), Hint("up/down", "scroll", "back")))

    def on_resize(self) -> None:
        words = (
            text_segment(" Help ", FOCUS_TITLE_STYLE),
            text_segment("everything here is also in the palette, ctrl+p; keymap.yaml changes the keys", MUTED_STYLE),
        )
        self.query_one("#title", LineBar).show((line(self.size.width, *words),))

    def on_footer_bar_chosen(self, event: FooterBar.Chosen) -> None:
        event.stop()
        self.dismiss()

    def _make(self, width: int) -> tuple[Strip, ...]:
        centre = cast("ControlCentre", self.app)
        return help_lines(centre.keys, self._panes, centre.look(), width)
