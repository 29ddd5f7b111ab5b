"""The screens that a key opens, and all actions: those of everywhere, and those of one screen."""

from __future__ import annotations

from llmgw_tui.actions import ACTIONS, Action, go
from llmgw_tui.screens.cache import CacheScreen
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.compare import CompareScreen
from llmgw_tui.screens.dashboard import Dashboard
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.learned import HeadVersionScreen
from llmgw_tui.screens.local_model import LocalModelScreen
from llmgw_tui.screens.log import LogEntryScreen, LogScreen
from llmgw_tui.screens.models import ModelsScreen
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.screens.requests import RequestsScreen
from llmgw_tui.screens.routing import LineupPlaceScreen, RoutingScreen, TrialScreen
from llmgw_tui.screens.settings import GatewayKeyScreen, SettingScreen, SettingsScreen
from llmgw_tui.screens.spend import SpendScreen
from llmgw_tui.screens.what_if import WhatIfScreen

PLACES: tuple[type[Place], ...] = (
    Dashboard,
    RequestsScreen,
    ModelsScreen,
    SpendScreen,
    CacheScreen,
    RoutingScreen,
    LogScreen,
    SettingsScreen,
    WhatIfScreen,
)
"""In the order of the signposts. A new screen is a line here."""
INNER_PLACES: tuple[type[Place], ...] = (
    DetailScreen,
    CompareScreen,
    LocalModelScreen,
    CachedAnswerScreen,
    TrialScreen,
    LineupPlaceScreen,
    HeadVersionScreen,
    LogEntryScreen,
    SettingScreen,
    GatewayKeyScreen,
)
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
