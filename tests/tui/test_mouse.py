"""The mouse does what the keys do: rows, panes, tabs, titles of columns, hints, and the wheel."""

from __future__ import annotations

import pytest
from textual.events import MouseScrollDown
from textual.widget import Widget

from llmgw_tui.app import ControlCentre
from llmgw_tui.screens.cache import HITS, CacheScreen
from llmgw_tui.screens.models import ModelsScreen
from llmgw_tui.screens.requests import RequestsScreen
from llmgw_tui.screens.routing import DECISIONS, RoutingScreen
from llmgw_tui.screens.spend import SpendScreen
from tests.fakes.source import FakeSource
from tests.tui.everywhere import shown
from tests.tui.looks import typed
from tests.tui.seen import rows_of
from tests.tui.test_questions import click_on


def source(app: ControlCentre) -> FakeSource:
    assert isinstance(app.source, FakeSource)
    return app.source


def wheel(widget: Widget) -> MouseScrollDown:
    return MouseScrollDown(widget, 1, 1, 0, 1, 0, False, False, False)


@pytest.mark.parametrize(("size", "words"), [((200, 60), " routing"), ((80, 24), " t ")])
async def test_a_click_on_a_signpost_goes_there(size: tuple[int, int], words: str) -> None:
    async with shown("cache", size) as (app, pilot):
        await pilot.click(offset=(rows_of(app)[1].rindex(words) + 1, 1))
        await typed(pilot)
        assert app.here == "routing"


async def test_a_click_on_a_tab_shows_it() -> None:
    async with shown("cache") as (app, pilot):
        await click_on(pilot, app, "  hits")
        assert isinstance(app.screen, CacheScreen) and app.screen.showing == HITS
        await pilot.press("dollar_sign")
        await typed(pilot)
        await click_on(pilot, app, "30 days")
        assert isinstance(app.screen, SpendScreen) and app.screen.period == "30d"
        await pilot.press("t")
        await typed(pilot)
        await click_on(pilot, app, "decisions")
        assert isinstance(app.screen, RoutingScreen) and app.screen.showing == DECISIONS


async def test_a_click_on_a_columns_title_sorts_by_it_and_a_second_turns_the_order() -> None:
    async with shown("requests", (120, 40)) as (app, pilot):
        await click_on(pilot, app, "cost   took")
        assert source(app).searches[-1][1] == "cost"
        await click_on(pilot, app, "cost   took")
        assert source(app).searches[-1][1] == "-cost"
        await click_on(pilot, app, "took")
        assert isinstance(app.screen, RequestsScreen) and app.screen.sort == "latency"
    async with shown("models", (120, 40)) as (app, pilot):
        await click_on(pilot, app, "size")
        assert isinstance(app.screen, ModelsScreen) and app.screen.order == "size"


@pytest.mark.parametrize(("key", "tier"), [("1", "local"), ("2", "cheap"), ("3", "premium")])
async def test_each_key_of_a_hint_does_its_own(key: str, tier: str) -> None:
    async with shown("busy", (80, 24)) as (app, pilot):
        await pilot.click(offset=(rows_of(app)[23].index(f" {key} ") + 1, 23))
        await typed(pilot)
        assert source(app).ran[-1] == ("force_tier", {"tier": tier})


async def test_a_click_chooses_a_row_and_a_double_click_opens_it() -> None:
    async with shown("busy", (120, 40)) as (app, pilot):
        await click_on(pilot, app, "Which city")
        row = app.dashboard.requests.selected
        assert row is not None and row.preview.startswith("Which city") and app.here == "dashboard"
        await click_on(pilot, app, "What is the capital", times=2)
        assert (
            app.here == "request" and app.request is not None and app.request.preview.startswith("What is the capital")
        )


async def test_a_double_click_opens_what_says_more_and_maximises_on_a_panes_title() -> None:
    async with shown("busy", (120, 40)) as (app, pilot):
        await click_on(pilot, app, "Spend ──", times=2)
        assert app.dashboard.maximised and app.dashboard.current.id == "spend"
        await click_on(pilot, app, "Spend ──", times=2)
        assert not app.dashboard.maximised
        await click_on(pilot, app, "C cheap", times=2)
        assert app.here == "routing"


async def test_the_wheel_scrolls_lists_and_texts() -> None:
    async with shown("requests") as (app, pilot):
        assert isinstance(app.screen, RequestsScreen)
        app.screen.list.post_message(wheel(app.screen.list))
        await typed(pilot)
        assert app.screen.list.cursor == 3
    async with shown("a request") as (app, pilot):
        text = app.screen.focused
        assert text is not None and text.scroll_offset.y == 0
        text.post_message(wheel(text))
        await typed(pilot)
        assert text.scroll_offset.y > 0
