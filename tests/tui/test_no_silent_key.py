"""Every action on every screen, with much, little and nothing to show: it does something or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway_core.learning_values import LearningStatus
from gateway_core.setting_values import SettingsReport
from llmgw_tui.places import EVERYWHERE, INSIDE, PLACES
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.compare import CompareScreen
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.help import HelpScreen
from llmgw_tui.screens.learned import HeadVersionScreen
from llmgw_tui.screens.local_model import LocalModelScreen
from llmgw_tui.screens.place import Place
from llmgw_tui.screens.requests import RequestsScreen
from llmgw_tui.screens.routing import LineupPlaceScreen
from tests.fakes import details, inside_values, local, snapshots
from tests.tui.conftest import Stage, Staging

SNAPSHOTS = {"much": snapshots.busy(), "little": snapshots.empty(), "nothing": None}
OF_THE_PLACE = (
    *("copy", "detail", "filter", "help", "load", "maximise", "mark_wrong", "pull", "switch"),
    *("thumb_up", "thumb_down"),
)
INNER = ("request", "compare", "local_model", "answer", "lineup_place", "head_version", "help")
ALL = (*(place.place for place in PLACES), *INNER)


def inner(name: str) -> Place:
    row = snapshots.busy().requests[0]
    made: dict[str, Callable[[], Place]] = {
        "request": lambda: DetailScreen(details.detail(row)),
        "compare": lambda: CompareScreen(details.detail(row), row.id),
        "local_model": lambda: LocalModelScreen(local.ollama(snapshots.NOW).models[0].name),
        "answer": lambda: CachedAnswerScreen(snapshots.cached_answer(snapshots.cache_entries()[0])),
        "lineup_place": lambda: LineupPlaceScreen(inside_values.routing().lineup[0]),
        "head_version": lambda: HeadVersionScreen(inside_values.learning().versions[1]),
        "help": lambda: HelpScreen(RequestsScreen()),
    }
    return made[name]()


async def settled(stage: Stage) -> None:
    if reading := [worker for worker in stage.app.workers if worker.name == "read"]:
        await stage.app.workers.wait_for_complete(reading)
    await stage.settle()


def seen(stage: Stage) -> tuple[object, ...]:
    """All that a person could notice."""
    toasts = [id(toast) for toast in stage.app._notifications]
    return stage.text, toasts, len(stage.ran), stage.app.screen, stage.app._return_value, stage.app.is_running


async def back_to(stage: Stage, place: Place) -> None:
    while stage.app.screen is not place and len(stage.app.screen_stack) > 1:
        stage.app.screen.dismiss()
        await stage.settle()
    if stage.app.screen is not place:
        await stage.app.push_screen(place)
    stage.app.clear_notifications()
    await settled(stage)


async def opened(stage: Stage, name: str) -> Place:
    if name in INNER:
        await stage.app.push_screen(inner(name))
    else:
        await stage.app.go(name)
    await settled(stage)
    assert isinstance(place := stage.app.screen, Place)
    return place


def names_on(place: Place) -> list[str]:
    """Its own actions, and of those of everywhere those that depend on the place; on the dashboard all."""
    own = [name for name in INSIDE if name.startswith(f"{place.place}.")]
    everywhere = [action.name for action in EVERYWHERE if action.name != "quit"]
    if place.place != "dashboard":
        everywhere = [name for name in everywhere if name in OF_THE_PLACE or name == place.place]
    return sorted([*own, *everywhere], key=lambda name: name == "maximise")  # last, for "dashboard" would end it


@pytest.mark.parametrize(
    ("name", "much"),
    [("dashboard", "nothing"), ("models", "nothing"), *((name, much) for name in ALL for much in ("much", "little"))],
)
async def test_no_action_is_silent(staging: Staging, name: str, much: str) -> None:
    async with staging(SNAPSHOTS[much]) as stage:
        if much != "much":
            stage.source.entries, stage.source.hits, stage.source.logged = (), (), ()
            stage.source.known_settings = SettingsReport()
            stage.source.learned = LearningStatus()
            stage.source.routed = replace(inside_values.routing(), lineup=(), decisions=())
        place = await opened(stage, name)
        silent = []
        for action in names_on(place):
            await back_to(stage, place)
            before = seen(stage)
            stage.app.action_do(action)
            await settled(stage)
            if seen(stage) == before:
                silent.append(action)
        assert not silent
