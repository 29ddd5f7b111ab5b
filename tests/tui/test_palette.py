"""The palette as it is opened and left in a hurry."""

from __future__ import annotations

import asyncio

import pytest
from textual.command import Command, CommandList
from textual.widgets.option_list import Option

from tests.fakes import snapshots
from tests.tui.conftest import Staging


@pytest.mark.parametrize("keys", [("slash", *"cache", "colon", *"exact", "enter"), ("colon", "enter"), ("colon", "c")])
async def test_keys_that_come_in_one_piece_with_the_palettes_end_nothing(
    staging: Staging, keys: tuple[str, ...]
) -> None:
    async with staging(snapshots.busy()) as stage:
        for place in ("D", "r"):
            await stage.press("escape", "escape", place)
            for key in keys:
                stage.app.simulate_key(key)
            await stage.settle()
        await stage.press("escape", "escape", "escape", "m")
        assert "Models" in stage.text


def named(option: Option) -> str:
    """What a palette's entry is called."""
    return str(option.hit.text or option.hit.prompt) if isinstance(option, Command) else ""


CALLED = [("stop", "stop gateway"), ("budget", "set budget"), ("theme", "theme"), ("kill", "kill switch")]


@pytest.mark.parametrize(("typed", "first"), CALLED)
async def test_what_is_called_so_comes_before_what_speaks_of_it(staging: Staging, typed: str, first: str) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("colon", *typed)
        found = stage.app.screen.query_one(CommandList)
        async with asyncio.timeout(20):
            while not (found.option_count and named(found.get_option_at_index(0)).startswith(first)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
