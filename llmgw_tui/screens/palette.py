"""The palette's entries: our actions, all of them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Input
from textual.worker import WorkerFailed

from llmgw_tui.fuzzy import best, found
from llmgw_tui.places import BY_NAME, EVERYWHERE, INSIDE
from llmgw_tui.text import clean

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre


class ActionsPalette(CommandPalette):
    """May be left before it has begun to look for actions: Textual 8.2.8 ends the app with an error then."""

    def on_mount(self) -> None:
        """The icon is a picture that few terminals draw as wide as they say."""
        self.query_one(SearchIcon).icon = ">"

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)
    async def _gather_commands(self, search_value: str) -> None:
        with suppress(NoMatches):
            await CommandPalette._gather_commands.__wrapped__(self, search_value)  # type: ignore[attr-defined]

    @on(Input.Submitted)
    async def _choose_of_what_is_typed(self, event: Input.Submitted) -> None:
        """Enter is for what was typed before it, not for what the list held then."""
        event.stop()
        event.prevent_default()
        looking = [worker for worker in self.workers if worker.group == CommandPalette._GATHER_COMMANDS_GROUP]
        for worker in looking:
            with suppress(WorkerFailed):
                await worker.wait()
        self._select_or_command()


class ActionsProvider(Provider):
    """Finds an action by its name, its key or what it does."""

    async def discover(self) -> Hits:
        for name, explained in self._actions():
            yield DiscoveryHit(self._title(name), partial(self._centre.action_do, name), help=explained)

    async def search(self, query: str) -> Hits:
        """The best first; what only some letters stand for comes where nothing is called so."""
        hits = []
        for name, explained in self._actions():
            label = (BY_NAME.get(name) or INSIDE[name]).label
            if hit := found(query, self._words(name), self._key(name), f"{label} {explained}"):
                hits.append((hit, (name, explained)))
        for place, (hit, (name, explained)) in enumerate(best(hits)):
            title = Content(self._title(name))
            before = 1 if self._centre.why_not(name) else 0
            for at in hit.at:
                title = title.stylize(self.matcher(query).match_style, before + at, before + at + 1)
            yield Hit(1 / (1 + place), title, partial(self._centre.action_do, name), help=explained)

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
        words, key = self._words(name), self._key(name)
        words = f"({words})" if self._centre.why_not(name) else words
        return f"{words} ({key})" if key else words

    def _words(self, name: str) -> str:
        place, _, rest = name.rpartition(".")
        return (f"{place}: {rest}" if self._is_elsewhere(place) else rest).replace("_", " ")

    def _key(self, name: str) -> str:
        return "" if self._is_elsewhere(name.rpartition(".")[0]) else self._centre.keys.shown(name, self._centre.glyphs)

    def _is_elsewhere(self, place: str) -> bool:
        return bool(place) and place != self._centre.here

    @property
    def _centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)
