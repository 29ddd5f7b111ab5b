"""The screens that a key opens, and all actions: those of everywhere, and those of one screen."""

from __future__ import annotations

from llmgw_tui.actions import ACTIONS, Action, go
from llmgw_tui.screens.cache import CacheScreen
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.dashboard import Dashboard
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.screens.spend import SpendScreen

PLACES: tuple[type[Place], ...] = (Dashboard, SpendScreen, CacheScreen)
"""In the order of the signposts. A new screen is a line here."""
INNER_PLACES: tuple[type[Place], ...] = (DetailScreen, CachedAnswerScreen)
"""Screens that others open, for one thing."""
EVERYWHERE: tuple[Action, ...] = (
    *ACTIONS,
    *(
        Action(place.place, place.key, place.title_words.lower(), place.explanation, go(place.place))
        for place in PLACES
    ),
)
BY_NAME = {action.name: action for action in EVERYWHERE}


def _inside() -> dict[str, PlaceAction]:
    return {f"{place.place}.{action.name}": action for place in (*PLACES, *INNER_PLACES) for action in place.actions}


INSIDE = _inside()
"""Actions of one screen, by ``<place>.<name>``."""
DEFAULT_KEYS = {
    **{action.name: action.keys for action in EVERYWHERE},
    **{name: action.keys for name, action in INSIDE.items()},
}
