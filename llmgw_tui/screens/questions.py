"""Questions over the dashboard: confirm with another key, ask for a name, choose from a list."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from llmgw_tui.panes.details import chopped
from llmgw_tui.text import one_line, preview

SMALL_BELOW = (46, 14)
"""Below this a question has the whole width, and no frame."""
MOST_OPTIONS = 14
"""Options in sight at once."""


class CleanInput(Input):
    """An input that what is pasted into cannot reach the terminal uncleaned."""

    def validate_value(self, value: str) -> str:
        return one_line(value)

    def put(self, text: str) -> None:
        """Replaces what it holds; what is typed next goes after it."""
        self.value = text
        self.cursor_position = len(self.value)


class Question(ModalScreen[str | None]):
    """A box with a question, what there is to know of it, and the keys that answer. Escape answers None.

    The keys are in sight in a terminal of any size: what is said above them scrolls, and what is chosen from too.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]
    accepts = "enter accept"
    """The key that gives the answer, and what it does; the other is for leaving."""
    leaves = "esc cancel"
    warns = False
    answer_lines = 0
    """How many lines the field or list of the answer takes if it gets them."""

    def __init__(self, question: str, said: str = "") -> None:
        super().__init__()
        self.question = preview(question)
        self.said = preview(said)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box warning" if self.warns else "box"):
            with VerticalScroll(classes="said"):
                yield Static(Content.styled(self.question, "bold $text"), classes="question")
                if self.said:
                    yield Static(Content(self.said), classes="hint")
            yield from self.answered_in()
            yield Static(classes="keys")

    def answered_in(self) -> ComposeResult:
        """The field or list that the answer is given in."""
        yield from ()

    def on_resize(self) -> None:
        self.fit()

    def fit(self) -> None:
        """Shares the lines that there are between what is said and the answer; the keys have theirs first."""
        (width, height), said = self.size, self.said
        small = width < SMALL_BELOW[0] or height < SMALL_BELOW[1]
        self.set_class(small, "-small")
        self.query_one(".keys", Static).update(self._keys("  " if small else "    "))
        room = max(1, height - (1 if small else 5))
        least = min(self.answer_lines, max(1, room // 2))
        self.query_one(".said").styles.max_height = max(1, room - least)
        inner = max(1, (width - 2) if small else min(64, width * 92 // 100) - 6)
        needed = len(chopped(self.question, inner)) + (len(chopped(said, inner)) + (not small) if said else 0)
        for options in self.query(OptionList):
            options.styles.max_height = max(least, room - needed)

    def _keys(self, gap: str) -> Content:
        """The keys and what they do; a click on one does it too."""
        parts: list[Content] = []
        for words, action in ((self.accepts, "screen.accept"), (self.leaves, "screen.dismiss(None)")):
            key, _, does = words.partition(" ")
            parts.append(Content.assemble((key, f"bold $accent @click={action}"), (f" {does}", f"@click={action}")))
        return Content(gap).join(parts)

    async def action_accept(self) -> None:
        """Gives the answer."""
        raise NotImplementedError


STOPPING = Binding("k", "app.kill_at_once", "Kill", show=False, id="kill_switch")
"""The kill switch is instant from a question too, where nothing is typed."""


class Confirm(Question):
    """Asks, and takes for a yes only a key that is none of ``opened_by``, those that opened it (lazygit#4688)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("n,q", "dismiss(None)", "No", show=False), STOPPING]
    warns = True
    leaves = "n no"

    def __init__(self, question: str, detail: str, opened_by: str = "") -> None:
        super().__init__(question, detail)
        self._yes = "Y" if "y" in opened_by.split(",") else "y"
        self.accepts = f"{self._yes} yes"

    def on_key(self, event: events.Key) -> None:
        if event.character == self._yes:
            event.stop()
            self.dismiss("yes")

    async def action_accept(self) -> None:
        self.dismiss("yes")


class Ask(Question):
    """Asks for a line of text."""

    answer_lines = 1

    def __init__(self, question: str, hint: str, value: str = "") -> None:
        super().__init__(question, hint)
        self._value = value

    def answered_in(self) -> ComposeResult:
        yield CleanInput(self._value, compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    async def action_accept(self) -> None:
        await self.query_one(Input).action_submit()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class Choose(Question):
    """Asks for one of a list. ``options`` are values and what is shown for them."""

    BINDINGS: ClassVar[list[BindingType]] = [STOPPING]
    accepts = "enter choose"

    def __init__(self, question: str, options: list[tuple[str, str]]) -> None:
        super().__init__(question)
        self._options = options
        self.answer_lines = min(MOST_OPTIONS, len(options))

    def answered_in(self) -> ComposeResult:
        yield OptionList(*(Option(Content(one_line(shown))) for _, shown in self._options), compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    async def action_accept(self) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][0])
