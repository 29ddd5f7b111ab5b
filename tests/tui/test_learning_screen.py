"""What a person says of answers, and what they see of the learning: thumbs, choices, labels and versions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.learning_values import LearningStatus, Trial
from gateway_core.model import CommandResult, Status
from gateway_core.replay_values import ReplayProgress
from llmgw_tui.screens.compare import CompareScreen
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.learned import HeadVersionScreen
from llmgw_tui.screens.routing import LEARNING, RoutingScreen
from tests.fakes import details, inside_values, snapshots
from tests.tui.conftest import Stage, Staging

UP, DOWN, CLEAR = ({"verdict": verdict} for verdict in ("up", "down", "clear"))


@pytest.mark.parametrize("way", ["", "r", "t tab", "enter"], ids=["dashboard", "requests", "decisions", "detail"])
async def test_a_thumb_is_given_changed_and_taken_back_by_the_same_key(staging: Staging, way: str) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("down", "down", *way.split())
        request_id = stage.app.judged[0]
        await stage.press("plus")
        good = stage.app.judged
        await stage.press("minus")
        bad = stage.app.judged
        await stage.press("minus")
    assert good == (request_id, "up") and bad == (request_id, "down") and request_id
    assert stage.ran == [("label_request", {"request_id": request_id, **verdict}) for verdict in (UP, DOWN, CLEAR)]


async def test_a_thumb_is_seen_in_the_list_and_in_the_request(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("r", "down", "down", "plus")
        words = snapshots.busy().requests[2].preview[:12]
        assert f"+ {words}" in stage.text
        await stage.press("enter")
        assert "+ good enough" in stage.text
        await stage.press("minus")
        assert "- not good enough" in stage.text
        await stage.press("minus")
        assert "not good enough" not in stage.text


async def test_what_cannot_be_judged_says_why_and_gets_no_mark(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.answer = CommandResult(False, "A cache gave that answer.")
        await stage.press("r", "plus")
        assert stage.app.judged[1] == "" and "A cache gave that answer." in str(list(stage.app._notifications))
    async with staging(snapshots.empty()) as stage:
        await stage.press("r", "plus")
        assert not stage.ran and "Choose a request" in str(list(stage.app._notifications))


@pytest.mark.parametrize(
    ("key", "better"), [("less_than_sign", "first"), ("greater_than_sign", "second"), ("equals_sign", "same")]
)
async def test_a_key_chooses_the_better_of_two_answers(staging: Staging, key: str, better: str) -> None:
    first = details.detail()
    again = replace(first, row=replace(first.row, id="req_again", replay_of=first.row.id))
    async with staging(snapshots.busy(), size=(80, 24)) as stage:
        stage.source.details["req_again"] = again
        await stage.app.push_screen(CompareScreen(first, "req_again"))
        await stage.settle()
        assert "< first better" in stage.text and "> second better" in stage.text and "= as good" in stage.text
        await stage.press(key)
    assert stage.ran == [("choose_answer", {"first": first.row.id, "second": "req_again", "better": better})]


async def test_no_answer_is_chosen_before_both_are_there(staging: Staging) -> None:
    first = details.detail()
    async with staging(snapshots.busy()) as stage:
        stage.source.details["req_again"] = replace(
            first, row=replace(first.row, id="req_again", status=Status.RUNNING)
        )
        stage.source.progress = ReplayProgress("req_again", first.row.id, "The Dan")
        await stage.app.push_screen(CompareScreen(first, "req_again"))
        await stage.settle()
        await stage.press("equals_sign")
        assert not stage.ran and "not there yet" in str(list(stage.app._notifications))


async def on_learning(stage: Stage) -> RoutingScreen:
    await stage.press("t", "shift+tab")
    assert isinstance(screen := stage.app.screen, RoutingScreen) and screen.showing == LEARNING
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_what_is_in_force_is_said_with_what_waits_and_what_was_said(
    staging: Staging, size: tuple[int, int]
) -> None:
    async with staging(snapshots.busy(), size=size) as stage:
        await on_learning(stage)
        assert "version 2 decides, learned from 41 labels; learns again 6 labels later" in stage.text
        assert "right 11/14, 9 before" in stage.text and "10 of 12 were good" in stage.text
        assert "64 labels: 40 import, 14 thumb" in stage.text and "\x1b" not in stage.text


async def test_keys_learn_now_and_go_back_without_asking(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_learning(stage)
        await stage.press("f", "u")
    assert stage.ran == [("refit_router", {}), ("revert_router", {})]


async def test_a_version_is_opened_with_its_figures(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await on_learning(stage)
        await stage.press("down", "down", "enter")
        assert isinstance(stage.app.screen, HeadVersionScreen)
        assert "11 of 14" in stage.text and "35 %" in stage.text and "decides now" in stage.text
        await stage.app.push_screen(HeadVersionScreen(replace(inside_values.learning().versions[0], trial=Trial())))
        await stage.settle()
        assert "not taken up" in stage.text and "no label yet" in stage.text


async def test_a_sample_and_a_label_are_judged_and_opened_and_an_import_is_neither(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        screen = await on_learning(stage)
        await stage.press("down", "down", "down", "down", "down", "plus")
        await stage.press("down", "down", "down", "minus")
        rows = screen.lists[LEARNING]
        rows.action_move(100)
        await stage.press("plus", "enter")
        assert "imported: there is no request" in str(list(stage.app._notifications))
        rows.action_move(-6)
        stage.source.details["req_0000"] = details.detail()
        await stage.press("enter")
        assert isinstance(stage.app.screen, DetailScreen)
    judged = [
        (arguments["request_id"], arguments["verdict"]) for name, arguments in stage.ran if name == "label_request"
    ]
    assert judged == [("req_0001", "up"), ("req_0000", "clear")], "what was said is taken back by the same key"


async def test_the_cursor_stays_on_its_row_when_others_come(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("t", "tab", "down", "down")
        screen = stage.app.screen
        assert isinstance(screen, RoutingScreen)
        chosen = screen.selected
        newer = replace(stage.source.routed.decisions[0], id="req_newer", preview="Just now")
        stage.source.routed = replace(stage.source.routed, decisions=(newer, *stage.source.routed.decisions))
        await stage.press("ctrl+r")
        assert screen.selected == chosen and screen.lists["decisions"].cursor == 3


async def test_with_nothing_learned_it_says_how_to_begin(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(80, 24)) as stage:
        stage.source.learned = LearningStatus(until_refit=10)
        await on_learning(stage)
        assert "Nothing is learned yet. + and -" in stage.text
        stage.source.learned = LearningStatus(on=False, labels=3, sources=(("thumb", 3),))
        await stage.press("ctrl+r")
        assert "ROUTER_LEARNING is off" in stage.text
        stage.source.learned = LearningStatus(problem="the disk is full")
        await stage.press("ctrl+r")
        assert "the disk is full" in stage.text
