"""The keys that stop everything, or one request, and what they ask before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway_core.model import RequestDetail, Status
from llmgw_tui.hosting import READ_ONLY
from llmgw_tui.keymap import Keys
from llmgw_tui.screens.questions import Ask, Confirm
from tests.fakes import snapshots
from tests.tui.conftest import Staging


async def test_k_stops_everything_at_once(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("k")
        assert stage.ran == [("kill", {"by": "key"})]
        assert "KILLED" in stage.text and "release" in stage.text and stage.toasts == ["kill: by key"]


async def test_the_kill_switch_is_instant_while_something_is_typed_or_asked(staging: Staging) -> None:
    for opening, key in (
        ("slash", "f9"),
        ("p", "f9"),
        ("ctrl+p", "f9"),
        ("l", "k"),
        ("question_mark", "k"),
        ("c", "k"),
    ):
        async with staging(snapshots.busy()) as stage:
            await stage.press(opening, key)
            assert stage.ran == [("kill", {"by": "key"})], opening


async def test_a_question_never_takes_the_key_that_opened_it(staging: Staging) -> None:
    async with staging(snapshots.killed(), keys=Keys({"kill_switch": "y"})) as stage:
        await stage.press("y", "y")
        assert isinstance(stage.app.screen, Confirm) and stage.ran == []
        await stage.press("Y")
        assert stage.ran == [("release", {"by": "key"})]


async def test_delete_stops_the_one_request_that_runs_after_a_yes_with_another_key(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        running = stage.app.dashboard.request
        assert running is not None and running.status is Status.RUNNING
        await stage.press("delete", "delete")
        assert isinstance(stage.app.screen, Confirm) and stage.ran == []
        await stage.press("n", "delete", "y")
        assert stage.ran == [("cancel_request", {"request_id": running.id})]
        await stage.press("r")
        await stage.press("ctrl+x", "y")
        assert len(stage.ran) == 2, "in the list of all requests too"
        assert "del stop it" in stage.text
        await stage.press("enter")
        assert "del stop it" in stage.text and stage.app.here == "request"
        await stage.press("delete", "y")
        assert [name for name, _ in stage.ran] == ["cancel_request"] * 3


async def test_delete_stops_nothing_that_has_ended_nor_from_a_read_only_screen(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("down", "down", "delete")
        assert "still runs" in stage.toasts[-1] and not isinstance(stage.app.screen, Confirm)
    async with staging(replace(snapshots.busy(), read_only=True)) as stage:
        await stage.press("delete")
        assert "Read-only" in stage.toasts[-1] and stage.ran == []


async def test_a_screen_key_works_from_every_screen_and_goes_back_from_its_own(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("enter", "c")
        assert stage.app.here == "cache" and len(stage.app.screen_stack) == 2
        await stage.press("D")
        assert stage.app.here == "dashboard"
        await stage.press("c", "c")
        assert stage.app.here == "dashboard"


async def test_what_is_read_only_asks_nothing_and_says_so(staging: Staging) -> None:
    async with staging(replace(snapshots.killed(), read_only=True)) as stage:
        for keys in (("k",), ("2",), ("p",), ("l",), ("s",), ("f9",), ("enter", "e"), ("c", "d"), ("dollar_sign", "a")):
            await stage.press(*keys)
            assert stage.toasts[-1].startswith(READ_ONLY) and not stage.app.screen.is_modal, keys
        assert stage.ran == [] and "(limits)" in stage.text


async def test_an_action_of_another_screen_is_done_there(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app.action_do("cache.forget")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm) and "Forget this answer" in stage.text)
        assert stage.app.here == "cache"
        await stage.press("n")
        assert stage.ran == []


async def test_every_screen_says_when_everything_is_stopped(staging: Staging) -> None:
    async with staging(snapshots.killed(), attached=True) as stage:
        for keys in ((), ("c",), ("escape", "question_mark"), ("escape", "enter")):
            await stage.press(*keys)
            assert "KILLED" in stage.text and "ATTACHED" in stage.text, keys


async def test_releasing_asks_with_another_key(staging: Staging) -> None:
    async with staging(snapshots.killed()) as stage:
        await stage.press("k")
        assert isinstance(stage.app.screen, Confirm) and stage.ran == []
        await stage.press("k", "enter")
        assert isinstance(stage.app.screen, Confirm) and stage.ran == []
        await stage.press("y")
        assert stage.ran == [("release", {"by": "key"})] and "RUNNING" in stage.text


async def test_the_dashboard_goes_on_under_a_question(staging: Staging) -> None:
    async with staging(snapshots.killed()) as stage:
        await stage.press("k")
        stage.source.current = replace(snapshots.killed(), in_flight=77)
        await stage.settle()
        assert isinstance(stage.app.screen, Confirm) and "77 in flight" in stage.text


async def test_a_detail_that_comes_late_does_not_cover_a_question(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        answer = asyncio.Event()
        at_once = stage.source.detail

        async def late(request_id: str) -> RequestDetail | None:
            await answer.wait()
            return await at_once(request_id)

        stage.source.detail = late  # type: ignore[method-assign]
        await stage.press("enter", "p")
        answer.set()
        await stage.settle()
        assert isinstance(stage.app.screen, Ask)


async def test_a_release_can_be_refused(staging: Staging) -> None:
    async with staging(snapshots.killed()) as stage:
        for no in ("n", "escape"):
            await stage.press("k", no)
            assert not isinstance(stage.app.screen, Confirm)
        assert stage.ran == []
