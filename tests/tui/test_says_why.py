"""Keys that could do nothing say why; and what is said can be read, however much is said."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from llmgw_tui.setup import Setup
from tests.fakes import local, snapshots
from tests.tui.conftest import Staging
from tests.tui.test_cache_screen import press


async def test_many_problems_at_the_start_are_all_told(staging: Staging) -> None:
    problems = tuple(f"keymap.yaml line {number}: there is no key." for number in range(9))
    async with staging(snapshots.busy(), size=(80, 24), setup=Setup(problems=problems)) as stage:
        async with asyncio.timeout(20):
            while not stage.toasts:
                await stage.settle()
        assert all(problem in "\n".join(stage.toasts) for problem in problems)


async def test_the_dashboard_has_nothing_behind_it(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        for key in ("D", "escape"):
            stage.app.clear_notifications()
            await stage.press(key)
            assert "nothing is behind it. q leaves" in stage.toasts[-1]


async def test_k_in_a_question_while_it_is_killed_says_so_and_releases_nothing(staging: Staging) -> None:
    async with staging(snapshots.killed()) as stage:
        await stage.press("k", "k")
        assert "The kill switch is on" in stage.toasts[-1] and stage.ran == []


async def test_the_keys_for_what_is_kept_say_so_among_the_hits(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c", "tab")
        for key, words in (("o", "sorted"), ("d", "forgotten"), ("slash", "filtered")):
            await press(stage, key)
            assert f"Only what is kept can be {words}, in the other list: tab" in stage.toasts[-1]


async def test_x_after_a_pull_has_ended_takes_it_from_the_list_and_then_says_there_is_none(staging: Staging) -> None:
    ended = replace(local.pulls(snapshots.NOW)[0], done=True, error=None)
    server = replace(local.ollama(snapshots.NOW), pulls=(ended,))
    async with staging(replace(snapshots.busy(), local=server)) as stage:
        await press(stage, "m", "x")
        assert stage.ran == [("forget_pull", {"model": ended.model})]
        stage.source.current = replace(snapshots.busy(), local=replace(server, pulls=()))
        await stage.settle()
        await press(stage, "x")
        assert stage.toasts[-1] == "No model is being pulled."


async def test_the_models_have_the_keys_again_after_the_pulls_had_them(staging: Staging) -> None:
    server = replace(local.ollama(snapshots.NOW), pulls=local.pulls(snapshots.NOW))
    async with staging(replace(snapshots.busy(), local=server)) as stage:
        await press(stage, "m", "tab")
        assert stage.app.focused is not None and stage.app.focused.id == "pulls"
        await press(stage, "r", "m")
        assert stage.app.focused.id == "models"


async def test_enter_in_the_palette_is_for_what_was_typed_before_it(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("colon", *"set budget")
        stage.app.simulate_key("ctrl+u")
        for key in (*"theme", "enter"):
            stage.app.simulate_key(key)
        async with asyncio.timeout(20):
            while "Which theme?" not in stage.text:
                await stage.settle()


async def test_reading_again_is_said(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c", "ctrl+r")
        assert stage.toasts == ["Cache: read again."]
