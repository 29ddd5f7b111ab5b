"""The palette's entries: our actions, all of them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from llmgw_tui.places import EVERYWHERE, INSIDE
from llmgw_tui.theme import UNICODE

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre


class ActionsProvider(Provider):
    """Finds an action by its name, its key or what it does."""

    async def discover(self) -> Hits:
        for name, explained in self._actions():
            yield DiscoveryHit(self._title(name), partial(self._centre.action_do, name), help=explained)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, explained in self._actions():
            title = self._title(name)
            score = max(matcher.match(title), matcher.match(explained))
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._centre.action_do, name), help=explained)

    def _actions(self) -> Iterator[tuple[str, str]]:
        """Names and explanations: of the screen's own actions first, then of everywhere."""
        here = f"{self._centre.here}."
        yield from ((name, action.help) for name, action in INSIDE.items() if name.startswith(here))
        yield from ((action.name, action.help) for action in EVERYWHERE)

    def _title(self, name: str) -> str:
        key = self._centre.keys.shown(name, UNICODE)
        words = name.rpartition(".")[2].replace("_", " ")
        return f"{words} ({key})" if key else words

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
