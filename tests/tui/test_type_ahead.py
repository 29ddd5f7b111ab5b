"""Keys that arrive together, as over a slow link: each is for what the one before has opened."""

from __future__ import annotations

import asyncio

from textual import events

from llmgw_tui.screens.place import Place
from tests.fakes import snapshots
from tests.tui.conftest import Stage, Staging


async def type_at_once(stage: Stage, *keys: str) -> None:
    """All keys come in one piece."""
    for key in keys:
        stage.app.simulate_key(key)
    await stage.settle()  # the first of them has come
    async with asyncio.timeout(20):
        while stage.app.typed.is_busy:  # noqa: ASYNC110 - many small steps
            await asyncio.sleep(0.01)
    await stage.settle()


async def test_what_is_typed_after_the_filters_key_is_the_filter(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("r")
        await type_at_once(stage, "slash", *"kimid", "enter")
        assert isinstance(place := stage.app.screen, Place)
        assert place.place == "requests" and place.searched == "kimid"
        assert stage.ran == []


async def test_what_is_typed_after_the_palettes_key_is_looked_for(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await type_at_once(stage, "colon", *"kick", "escape", "escape", "colon", "k", "escape", "escape", "c")
        assert stage.app.here == "cache" and stage.ran == []


async def test_a_question_opened_and_answered_in_one_piece_is_done(staging: Staging) -> None:
    async with staging(snapshots.killed()) as stage:
        await type_at_once(stage, "k", "y", "1", "c")
        assert [name for name, _ in stage.ran] == ["release", "force_tier"]
        assert stage.app.here == "cache"


async def test_a_key_that_comes_as_the_last_screen_goes_is_let_go(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        screens = stage.app._screen_stack
        kept = list(screens)
        screens.clear()
        await stage.app.on_event(events.Key("c", "c"))
        screens.extend(kept)
        await stage.press("c")
        assert stage.app.here == "cache"
