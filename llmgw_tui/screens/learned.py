"""One version of what the router has learned, with its figures."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from gateway_core.learning_values import HeadVersion
from llmgw_tui.panes.learning import version_lines
from llmgw_tui.screens.one_thing import OneThingScreen


class HeadVersionScreen(OneThingScreen):
    """One version of what the router has learned, with its figures."""

    place: ClassVar[str] = "head_version"
    title_words = "What was learned"
    explanation = "One version of what the router has learned, measured on labels that it did not learn from."

    def __init__(self, version: HeadVersion) -> None:
        super().__init__()
        self.version = version

    def named(self) -> str:
        return f"version {self.version.number}"

    def lines(self, width: int) -> tuple[Strip, ...]:
        return version_lines(self.version, self.centre.look(), width)
