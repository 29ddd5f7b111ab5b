"""The question before a pull: whether the model fits. It can be answered before the registry has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.content import Content
from textual.widgets import Static

from gateway_core.model import Fit
from llmgw_tui.panes.model_info import fit_words
from llmgw_tui.screens.questions import Confirm

ASKING = "Checking its size and whether it fits here. You need not wait."


class PullQuestion(Confirm):
    """Answers ``yes`` or None. ``fit`` is asked while the question stands."""

    def __init__(self, name: str, fit: Callable[[str], Awaitable[Fit]], opened_by: str) -> None:
        super().__init__(f"Pull {name}?", ASKING, opened_by)
        self._model_name = name
        self._fit = fit

    def on_mount(self) -> None:
        self.run_worker(self._ask(), name="fit")

    async def _ask(self) -> None:
        fit = await self._fit(self._model_name)
        if self.is_attached:
            self.query_one(".hint", Static).update(Content("\n".join(fit_words(fit))))
