"""The footer: the keys that do something here, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from llmgw_tui.panes.draw import line, text_segment
from llmgw_tui.theme import BRIGHT_STYLE, KEY_STYLE, MUTED_STYLE, TEXT_STYLE


@dataclass(frozen=True, slots=True)
class Hint:
    """One key and what it does. ``lit`` is the choice in force; ``grey`` one that cannot be made now."""

    key: str
    label: str
    action: str
    lit: bool = False
    grey: bool = False

    @property
    def words(self) -> str:
        """In brackets where it cannot be done, so that it is not said by colour alone."""
        return f"({self.label})" if self.grey else self.label


def footer_view(hints: Sequence[Hint], width: int) -> Strip:
    out: list[Segment] = []
    for hint, _, _ in places(hints, width):
        out += [
            Segment(" ", TEXT_STYLE),
            text_segment(hint.key, MUTED_STYLE if hint.grey else KEY_STYLE),
            Segment(" ", TEXT_STYLE),
            text_segment(hint.words, BRIGHT_STYLE if hint.lit else MUTED_STYLE),
            Segment(" ", TEXT_STYLE),
        ]
    return line(width, *out)


def places(hints: Sequence[Hint], width: int) -> list[tuple[Hint, int, int]]:
    """The hints that fit, with their first column and the column after."""
    out, x = [], 0
    for hint in hints:
        end = x + 3 + cell_len(hint.key) + cell_len(hint.words)
        if end > width + 1:
            continue
        out.append((hint, x, end))
        x = end
    return out


def hint_at(hints: Sequence[Hint], width: int, x: int) -> Hint | None:
    """The hint under a click."""
    return next((hint for hint, start, end in places(hints, width) if start <= x < end), None)
