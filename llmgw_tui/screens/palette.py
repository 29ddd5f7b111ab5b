"""The palette's entries: our actions, all of them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import work
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon
from textual.css.query import NoMatches

from llmgw_tui.places import EVERYWHERE, INSIDE
from llmgw_tui.text import clean

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre


EXPLAINED_WEIGHT = 0.25
"""What an action is called counts for more than what is said of it: *stop* is no kill switch, which stops requests."""


class ActionsPalette(CommandPalette):
    """May be left before it has begun to look for actions: Textual 8.2.8 ends the app with an error then."""

    def on_mount(self) -> None:
        """The icon is a picture that few terminals draw as wide as they say."""
        self.query_one(SearchIcon).icon = ">"

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)
    async def _gather_commands(self, search_value: str) -> None:
        with suppress(NoMatches):
            await CommandPalette._gather_commands.__wrapped__(self, search_value)  # type: ignore[attr-defined]


class ActionsProvider(Provider):
    """Finds an action by its name, its key or what it does."""

    async def discover(self) -> Hits:
        for name, explained in self._actions():
            yield DiscoveryHit(self._title(name), partial(self._centre.action_do, name), help=explained)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, explained in self._actions():
            title = self._title(name)
            score = max(matcher.match(title), matcher.match(explained) * EXPLAINED_WEIGHT)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self._centre.action_do, name), help=explained)

    def _actions(self) -> Iterator[tuple[str, str]]:
        """Names and explanations: of the screen's own actions first, then of everywhere, then of other screens."""
        here = self._centre.here
        own = [(name, action.help) for name, action in INSIDE.items() if name.startswith(f"{here}.")]
        others = [
            (name, action.help)
            for name, action in INSIDE.items()
            if (place := name.partition(".")[0]) != here and place in self._centre.place_names
        ]
        for name, explained in (*own, *((action.name, action.help) for action in EVERYWHERE), *others):
            why = clean(self._centre.why_not(name))
            yield name, f"Not now: {why}" if why else explained

    def _title(self, name: str) -> str:
        place, _, rest = name.rpartition(".")
        elsewhere = bool(place) and place != self._centre.here
        words = f"{place}: {rest}" if elsewhere else rest
        words = words.replace("_", " ")
        words = f"({words})" if self._centre.why_not(name) else words
        key = "" if elsewhere else self._centre.keys.shown(name, self._centre.glyphs)
        return f"{words} ({key})" if key else words

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
