"""The routing, log and settings screens: every key, typed into the app, and their lists as functions of values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.log_entries import LogEntry, LogPage
from gateway_core.model import CommandResult
from gateway_core.setting_values import SettingsReport
from llmgw_tui.keymap import Keys
from llmgw_tui.panes.log import log_entry_lines, log_list, log_summary, shown_of
from llmgw_tui.panes.routing import (
    counts_list,
    decisions_list,
    lineup_list,
    routing_summary,
)
from llmgw_tui.panes.routing_details import place_lines, trial_lines
from llmgw_tui.panes.settings import setting_lines, settings_list, settings_rows, settings_summary
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.log import LogEntryScreen, LogScreen
from llmgw_tui.screens.questions import Ask, Choose
from llmgw_tui.screens.routing import LineupPlaceScreen, RoutingScreen, TrialScreen
from llmgw_tui.screens.settings import GatewayKeyScreen, SettingScreen, SettingsScreen
from tests.fakes import details, inside_values, snapshots
from tests.tui.conftest import Stage, Staging
from tests.tui.drawn import LOOK
from tests.tui.test_cache_screen import _on_dashboard, press
from tests.tui.test_text import is_harmless

SIZES = [(10, 3), (24, 6), (40, 10), (80, 24), (120, 40), (200, 60)]


def _row(stage: Stage, words: str) -> str:
    return next((line for line in stage.text.split("\n") if words in line), "")


# --- the log -----------------------------------------------------------------------------------------------------


async def test_g_shows_what_happened_newest_first(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "g")
        assert isinstance(stage.app.screen, LogScreen)
        assert stage.text.index("answers again") < stage.text.index("llmgw 0.1.0 started")
        assert "x 42" in _row(stage, "wrong key") and _row(stage, "wrong key").startswith(" W ")
        assert "1 error" in stage.text and "9 entries, info and above" in stage.text
        await press(stage, "g")
        assert _on_dashboard(stage)


async def test_v_goes_through_the_levels_and_back(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        seen = []
        await press(stage, "g")
        for _ in range(4):
            await press(stage, "v")
            seen.append(stage.text.split("\n")[1].partition(", ")[2].partition("  ")[0])
        assert seen == [
            "warning and above",
            "error and above",
            "all levels",
            "info and above",
        ]
        await press(stage, "v", "v")
        assert "no space left" in stage.text and "wrong key" not in stage.text and "(hidden)" in stage.text


async def test_slash_filters_the_log_and_enter_shows_one_entry_whole(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "g", "slash", *"wrong key", "enter")
        assert "1 entry" in stage.text and "started" not in stage.text
        await press(stage, "enter")
        assert isinstance(stage.app.screen, LogEntryScreen)
        assert "42, first at" in stage.text and "Refused: a wrong key, from 127.0.0.1." in stage.text
        await press(stage, "y", "escape", "escape")
        assert stage.app.clipboard == "Refused: a wrong key, from 127.0.0.1."
        assert "9 entries" in stage.text


async def test_space_holds_the_log_still_and_follows_again(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "g", "space")
        new = replace(inside_values.log_entries()[0], id=90, key=90, text="something new")
        stage.source.logged = (new, *stage.source.logged)
        await press(stage, "ctrl+r")
        assert "paused, 1 new" in stage.text and "something new" not in stage.text and "follow" in stage.text
        await press(stage, "space")
        assert "something new" in stage.text and "paused" not in stage.text


async def test_the_cursor_stays_on_its_entry_while_others_come(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "g", "down", "down")
        screen = stage.app.screen
        assert isinstance(screen, LogScreen) and screen.selected is not None
        before = screen.selected.key
        new = replace(inside_values.log_entries()[0], id=90, key=90, text="something new")
        stage.source.logged = (new, *stage.source.logged)
        await press(stage, "ctrl+r")
        assert screen.selected.key == before and screen.rows.cursor == 3


async def test_only_what_is_new_is_asked_for_and_another_gateway_from_the_start(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staging(snapshots.busy()) as stage:
        asked: list[int] = []
        real = stage.source.log

        async def log(level: str = "", query: str = "", after: int = 0) -> LogPage:
            asked.append(after)
            return await real(level, query, after)

        monkeypatch.setattr(stage.source, "log", log)
        await press(stage, "g", "ctrl+r")
        assert asked == [0, 9]
        stage.source.logged = inside_values.log_entries(3)
        await press(stage, "ctrl+r")
        assert asked == [0, 9, 9, 0] and "3 entries" in stage.text


def test_what_is_said_again_moves_up_and_is_there_once() -> None:
    before = inside_values.log_entries(5)
    again = replace(before[3], id=77, count=4)
    assert shown_of(LogPage((again,), 77), before) == (again, *(one for one in before if one.key != again.key))


async def test_thousands_of_entries_make_only_the_rows_in_sight(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.logged = inside_values.log_entries(2_000)
        await press(stage, "g", "end")
        screen = stage.app.screen
        assert isinstance(screen, LogScreen) and "2,000 entries" in stage.text and "started" in stage.text
        painted = screen.rows.rows_painted
        await press(stage, *["up"] * 5)
        assert screen.rows.rows_painted - painted <= 5 * 6, "a move of the cursor paints its two rows"


# --- the settings ------------------------------------------------------------------------------------------------


async def test_comma_shows_the_settings_in_groups_with_marks(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "comma")
        assert isinstance(stage.app.screen, SettingsScreen)
        assert "- Where it listens" in stage.text and "● not" not in stage.text
        assert _row(stage, "LLMGW_PORT").startswith("   R ") and _row(stage, "LLMGW_DATA_DIR").startswith(" ● R ")
        await press(stage, "slash", *"daily_budget", "enter")
        hard = _row(stage, "DAILY_BUDGET_HARD")
        assert "20" in hard and "operator" in hard and "you at 13:03, while" in hard
        assert "FORCED TIER" not in stage.text and "/daily_budget" in stage.text


async def test_no_secret_is_on_the_settings_screens(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(200, 60)) as stage:
        await press(stage, "comma", "slash", *"key", "enter")
        shown = stage.text
        await press(stage, "down", "down", "enter", "y")
        for text in (shown, stage.text, stage.app.clipboard):
            for secret in ("hunter22", "a-secret-that", "gsk_nobody"):
                assert secret not in text
        assert "ends in …77c2" in shown


async def test_the_gateways_key_is_shown_and_copied_only_when_that_is_asked(staging: Staging, tmp_path: Path) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app.folder, key = tmp_path, stage.source.gateway_key
        await press(stage, "comma", "slash", *"gateway_secret", "enter", "down", "enter")
        assert isinstance(stage.app.screen, GatewayKeyScreen)
        assert "hidden" in stage.text and "v show the key" in stage.text and key not in stage.text
        await press(stage, "v")
        assert key in stage.text and "v hide the key" in stage.text
        await press(stage, "y")
        assert key not in stage.app.clipboard
        await press(stage, "Y")
        assert stage.app.clipboard == key and key not in (tmp_path / "clipboard.txt").read_text()
        await press(stage, "v")
        assert key not in stage.text
        await press(stage, "v", "question_mark", "escape")
        assert isinstance(stage.app.screen, GatewayKeyScreen) and key not in stage.text, "left and come back"
        await press(stage, "v")
        stage.app.screen._until = 0.0
        await stage.settle()
        assert key not in stage.text, "its time is over"
        stage.source.gateway_key = ""
        for asked in ("v", "Y"):
            await press(stage, asked)
            assert "not known here" in stage.toasts[-1]


async def test_enter_folds_a_group_or_explains_a_setting_with_its_line(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "comma", "enter")
        assert "+ Set by you" in stage.text and "FORCED TIER" not in stage.text
        await press(stage, "enter", "slash", *"rate_limit_rpm", "enter", "down", "enter")
        assert isinstance(stage.app.screen, SettingScreen)
        for words in (
            "in force     120",
            "default      60",
            "a whole number from 0",
            "rate_limit_rpm: 120",
            "takes effect",
        ):
            assert words in stage.text
        await press(stage, "y")
        assert stage.app.clipboard == "rate_limit_rpm: 120"


async def test_u_takes_back_what_the_operator_set_and_nothing_else(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        forced = replace(
            next(one for one in stage.source.known_settings.settings if one.name == "FORCED TIER"),
            value="cheap",
            source="operator",
        )
        report = stage.source.known_settings
        stage.source.known_settings = replace(report, settings=(forced, *report.settings[1:]))
        await press(stage, "comma", "down", "u")
        assert stage.ran == [("force_tier", {"tier": "auto"})]
        await press(stage, "slash", *"rate_limit_rpm", "enter", "down", "u")
        assert len(stage.ran) == 1 and "nothing to undo" in stage.toasts[-1]
        await press(stage, "escape", "slash", *"budget_hard", "enter", "down", "u")
        assert len(stage.ran) == 1 and "set_budget" in stage.toasts[-1]
        await press(stage, "R")
        assert stage.ran[-1] == ("reload", {})


async def test_what_is_wrong_with_the_configuration_stands_on_top(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        told = replace(stage.source.known_settings, problems=("config.yaml line 3: prot (did you mean port?) is none",))
        stage.source.known_settings = told
        await press(stage, "comma")
        assert "did you mean port?" in stage.text.split("\n")[4]
        stage.source.problem = "The gateway does not answer."
        await press(stage, "ctrl+r")
        assert "does not answer" in stage.text


# --- the router --------------------------------------------------------------------------------------------------


async def test_t_shows_the_line_up_and_the_decisions(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "t")
        assert isinstance(stage.app.screen, RoutingScreen)
        groq = _row(stage, "groq/openai/gpt-oss-120b")
        assert groq.startswith(" x C ") and "circuit open 8 s" in groq and "14 %" in groq
        assert _row(stage, "mistral/mistral-small").startswith(" ▸ C ") and "?0.1/0.3" in stage.text
        assert _row(stage, "ANTHROPIC_API_KEY").startswith(" - P ")
        for words in (
            "easy L qwen3:8b",
            "hard nobody",
            "12 fell back",
            "31 moved",
            "judge groq openai/gpt-oss-20b rests",
        ):
            assert words in stage.text
        assert "cache:exact" in stage.text and "24 %" in stage.text and "capital of Ghana" in stage.text
        await press(stage, "t")
        assert _on_dashboard(stage)


async def test_tab_goes_round_and_enter_opens_what_is_under_the_cursor(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "t", "down", "enter")
        assert isinstance(stage.app.screen, LineupPlaceScreen)
        for words in ("circuit open 8 s", "9 of 64 tries", "overloaded", "p50 420ms", "131,072 tokens"):
            assert words in stage.text
        await press(stage, "escape", "tab")
        row = replace(snapshots.busy().requests[1], id="req_0000")
        stage.source.details["req_0000"] = details.detail(row)
        await press(stage, "y", "enter")
        assert isinstance(stage.app.screen, DetailScreen) and stage.app.clipboard == "req_0000"
        await press(stage, "escape", "tab", "enter")
        assert isinstance(stage.app.screen, RoutingScreen) and stage.toasts[-1] == "There is nothing to open here."
        await press(stage, "tab", "shift+tab")
        assert "[routes]" in stage.text


async def test_i_asks_for_a_prompt_and_shows_where_it_would_go(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "t", "i")
        assert isinstance(stage.app.screen, Ask)
        await press(stage, *"Design it", "enter")
        assert isinstance(stage.app.screen, TrialScreen) and stage.source.tried == ["Design it"]
        for words in ("Design it", "anthropic/claude-sonnet-5-5", "$0.123", "reasoning +0.22", "1.           groq/"):
            assert words in stage.text
        assert stage.ran == []
        await press(stage, "escape", "i", "escape")
        assert stage.source.tried == ["Design it"]


async def test_a_has_the_provider_under_the_cursor_called_again(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "t", "down", "a")
        assert stage.ran == [("retry_provider", {"provider": "groq"})]
        await press(stage, "tab", "a")
        assert isinstance(stage.app.screen, Choose)
        await press(stage, "enter")
        assert stage.ran[-1] == ("retry_provider", {"provider": "groq"}) and len(stage.ran) == 2
        stage.source.routed = replace(stage.source.routed, lineup=())
        await press(stage, "ctrl+r", "a")
        assert "No provider is paused" in stage.toasts[-1]


async def test_slash_searches_the_decisions(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "t", "slash", *"ghana", "enter")
        assert "Compare both" not in stage.text and "capital of Ghana" in stage.text and "[decisions]" in stage.text
        await press(stage, "escape")
        assert "Compare both" in stage.text


async def test_a_cached_answer_is_marked_wrong_from_the_decisions(staging: Staging) -> None:
    async with staging(snapshots.busy(), keys=Keys({"mark_wrong": "f5"})) as stage:
        await press(stage, "t", "tab", "down", "down", "down", "f5")
        assert stage.ran == [("mark_wrong", {"request_id": "req_0003"})]


# --- all of them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["g", "comma", "t"])
async def test_no_size_no_text_and_no_key_breaks_them(staging: Staging, key: str, size: tuple[int, int]) -> None:
    evil = snapshots.EVIL
    async with staging(snapshots.hostile(), size=size) as stage:
        source = stage.source
        source.logged = tuple(replace(one, text=evil, source=evil) for one in source.logged)
        source.routed = replace(
            source.routed,
            problem=evil,
            lineup=tuple(replace(one, model=evil, last_error=evil, obstacle=evil) for one in source.routed.lineup),
            decisions=tuple(replace(one, preview=evil, route=evil, target=evil) for one in source.routed.decisions),
        )
        source.known_settings = replace(
            source.known_settings,
            problems=(evil,),
            settings=tuple(
                replace(one, value=evil, where=evil, waiting=evil) for one in source.known_settings.settings
            ),
        )
        for keys in ((key,), ("down", "enter"), ("escape", "tab"), ("end", "enter"), ("escape", "home", "pagedown")):
            await press(stage, *keys)
            assert all(is_harmless(line) for line in stage.text.split("\n")), keys


@pytest.mark.parametrize("key", ["g", "comma", "t"])
async def test_nothing_at_all_is_said_and_no_key_breaks_it(staging: Staging, key: str) -> None:
    async with staging(None) as stage:
        source = stage.source
        source.logged, source.known_settings = (), SettingsReport()
        source.routed = replace(source.routed, lineup=(), decisions=(), routes=(), lanes=(), pinned=(), trials=())
        await press(stage, key, "enter", "escape", "tab", "end", "enter", "y", "u", "a", "v", "space", "ctrl+r")
        assert stage.app.is_running


@pytest.mark.parametrize("key", ["g", "comma", "t"])
async def test_a_problem_is_told_on_the_screen(staging: Staging, key: str) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.problem = "The gateway does not answer."
        await press(stage, key)
        assert "The gateway does not answer." in stage.text


async def test_a_read_only_gateways_refusal_is_said(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.answer = CommandResult(False, "llmgw runs read-only: nothing was changed.")
        await press(stage, "t", "a")
        assert stage.toasts[-1] == "llmgw runs read-only: nothing was changed."


def test_a_place_tells_how_its_model_counts_whether_it_is_in_memory_and_how_long_it_takes() -> None:
    local, _, unmeasured, _ = inside_values.routing().lineup
    text = " ".join(" ".join(strip.text.split()) for strip in place_lines(local, LOOK, 100))
    for said in (
        "JSON to a schema yes",
        "1.12 prompt tokens for each that is estimated",
        "no, loads in about 12.4s",
        "loading it would push out qwen3:14b, used 40 s ago",
        "about 14.2s to the whole answer",
        "about 2m11s for its first turn",
    ):
        assert said in text, text
    text = " ".join(strip.text for strip in place_lines(unmeasured, LOOK, 100))
    assert not any(word in text for word in ("in memory", "counts", "OpenClaw", "schema"))


@settings(max_examples=40, deadline=None)
@given(st.text(), st.integers(min_value=8, max_value=210), st.integers(min_value=1, max_value=12))
def test_any_text_makes_harmless_lines_of_the_right_width(text: str, width: int, height: int) -> None:
    entry = LogEntry(1, 1, snapshots.NOW, "warning", text, text, 3, snapshots.NOW)
    routed = inside_values.routing()
    place = replace(routed.lineup[1], model=text, last_error=text, obstacle=text, pushes_out=text)
    decision = replace(routed.decisions[0], preview=text, route=text, reasons=(text,))
    report = inside_values.settings()
    setting = replace(report.settings[4], value=text, where=text, explanation=text, line=text, details=(text,))
    told = replace(report, settings=(setting,), problems=(text,))
    rows = settings_rows(told, "", ())
    pinned = replace(routed, pinned=(replace(routed.pinned[0], session=text, target=text),))
    for lines in (
        log_list((entry,), text, LOOK, width).lines(0, 0, height),
        log_entry_lines(entry, LOOK, width),
        log_summary(inside_values.counts((entry,)), "warning", LOOK, width),
        lineup_list(replace(routed, lineup=(place,), problem=text), LOOK, width).lines(0, 0, height),
        decisions_list(routed, (decision,), LOOK, width).lines(0, 0, height),
        counts_list(pinned, LOOK, width).lines(1, 0, 40),
        routing_summary(routed, LOOK, width),
        trial_lines(replace(inside_values.trial(text), problem=text), LOOK, width),
        place_lines(place, LOOK, width),
        settings_list(rows, told, (), LOOK, width).lines(1, 0, height),
        settings_summary(told, LOOK, width),
        setting_lines(setting, LOOK, width),
    ):
        assert all(strip.cell_length == width and is_harmless(strip.text) for strip in lines)
