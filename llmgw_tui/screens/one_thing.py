"""What the screens of one request and of one cached answer share: scrollable lines, bodies cut or whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from gateway_core.model import CommandResult, Snapshot
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.lines_view import LinesView

WHOLE = PlaceAction("whole", "b", "full texts", "Show long texts in full, or shortened")


class OneThingScreen(Place):
    """Of one thing. A screen says what :meth:`named` and :meth:`lines` are."""

    place: ClassVar[str] = "one_thing"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,enter", "back", "Back", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self.whole = False

    def named(self) -> str:
        """The id that stands beside the title."""
        raise NotImplementedError

    def lines(self, width: int) -> Sequence[Strip]:
        """What it shows, as wide as this."""
        raise NotImplementedError

    def body(self) -> Iterable[Any]:
        yield LinesView(self.lines, id="text")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(LinesView).focus()

    def title_info(self) -> Sequence[Segment]:
        return (text_segment(self.named(), MUTED_STYLE),)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        """Nothing: the lines are made again when they change, for they can be many."""

    def label_of(self, action: PlaceAction) -> str:
        return "short texts" if action is WHOLE and self.whole else action.label

    def do_whole(self) -> None:
        """What was too long is shown to its end, or cut again; says which."""
        self.whole = not self.whole
        self.query_one(LinesView).remake()
        self.redraw()
        words = "Long texts are shown whole." if self.whole else "Long texts are cut again."
        self.centre.say(CommandResult(True, words))
