"""Questions over the dashboard: confirm with another key, ask for a name, choose from a list."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from llmgw_tui.text import one_line, preview


class CleanInput(Input):
    """An input that what is pasted into cannot reach the terminal uncleaned."""

    def validate_value(self, value: str) -> str:
        return one_line(value)

    def put(self, text: str) -> None:
        """Replaces what it holds; what is typed next goes after it."""
        self.value = text
        self.cursor_position = len(self.value)


class Question(ModalScreen[str | None]):
    """A box with a question. Escape answers None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = preview(question)


STOPPING = Binding("k", "app.kill_at_once", "Kill", show=False, id="kill_switch")
"""The kill switch is instant from a question too, where nothing is typed."""


class Confirm(Question):
    """Asks, and takes for a yes only a key that is none of ``opened_by``, those that opened it (lazygit#4688)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("n,q", "dismiss(None)", "No", show=False), STOPPING]

    def __init__(self, question: str, detail: str, opened_by: str = "") -> None:
        super().__init__(question)
        self._detail = preview(detail)
        self._yes = "Y" if "y" in opened_by.split(",") else "y"

    def compose(self) -> ComposeResult:
        with Vertical(classes="box warning"):
            yield Static(Content.styled(self.question, "bold $text"), classes="question")
            if self._detail:
                yield Static(Content(self._detail), classes="hint")
            words = (
                (self._yes, "bold $accent"),
                " yes    ",
                ("n", "bold $accent"),
                " or ",
                ("esc", "bold $accent"),
                " no",
            )
            yield Static(Content.assemble(*words), classes="keys")

    def on_key(self, event: events.Key) -> None:
        if event.character == self._yes:
            event.stop()
            self.dismiss("yes")


class Ask(Question):
    """Asks for a line of text."""

    def __init__(self, question: str, hint: str, value: str = "") -> None:
        super().__init__(question)
        self._hint = preview(hint)
        self._value = value

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Content.styled(self.question, "bold $text"), classes="question")
            yield Static(Content(self._hint), classes="hint")
            yield CleanInput(self._value, compact=True, select_on_focus=False)
            yield Static(
                Content.assemble(("enter", "bold $accent"), " takes it    ", ("esc", "bold $accent"), " leaves"),
                classes="keys",
            )

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class Choose(Question):
    """Asks for one of a list. ``options`` are values and what is shown for them."""

    BINDINGS: ClassVar[list[BindingType]] = [STOPPING]

    def __init__(self, question: str, options: list[tuple[str, str]]) -> None:
        super().__init__(question)
        self._options = options

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Content.styled(self.question, "bold $text"), classes="question")
            yield OptionList(*(Option(Content(one_line(shown))) for _, shown in self._options), compact=True)
            yield Static(
                Content.assemble(("enter", "bold $accent"), " chooses    ", ("esc", "bold $accent"), " leaves"),
                classes="keys",
            )

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][0])
