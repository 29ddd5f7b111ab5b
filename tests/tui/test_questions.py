"""Questions show the keys that answer them in a terminal of any size, and take clicks for them."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from llmgw_tui.app import ControlCentre
from tests.tui.everywhere import SIZES, shown
from tests.tui.looks import typed
from tests.tui.seen import rows_of

KEYS = {
    "release?": ("y yes", "n no"),
    "pull?": ("y yes", "n no"),
    "quit?": ("y yes", "n no"),
    "which model?": ("enter accept",),
    "limits": ("enter accept",),
    "load which?": ("enter choose",),
    "which tier?": ("enter choose",),
    "which theme?": ("enter choose",),
}
"""The keys that are in sight wherever a question is."""


async def click_on(pilot: Pilot[None], app: ControlCentre, words: str, times: int = 1) -> None:
    """Clicks on the first cell of ``words``, on the screen as it is."""
    y, row = next((y, row) for y, row in enumerate(rows_of(app)) if words in row)
    await pilot.click(offset=(row.index(words), y), times=times)
    await typed(pilot)


@pytest.mark.parametrize("name", KEYS)
async def test_the_keys_that_answer_are_in_sight_at_any_size(name: str) -> None:
    async with shown(name) as (app, pilot):
        for size in (*SIZES, (24, 6), (60, 10), (30, 30)):
            await pilot.resize_terminal(*size)
            await typed(pilot)
            seen = "\n".join(rows_of(app))
            assert all(key in seen for key in KEYS[name]), f"{size}:\n{seen}"


async def test_what_is_said_in_the_corner_leaves_the_keys_in_sight() -> None:
    async with shown("quit?", (20, 5)) as (app, pilot):
        await pilot.press("k")
        await typed(pilot)
        seen = "\n".join(rows_of(app))
        assert "y yes" in seen and "kill" in seen, seen


async def test_a_long_question_scrolls_above_its_keys() -> None:
    async with shown("pull?", (20, 5)) as (app, pilot):
        assert "Unknown" in "\n".join(rows_of(app))
        for _ in range(8):
            await pilot.press("down")
        await typed(pilot)
        seen = "\n".join(rows_of(app))
        assert "reached." in seen and "y yes" in seen, seen


@pytest.mark.parametrize(("words", "released"), [("yes", True), ("no", False)])
async def test_a_click_answers(words: str, released: bool) -> None:
    async with shown("release?") as (app, pilot):
        await click_on(pilot, app, f" {words}")
        assert app.snapshot is not None and app.snapshot.kill.on is not released
        assert app.screen is app.dashboard


async def test_a_click_takes_an_option() -> None:
    async with shown("which theme?") as (app, pilot):
        await click_on(pilot, app, "high-contrast")
        assert app.theme == "high-contrast" and app.screen is app.dashboard
