"""The help screen: every key, what every pane means; ``enter`` does what a line says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType

from gateway_core.model import CommandResult, Snapshot
from llmgw_tui.keymap import SHOWN, Keys
from llmgw_tui.panes.columns import Listing, says
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.help import MOVING, HelpRow, Topic, help_line, help_rows
from llmgw_tui.places import EVERYWHERE
from llmgw_tui.screens.place import Place
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.rows import Rows


def topics_of(keys: Keys, place: Place) -> tuple[Topic, ...]:
    """What there is to tell on ``place``: what is in sight, its own keys, those of everywhere, moving, and the rest."""
    own = tuple(
        (key_words(keys, f"{place.place}.{action.name}"), action.help, f"{place.place}.{action.name}")
        for action in place.actions
    )
    everywhere = tuple((key_words(keys, action.name), action.help, action.name) for action in EVERYWHERE)
    first, *others = [(title, text, "") for title, text in place.explanations()]
    return (
        Topic("What it shows", (first,)),
        Topic(f"Keys in {place.title_words}", own),
        Topic("Keys everywhere", everywhere),
        Topic("Moving", tuple((key, text, "") for key, text in MOVING)),
        Topic("What else it shows", tuple(others)),
    )


def key_words(keys: Keys, name: str) -> str:
    """All keys of an action as a person reads them."""
    parts = [SHOWN.get(part, part) for part in keys.of(name).split(",") if part]
    return " or ".join(parts) or "palette"


class HelpScreen(Place):
    """Opened by ``?`` from anywhere; what is in sight there comes first."""

    place = "help"
    title_words = "Help"
    explanation = "All keys, and what the screen shows."
    filter_hint = "words to find in the help"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,question_mark", "back", "Back", show=False)]

    def __init__(self, about: Place) -> None:
        super().__init__()
        self._about = about
        self._rows: tuple[HelpRow, ...] = ()
        self.list = Rows(id="text")

    def body(self) -> Iterable[Any]:
        yield self.list

    def on_mount(self) -> None:
        super().on_mount()
        self.list.focus()

    def title_info(self) -> Sequence[Segment]:
        return (text_segment("enter runs a line; change keys in keymap.yaml", MUTED_STYLE),)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width = self.size.width
        self._rows = rows = help_rows(topics_of(self.centre.keys, self._about), self.searched, width)
        nothing = says(width, "Nothing in the help matches.")
        self.list.show_rows(Listing((), len(rows), lambda at, on: help_line(rows[at], look, width, on), nothing))

    def hints(self) -> tuple[Hint, ...]:
        centre = self.centre
        names = ("detail", "filter", "palette", "kill_switch")
        does = Hint(centre.hint("detail").key, "run", "detail")
        return (Hint("esc", "back", "back"), does, *(centre.hint(name) for name in names[1:]))

    def filter_changed(self) -> None:
        self.list.cursor = 0

    async def open_selected(self) -> None:
        """Goes back and does what the line under the cursor says."""
        row = self._rows[self.list.cursor] if self._rows else None
        if row is None or not row.action or row.action == "help":
            self.centre.say(CommandResult(False, "This line only tells: choose one with a key."))
        else:
            await self.dismiss()
            self.centre.action_do(row.action)
