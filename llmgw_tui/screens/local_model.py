"""The screen of one local model, in full."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from gateway_core.model import Fit, LocalModel, Snapshot
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.model_info import about_model
from llmgw_tui.panes.models import served_tiers
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.lines_view import LinesView


class LocalModelScreen(OneThingScreen):
    """What it is, can do and has done, what deleting it frees, and whether it fits. It moves with the model."""

    place: ClassVar[str] = "local_model"
    title_words = "Local model"
    explanation = "One local model in full: context, capabilities, measured speed, version, disk, and whether it fits."
    shared_hints = ("load", "switch", "copy", "kill_switch", "help")

    def __init__(self, name: str) -> None:
        super().__init__()
        self._model_name = name
        self._fit: Fit | None = None

    @property
    def local_model(self) -> str:
        return self._model_name if self._model else ""

    def named(self) -> str:
        return preview(self._model_name)

    def copied_text(self) -> tuple[str, str]:
        """The model's name."""
        return (clean(self._model_name), "the model's name")

    async def read(self) -> None:
        self._fit = await self.centre.source.fit(self._model_name)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        view = self.query_one(LinesView)
        width = view.scrollable_content_region.width
        if width > 0 and self.lines(width) != view.lines:
            view.remake()

    def lines(self, width: int) -> tuple[Strip, ...]:
        snapshot, model = self.centre.snapshot, self._model
        if snapshot is None or model is None:
            words = " This model is gone: it was deleted, or its server went away."
            return (line(width), line(width, text_segment(words, MUTED_STYLE)))
        tiers = served_tiers(snapshot).get(model.name, ())
        return (
            line(width),
            *about_model(model, snapshot.local, tiers, self._fit, self.centre.look(), width, full=True),
        )

    @property
    def _model(self) -> LocalModel | None:
        snapshot = self.centre.snapshot
        models = snapshot.local.models if snapshot else ()
        return next((model for model in models if model.name == self._model_name), None)
