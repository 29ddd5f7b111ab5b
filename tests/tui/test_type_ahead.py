"""Keys that arrive together, as over a slow link: each is for what the one before has opened."""

from __future__ import annotations

import asyncio

from llmgw_tui.screens.place import Place
from tests.fakes import snapshots
from tests.tui.conftest import Stage, Staging


async def type_at_once(stage: Stage, *keys: str) -> None:
    """All keys come in one piece."""
    for key in keys:
        stage.app.simulate_key(key)
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
