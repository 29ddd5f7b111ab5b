"""The footer: the keys that do something here, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from gateway_core.frozen import frozen
from llmgw_tui.panes.draw import line, text_segment
from llmgw_tui.theme import BRIGHT_STYLE, KEY_STYLE, MUTED_STYLE, TEXT_STYLE


@frozen
class Hint:
    """One key and what it does. ``lit`` is the choice in force; ``grey`` one that cannot be made now."""

    key: str
    label: str
    action: str
    lit: bool = False
    grey: bool = False
    actions: tuple[str, ...] = ()
    """What a click on each of several keys does; ``action`` is for the words."""

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


def action_at(hints: Sequence[Hint], width: int, x: int) -> str:
    """What a click does; empty beside the hints."""
    for hint, start, end in places(hints, width):
        if start <= x < end:
            at = start + 1
            for key, action in zip(hint.key.split(" "), hint.actions, strict=False):
                if at <= x < at + len(key):
                    return action
                at += len(key) + 1
            return hint.action
    return ""
