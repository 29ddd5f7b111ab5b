"""Every key of the dashboard, typed into the app, and what the app does by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.events import Notice, PullProgress
from gateway_core.model import CommandResult, PullStatus, Snapshot
from llmgw_tui.keymap import Keys
from llmgw_tui.places import PLACES
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.place import Place
from llmgw_tui.screens.questions import Ask, Choose, Confirm
from tests.fakes import snapshots
from tests.tui.conftest import Staging
from tests.tui.test_text import is_harmless


@pytest.mark.parametrize(("key", "tier"), [("0", "auto"), ("1", "local"), ("2", "cheap"), ("3", "premium")])
async def test_digits_force_a_tier(staging: Staging, key: str, tier: str) -> None:
    async with staging(snapshots.demo() if tier == "auto" else snapshots.busy()) as stage:
        await stage.press(key)
        assert stage.ran == [("force_tier", {"tier": tier})]
        assert ("tier auto" if tier == "auto" else f"forced: {tier}") in stage.text


async def test_enter_opens_the_request_under_the_cursor(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("down", "down", "down", "down", "down", "enter")
        assert isinstance(stage.app.screen, DetailScreen)
        assert "Decision" in stage.text and "hard:design" in stage.text and "$0.048" in stage.text
        await stage.press("end")
        assert "One ledger table per tenant" in stage.text
        await stage.press("escape")
        assert "Requests" in stage.text


async def test_the_detail_shows_big_bodies_when_asked(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("enter")
        screen = stage.app.screen
        assert isinstance(screen, DetailScreen)
        before = screen.query_one("#text").virtual_size.height
        await stage.press("b")
        assert screen.query_one("#text").virtual_size.height > before


async def test_enter_without_requests_says_so(staging: Staging) -> None:
    async with staging(snapshots.empty()) as stage:
        await stage.press("enter")
        assert stage.toasts == ["There are no requests yet."]


async def test_the_cursor_follows_the_newest_until_moved(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        table = stage.app.dashboard.requests
        await stage.press("down")
        chosen = table.selected
        newer = (snapshots.row(99, "a newer one"), *snapshots.busy().requests)
        stage.source.current = replace(snapshots.busy(), requests=newer)
        await stage.settle()
        assert table.selected == chosen and "home follows" in stage.text
        await stage.press("home")
        assert table.selected == newer[0] and "following" in stage.text


async def test_paging_and_the_ends(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        table = stage.app.dashboard.requests
        rows = snapshots.busy().requests
        await stage.press("pagedown")
        assert table.selected == rows[table.page]
        await stage.press("end")
        assert table.selected == rows[-1] and rows[-1].preview in stage.text
        await stage.press("pageup", "up")
        assert table.selected == rows[len(rows) - 2 - table.page]


async def test_a_click_chooses_a_row_and_the_footer_is_clickable(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.pilot.click("#requests", offset=(20, 5))
        assert stage.app.dashboard.requests.selected == snapshots.busy().requests[3]
        await stage.pilot.click("#footer", offset=(10, 0))
        await stage.settle()
        assert stage.ran == [("force_tier", {"tier": "auto"})]


async def test_slash_filters_and_escape_clears(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("slash", *"refused")
        assert "1 of 60 match" in stage.text and "rm -rf" in stage.text and stage.ran == []
        await stage.press("enter")
        assert "/refused" in stage.text and stage.app.focused is stage.app.dashboard.requests
        await stage.press("escape")
        assert "match" not in stage.text.replace("exact match", "").replace("semantic match", "")


async def test_p_asks_for_a_name_and_pulls(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("p")
        assert isinstance(stage.app.screen, Ask)
        await stage.press(*"qwen3", "enter")
        assert stage.ran == [] and stage.source.fit_asked == ["qwen3"]
        await stage.press("y")
        assert stage.ran == [("pull", {"model": "qwen3"})]
        await stage.press("p", "escape")
        await stage.press("p", "enter")
        assert len(stage.ran) == 1


async def test_l_loads_or_unloads_the_chosen_model(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("l")
        assert isinstance(stage.app.screen, Choose)
        await stage.press("enter")
        await stage.press("l", "down", "down", "down", "enter")
        assert stage.ran == [("unload", {"model": "qwen3:8b"}), ("load", {"model": "llama3.2-8k:latest"})]


async def test_s_switches_the_model_of_a_tier(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("s", "enter")
        await stage.press("down", "down", "enter")
        assert stage.ran == [("switch", {"tier": "local", "model": "llama3.2:3b"})]
        await stage.press("s", "down", "down", "enter")
        assert isinstance(stage.app.screen, Ask)
        await stage.press(*"claude-x", "enter")
        assert stage.ran[1] == ("switch", {"tier": "premium", "model": "claude-x"})


async def test_s_offers_the_choices_that_the_gateway_names(staging: Staging) -> None:
    tiers = tuple(replace(tier, choices=("groq/a", "groq/b")) for tier in snapshots.busy().tiers)
    async with staging(replace(snapshots.busy(), tiers=tiers)) as stage:
        await stage.press("s", "down", "enter")
        await stage.press("down", "enter")
        assert stage.ran == [("switch", {"tier": "cheap", "model": "groq/b"})]


async def test_w_marks_only_cached_answers_wrong(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("w")
        assert stage.ran == [] and "Only a cached answer" in stage.toasts[0]
        await stage.press("down", "w")
        assert stage.ran == [("mark_wrong", {"request_id": snapshots.busy().requests[1].id})]
        await stage.press("enter", "w")
        assert len(stage.ran) == 2


async def test_z_maximises_the_focused_pane_and_gives_it_back(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("tab", "tab", "z")
        assert "Cache" in stage.text and "Requests" not in stage.text and "Tiers" not in stage.text
        await stage.press("tab")
        assert "resets in" in stage.text and "Cache" not in stage.text
        await stage.press("z")
        assert "Requests" in stage.text and "Tiers" in stage.text


async def test_y_copies_the_id_or_in_the_detail_the_answer(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("y")
        assert stage.app.clipboard == snapshots.busy().requests[0].id and "Copied" in stage.toasts[0]
        await stage.press("down", "down", "enter", "y")
        assert stage.app.clipboard.startswith("One ledger table per tenant")


async def test_the_spend_limits_change_and_raising_them_asks(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app.action_do("set_budget")
        await stage.settle()
        await stage.press("ctrl+u", *"1 2 3", "enter")
        assert stage.ran == [("set_budget", {"soft": 1.0, "medium": 2.0, "hard": 3.0})]
        stage.app.action_do("set_budget")
        await stage.settle()
        await stage.press("ctrl+u", *"5 15 90", "enter")
        assert isinstance(stage.app.screen, Confirm) and len(stage.ran) == 1
        await stage.press("y")
        assert stage.ran[1] == ("set_budget", {"soft": 5.0, "medium": 15.0, "hard": 90.0})


async def test_a_pull_can_be_cancelled_from_the_palette(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app.action_do("cancel_pull")
        await stage.settle()
        await stage.press("enter")
        assert stage.ran == [("cancel_pull", {"model": "qwen3:14b"})]


async def test_q_asks_while_requests_are_in_flight(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("q")
        assert isinstance(stage.app.screen, Confirm) and "1 request is in flight" in stage.text
        await stage.press("q")
        assert stage.app.is_running and not isinstance(stage.app.screen, Confirm)
        await stage.press("q", "y")
        assert not stage.app.is_running


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.place)
async def test_q_quits_on_every_screen_that_a_key_opens(staging: Staging, place: type[Place]) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press(place.key)
        await stage.press("q")
        assert isinstance(stage.app.screen, Confirm) and "Quit" in stage.text


@pytest.mark.parametrize(("snapshot", "attached"), [(snapshots.empty(), False), (snapshots.busy(), True), (None, True)])
async def test_q_leaves_at_once_when_nothing_would_be_cut_off(
    staging: Staging, snapshot: Snapshot | None, attached: bool
) -> None:
    async with staging(snapshot, attached=attached) as stage:
        await stage.press("q")
        assert not stage.app.is_running and stage.app.return_code == 0


async def test_tab_goes_around_the_panes(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        seen = []
        for _ in range(5):
            seen.append(stage.app.focused.id if stage.app.focused else None)
            await stage.press("tab")
        assert seen == ["requests", "tiers", "cache", "spend", "local"]
        await stage.press("shift+tab")
        assert stage.app.focused is stage.app.dashboard.panes[-1]


async def test_keys_can_be_remapped(staging: Staging) -> None:
    keys = Keys({"kill_switch": "ctrl+k", "force_local": "f1", "set_budget": "b"})
    async with staging(snapshots.busy(), keys=keys, size=(200, 60)) as stage:
        await stage.press("k", "1")
        assert stage.ran == []
        await stage.press("ctrl+k", "f1")
        assert [name for name, _ in stage.ran] == ["kill", "force_tier"]
        assert "^k release" in stage.text and "f1 local" in stage.text


async def test_what_a_command_answers_is_only_text(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.answer = CommandResult(False, snapshots.EVIL)
        await stage.press("1")
        await stage.pilot.pause()
        assert stage.toasts and is_harmless(stage.toasts[0]) and "[/x][bold]" in stage.toasts[0]


async def test_notices_and_ended_pulls_are_said(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.bus.publish(Notice(snapshots.NOW, "warning", "Ollama went away"))
        stage.source.bus.publish(PullProgress(snapshots.NOW, PullStatus("qwen3:14b", "success", done=True)))
        stage.source.bus.publish(PullProgress(snapshots.NOW, PullStatus("nope", "", error="no such model")))
        half = PullStatus("half:1b", "pulling")
        for pull in (half, replace(half, done=True, cancelled=True), replace(half, interrupted=True)):
            stage.source.bus.publish(PullProgress(snapshots.NOW, pull))
        await stage.settle()
        assert stage.toasts == ["Ollama went away", "qwen3:14b is pulled.", "Pulling nope failed: no such model"]


async def test_stale_data_is_called_stale(staging: Staging) -> None:
    async with staging(snapshots.busy(), attached=True) as stage:
        stage.source.connected, stage.source.stale_since = False, snapshots.NOW - 12
        await stage.settle()
        assert "STALE 0:12" in stage.text and "ATTACHED" in stage.text


@pytest.mark.parametrize(
    "size",
    [(1, 1), (10, 3), (24, 6), (40, 10), (63, 17), (64, 18), (80, 24), (100, 30), (149, 50), (150, 30), (250, 70)],
)
async def test_no_size_breaks_the_screen(staging: Staging, size: tuple[int, int]) -> None:
    async with staging(snapshots.hostile(), size=size) as stage:
        assert all(is_harmless(line) for line in stage.text.split("\n"))
        assert "cannot be drawn" not in stage.text
        if size[0] >= 24 and size[1] >= 6:
            assert "DEGR" in stage.text


async def test_resizing_rearranges(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        for size, panes in (((40, 10), 1), ((200, 60), 5), ((20, 4), 0), ((80, 24), 5)):
            await stage.pilot.resize_terminal(*size)
            await stage.settle()
            shown = [pane for pane in stage.app.dashboard.panes if pane.region.area]
            assert len(shown) == panes, size


async def test_a_small_screen_shows_one_pane_and_tab_the_next(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(40, 10)) as stage:
        assert "Requests" in stage.text and "RUNNING" in stage.text
        await stage.press("tab")
        assert "Tiers" in stage.text and "Requests" not in stage.text


async def test_an_update_paints_only_the_rows_that_changed(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        before = {pane.id: pane.rows_painted for pane in stage.app.dashboard.panes}
        await stage.settle()
        assert {pane.id: pane.rows_painted for pane in stage.app.dashboard.panes} == before
        rows = snapshots.busy().requests
        changed = (rows[0], replace(rows[1], cost_microusd=77), *rows[2:])
        stage.source.current = replace(snapshots.busy(), requests=changed)
        await stage.settle()
        after = {pane.id: pane.rows_painted - before[pane.id] for pane in stage.app.dashboard.panes}
        assert after == {"requests": 1, "tiers": 0, "cache": 0, "spend": 0, "local": 0}


async def test_a_view_that_fails_does_not_end_the_app(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staging(snapshots.busy()) as stage:
        monkeypatch.setattr(stage.app.dashboard.panes[1], "draw", lambda *_: 1 / 0)
        await stage.settle()
        assert "cannot be drawn: ZeroDivisionError" in stage.text and stage.app.is_running


async def test_no_color_draws_everything(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with staging(snapshots.busy()) as stage:
        assert "RUNNING" in stage.text and "within the limits" in stage.text


async def test_the_screen_waits_for_a_gateway_that_is_not_there_yet(staging: Staging) -> None:
    async with staging(None, attached=True) as stage:
        stage.source.status = "nothing listens at 127.0.0.1:8000"
        await stage.settle()
        assert "CONNECTING" in stage.text and "nothing listens" in stage.text
        stage.source.current = snapshots.busy()
        await stage.settle()
        assert "RUNNING" in stage.text


async def test_the_screen_draws_by_itself(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.current = snapshots.killed()
        await stage.until(lambda: "KILLED" in stage.text and "kill_switch" in stage.text)
