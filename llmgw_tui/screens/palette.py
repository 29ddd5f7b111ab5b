"""The palette's entries: our actions, all of them, and nothing else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from llmgw_tui.actions import ACTIONS, Action
from llmgw_tui.theme import UNICODE

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre


class ActionsProvider(Provider):
    """Finds an action by its name, its key or what it does."""

    async def discover(self) -> Hits:
        for action in ACTIONS:
            yield DiscoveryHit(self._title(action), partial(self._centre.action_do, action.name), help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in ACTIONS:
            title = self._title(action)
            score = max(matcher.match(title), matcher.match(action.help))
            if score > 0:
                yield Hit(
                    score, matcher.highlight(title), partial(self._centre.action_do, action.name), help=action.help
                )

    def _title(self, action: Action) -> str:
        key = self._centre.keys.shown(action.name, UNICODE)
        name = action.name.replace("_", " ")
        return f"{name} ({key})" if key else name

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
