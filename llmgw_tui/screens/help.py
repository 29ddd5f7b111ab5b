"""The help screen: every key, and what every pane means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip

from gateway_core.model import Snapshot
from llmgw_tui.keymap import SHOWN, Keys
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.places import EVERYWHERE
from llmgw_tui.screens.place import Place
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    KEY_STYLE,
    MUTED_STYLE,
    STATUS_STYLES,
    TEXT_STYLE,
    TIER_STYLES,
    tier_mark,
)
from llmgw_tui.widgets.lines_view import LinesView

MOVING = (
    ("tab, shift+tab", "The next pane, the one before"),
    ("up, down, page up, page down", "Move in the requests; a click chooses a row"),
    ("home", "Follow the newest request again"),
    ("end", "The oldest request that is kept here"),
    ("escape", "Clear the filter, or go back"),
)


def help_lines(keys: Keys, place: Place, look: Look, width: int) -> tuple[Strip, ...]:
    """The keys of ``place``, those of everywhere, and what is to be seen."""
    rows = [line(width)]
    if place.actions:
        rows.append(line(width, text_segment(f" Keys in {place.title_words}", BRIGHT_STYLE)))
        rows += [
            _row(width, key_words(keys, f"{place.place}.{one.name}"), one.help, KEY_STYLE) for one in place.actions
        ]
        rows.append(line(width))
    rows.append(line(width, text_segment(" Keys", BRIGHT_STYLE)))
    rows += [_row(width, key_words(keys, action.name), action.help, KEY_STYLE) for action in EVERYWHERE]
    rows += [line(width), line(width, text_segment(" Moving", BRIGHT_STYLE))]
    rows += [_row(width, key, text, KEY_STYLE) for key, text in MOVING]
    rows += [line(width), line(width, text_segment(" What is shown", BRIGHT_STYLE))]
    for title, explanation in place.explanations():
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


def key_words(keys: Keys, name: str) -> str:
    """All keys of an action as a person reads them."""
    parts = [SHOWN.get(part, part) for part in keys.of(name).split(",") if part]
    return " or ".join(parts) or "palette"


class HelpScreen(Place):
    """Opened by ``?`` from anywhere; what is in sight there comes first."""

    place = "help"
    title_words = "Help"
    explanation = "Every key, and what everything on the screen means."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,enter,question_mark", "back", "Back", show=False)]

    def __init__(self, about: Place) -> None:
        super().__init__()
        self._about = about

    def body(self) -> Iterable[Any]:
        yield LinesView(self._make, id="text")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(LinesView).focus()

    def title_info(self) -> Sequence[Segment]:
        words = "everything here is also in the palette, ctrl+p; keymap.yaml changes the keys"
        return (text_segment(words, MUTED_STYLE),)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        """Nothing moves here."""

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("esc", "back", "back"), self.centre.hint("palette"), self.centre.hint("kill_switch"))

    def _make(self, width: int) -> tuple[Strip, ...]:
        return help_lines(self.centre.keys, self._about, self.centre.look(), width)
