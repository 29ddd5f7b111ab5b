"""The what-if screen: the slider by keys and mouse, other policies, days and chart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.model import Tier
from gateway_core.whatif_values import Outcome, Policy
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.what_if import outcome_lines, slider_view
from llmgw_tui.screens.what_if import WhatIfScreen
from llmgw_tui.what_if_words import command_of, cost_words, limit_words, notes, policy_words
from llmgw_tui.widgets.slider import Slider
from tests.fakes import snapshots, what_ifs
from tests.tui.conftest import Stage, Staging


def screen_of(stage: Stage) -> WhatIfScreen:
    screen = stage.app.screen
    assert isinstance(screen, WhatIfScreen)
    return screen


def text_of(outcome: Outcome, width: int = 200) -> str:
    return "\n".join(strip.text for strip in outcome_lines(outcome, Look(snapshots.NOW), width))


async def test_it_opens_as_it_was_and_the_key_goes_back(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W")
        for words in ("[30 days]", "as it was", "$40.72 -> $40.72", "0 of 1,200 requests", "14.2 %"):
            assert words in stage.text, words
        await stage.press("W")
        assert stage.app.screen is stage.app.dashboard


async def test_the_arrows_move_the_share_and_the_thresholds_follow(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W", "right")
        assert screen_of(stage).policy.premium_share == 0.15
        await stage.press("shift+right", "shift+right", "left")
        assert screen_of(stage).policy.premium_share == 0.34
        found = screen_of(stage).found
        assert found is not None and found.policy.premium_share == 0.34
        assert f"hard from {found.then.hard_from:.2f}" in stage.text and "premium for the hardest 34 %" in stage.text
        await stage.press(*["shift+left"] * 5)
        assert screen_of(stage).policy.premium_share == 0.0
        await stage.press("left")
        assert "there is no further" in stage.toasts[-1]


async def test_the_mouse_puts_the_slider_anywhere_and_drags_it(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W")
        slider = stage.app.screen.query_one(Slider)
        await stage.pilot.mouse_down(slider, offset=(slider.left, 0))
        await stage.settle()
        assert screen_of(stage).policy.premium_share == 0.0
        await stage.pilot.hover(slider, offset=(slider.left + slider.room - 1, 0))
        await stage.settle()
        assert screen_of(stage).policy.premium_share == 1.0
        await stage.pilot.mouse_up(slider, offset=(slider.left + slider.room - 1, 0))
        await stage.pilot.hover(slider, offset=(slider.left + 5, 0))
        await stage.settle()
        assert screen_of(stage).policy.premium_share == 1.0, "it was let go"


async def test_all_goes_to_a_tier_and_a_share_takes_that_back(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W")
        for tier in (Tier.PREMIUM, Tier.CHEAP, Tier.LOCAL, None):
            await stage.press("a")
            assert screen_of(stage).policy.all_to is tier
        await stage.press("a", "right")
        policy = screen_of(stage).policy
        assert policy.all_to is None and policy.premium_share is not None


async def test_caches_are_switched_off_and_all_of_it_is_undone(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W", "o", "O")
        assert "answer caches off, prompt caching off" in stage.text
        await stage.press("u")
        assert screen_of(stage).policy == Policy() and "as it was" in stage.text


async def test_another_local_model_is_chosen_or_given_with_its_context(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W", "n", "down", "down", "down", "enter")
        assert screen_of(stage).policy.local_model == "llama3.2:3b" and "do not fit local/llama3.2:3b" in _all(stage)
        await stage.press("n", "end", "enter", *"big@", "enter")
        assert "local_model is NAME or NAME@TOKENS" in stage.toasts[-1]
        await stage.press("n", "end", "enter", *"big@4096", "enter")
        assert screen_of(stage).policy.local_context_tokens == 4096 and "big (4k context)" in stage.text
        await stage.press("n", "end", "enter", *"big", "enter")
        assert "give it as big@TOKENS" in stage.text
        await stage.press("n", "enter")
        assert screen_of(stage).policy.local_model == ""


async def test_days_and_chart_are_turned_and_remembered(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W", "tab")
        assert "[90 days]" in stage.text and stage.source.policies[-1][0].days == 90
        await stage.press("shift+tab", "shift+tab", "v")
        assert "[7 days]" in stage.text and "dollars per day (UTC), as it was" in stage.text
        assert stage.app.remembered.get("what_if.period", "") == "7d"


async def test_reading_again_reads_the_log_anew_and_a_problem_is_said(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W", "right")
        assert [anew for _, anew in stage.source.policies] == [False, False]
        stage.source.would_be = Outcome(Policy(), problem="The disk fails.")
        await stage.press("ctrl+r")
        assert stage.source.policies[-1][1] is True and "The disk fails." in stage.text
        stage.source.would_be = Outcome(Policy(), "2026-11-01", "2026-11-23")
        await stage.press("ctrl+r")
        assert "No answered requests from 2026-11-01 to 2026-11-23." in stage.text


async def test_the_command_that_shows_the_same_is_copied(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("W", "right", "o")
        text, _ = screen_of(stage).copied_text()
        assert text == "llmgw what-if --days 30 --premium-share 15 --cache off"
    odd = Policy(7, local_model="a b; rm", local_context_tokens=9, all_to=Tier.CHEAP, prompt_cache=False)
    assert command_of(odd) == "llmgw what-if --days 7 --all-cheap --local-model 'a b; rm@9' --prompt-cache off"


@pytest.mark.parametrize("width", [1, 2, 12, 20, 40, 80, 200])
@pytest.mark.parametrize("share", [None, 0.0, 0.5, 1.0])
def test_the_slider_is_as_wide_as_its_screen(width: int, share: float | None) -> None:
    strips, left, room = slider_view(Policy(premium_share=share), None, Look(snapshots.NOW), width)
    assert all(strip.cell_length == width for strip in strips) and room >= 1 and left + room <= max(width, left + 1)


def test_foreign_names_reach_no_terminal_uncleaned() -> None:
    made = what_ifs.outcome(Policy())
    evil = "\x1b]2;gone\x07[red]x"
    tiers = tuple(replace(tier, model=evil) for tier in made.tiers)
    local = replace(made.local, model=evil, too_long=2, answers=1)
    shown = replace(made, tiers=tiers, local=local, guessed=(evil,), policy=Policy(local_model=evil))
    assert "\x1b" not in text_of(shown) + policy_words(shown.policy) + "".join(notes(shown))
    assert "\x1b" not in text_of(Outcome(Policy(), problem=evil))


def test_words_for_costs_limits_and_what_is_left_out() -> None:
    made = what_ifs.outcome(Policy(days=90, all_to=Tier.PREMIUM))
    assert cost_words(made).startswith("$122.34 -> $471.79 (+$349.45, +286 %), between $")
    assert limit_words(made) == ("highest day $3.20 -> $6.99; hard limit $6 reached on 13 days, 15 requests refused")
    assert limit_words(replace(made, hard_limit_microusd=0)).endswith("there is no hard limit")
    assert any("19 had tokens that nobody counted" in note for note in notes(made))
    assert any("7 requests were not answered" in note for note in notes(made))


def _all(stage: Stage) -> str:
    found = screen_of(stage).found
    assert found is not None
    return text_of(found)
