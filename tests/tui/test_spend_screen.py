"""The spend screen: periods, groups, limits, CSV, by typing keys."""

from __future__ import annotations

import csv
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.model import DailyLimits, SpendReport, SpendRow
from gateway_core.spend_csv import csv_text
from gateway_core.spend_values import BY
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.spending import requests_filter, spend_chart, spend_rows
from llmgw_tui.screens.questions import Ask, Confirm
from llmgw_tui.screens.spend import ORDER, SpendScreen
from llmgw_tui.widgets import chart
from tests.fakes import snapshots, spent
from tests.tui.conftest import Stage, Staging


def screen_of(stage: Stage) -> SpendScreen:
    screen = stage.app.screen
    assert isinstance(screen, SpendScreen)
    return screen


async def test_it_opens_on_today_by_tier_with_chart_total_limits_and_forecast(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("dollar_sign")
        text = stage.text
        assert "[today]" in text and "by tier" in text
        for words in ("$3.42 today (UTC)", "H hard $50", "about $5.76 by midnight UTC ($4.01 to $7.24)", "$88.40 this"):
            assert words in text, words
        assert "soft limit at about 19:24" in text and "dollars per hour, UTC" in text
        total = next(line for line in text.split("\n") if line.startswith(" total"))
        assert "$3.42" in total
        premium = next(line for line in text.split("\n") if line.startswith(" premium"))
        assert "88 %" in premium and "$3.01" in premium and "━━" in premium
        await stage.press("dollar_sign")
        assert stage.app.screen is stage.app.dashboard


async def test_tab_and_arrows_turn_the_period_and_o_what_it_goes_by(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("dollar_sign")
        for key, name in (("tab", "7 days"), ("right", "30 days"), ("tab", "this month"), ("left", "30 days")):
            await stage.press(key)
            assert f"[{name}]" in stage.text
        assert "dollars per day (UTC)" in stage.text and "far above: M $15, H $50" in stage.text
        for by in ORDER[1:]:
            await stage.press("o")
            assert f"by {by}" in stage.text and stage.source.spend_looks[-1] == ("30d", by)
        await stage.press("o")
        assert "by tier" in stage.text


async def test_impossible_limits_are_refused_without_a_question(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("dollar_sign")
        for typed, said in (
            ("90 15 50", "soft <= medium <= hard"),
            ("60 0 50", "soft <= medium <= hard"),
            ("-1 15 50", "between 0 and 100,000"),
            ("5 15 1e9", "between 0 and 100,000"),
        ):
            await stage.press("a", "ctrl+u", *typed, "enter")
            assert isinstance(stage.app.screen, SpendScreen), typed
            assert said in stage.toasts[-1] and "Nothing was changed" in stage.toasts[-1], typed
        assert not stage.ran


async def test_limits_are_lowered_at_once_and_raising_any_asks(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("dollar_sign", "a")
        assert isinstance(stage.app.screen, Ask) and "5 15 50" in stage.text
        await stage.press("ctrl+u", *"2 10 40", "enter")
        assert stage.ran == [("set_budget", {"soft": 2.0, "medium": 10.0, "hard": 40.0})]
        for typed in ("6 15 50", "5 16 50", "5 15 51", "0 15 50", "5 0 50", "5 15 0"):
            await stage.press("a", "ctrl+u", *typed, "enter")
            assert isinstance(stage.app.screen, Confirm), typed
            await stage.press("a", "n")
        assert len(stage.ran) == 1
        await stage.press("a", "ctrl+u", *"6 0 50", "enter")
        asked = stage.app.screen
        assert isinstance(asked, Confirm) and "soft from $5 to $6, medium from $15 to off" in asked.question
        await stage.press("y")
        assert stage.ran[-1] == ("set_budget", {"soft": 6.0, "medium": 0.0, "hard": 50.0})
        await stage.press("a", "ctrl+u", *"much", "enter")
        assert stage.toasts[-1] == "Give three or four numbers, for example: 5 15 50 0.5"


async def test_the_backgrounds_limit_is_moved_with_the_others(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("dollar_sign", "a")
        assert "5 15 50 0.5" in stage.text and "background" in stage.text
        await stage.press("ctrl+u", *"5 15 50 0.2", "enter")
        assert stage.ran[-1] == ("set_budget", {"soft": 5.0, "medium": 15.0, "hard": 50.0, "background": 0.2})
        await stage.press("a", "ctrl+u", *"5 15 50 0", "enter")
        assert isinstance(stage.app.screen, Confirm) and "background from $0.50 to off" in stage.app.screen.question
        await stage.press("n", "a", "ctrl+u", *"0.1 0.2 0.3 0.5", "enter")
        assert stage.ran[-1] == ("set_budget", {"soft": 0.1, "medium": 0.2, "hard": 0.3}), (
            "it goes down with the hard one"
        )
        await stage.press("a", "ctrl+u", *"5 15 50 51", "enter")
        assert "inside the hard one" in stage.toasts[-1] and len(stage.ran) == 2


async def test_limits_of_ones_own_are_told_with_the_configured_ones(staging: Staging) -> None:
    mine = replace(snapshots.busy(), configured_limits=DailyLimits(1_000_000, 2_000_000, 3_000_000))
    async with staging(mine, size=(200, 60)) as stage:
        await stage.press("dollar_sign")
        assert "yours, kept over restarts; configured $1 $2 $3 off" in stage.text
        await stage.press("a")
        assert "configured: 1 2 3 0" in " ".join(stage.text.split())


async def test_x_writes_a_private_csv_and_says_where(staging: Staging, tmp_path: Path) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("dollar_sign", "x")
        assert "Exports have no folder" in stage.toasts[-1]
        stage.app.folder = tmp_path
        await stage.press("o", "o", "x")
        path = tmp_path / "exports" / "llmgw-spend-2026-11-23-2026-11-23-by-session.csv"
        while len(stage.toasts) < 2:
            await stage.pilot.pause(0.01)
        assert stage.toasts[-1] == f"Written to {path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes().decode() == csv_text(spent.spend_report("today", "session").rows, BY["session"])
    with path.open(newline="") as file:
        assert "'=cmd|' /C calc'!A0" in {row["session"] for row in csv.DictReader(file)}


async def test_what_is_in_the_way_is_said_and_an_empty_period_too(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.spent = SpendReport("today", "tier", problem="The disk fails.")
        await stage.press("dollar_sign")
        assert "The disk fails." in stage.text
        stage.source.spent = SpendReport("today", "tier", "2026-11-23", "2026-11-23")
        await stage.press("ctrl+r")
        assert "No requests in this period." in stage.text
        await stage.press("enter")
        assert stage.toasts[-1] == "There is nothing to open here."


async def test_foreign_names_are_cleaned_and_a_thousand_groups_are_told_of(staging: Staging) -> None:
    rows = tuple(SpendRow(session=f"{snapshots.EVIL}{number}", cost_microusd=10) for number in range(500))
    async with staging(snapshots.busy()) as stage:
        stage.source.spent = SpendReport("today", "session", "2026-11-23", "2026-11-23", rows, left_out=700)
        await stage.press("dollar_sign", "o", "o", "end")
        assert "700 more groups are in the total, and in the CSV" in stage.text
        assert all(character.isprintable() or character == "\n" for character in stage.text)
        assert screen_of(stage).selected == rows[-1]
        await stage.press("y")
        assert "\x1b" not in stage.app.clipboard and stage.app.clipboard.endswith("499")


@pytest.mark.parametrize("size", [(24, 6), (40, 10), (80, 22), (200, 60), (300, 90)])
async def test_any_size_is_drawn(staging: Staging, size: tuple[int, int]) -> None:
    async with staging(snapshots.busy(), size=size) as stage:
        await stage.press("dollar_sign", "tab", "o", "down")
        assert stage.text
        if size[1] >= 10:
            assert "total" in stage.text


@pytest.mark.parametrize(
    ("by", "row", "wanted"),
    [
        ("session", SpendRow(session="agent:main x"), 'session:"agent:main x" since:2026-11-01'),
        ("model", SpendRow(provider="groq", model="llama"), 'model:"llama" since:2026-11-01'),
        ("day", SpendRow(day="2026-11-07"), "at:2026-11-07"),
        ("hour", SpendRow(hour="07"), "since:2026-11-01"),
        ("session", SpendRow(), "since:2026-11-01"),
        ("session", SpendRow(session='a"b'), "since:2026-11-01"),
    ],
)
def test_a_group_has_a_filter_of_its_requests(by: str, row: SpendRow, wanted: str) -> None:
    assert requests_filter(SpendReport("month", by, "2026-11-01", "2026-11-23"), row) == wanted


def test_prompt_cache_writes_that_are_not_repaid_are_told_above_the_groups() -> None:
    report = spent.spend_report()
    for rows, told in ((report.rows, False), ((replace(report.rows[0], saved_by_prompt_cache_microusd=-1),), True)):
        drawn = spend_rows(replace(report, rows=rows), Look(0.0), 120)
        assert any("not yet repaid by reads" in strip.text for strip in drawn.head) is told


def test_the_chart_draws_limits_that_are_near_as_lines_with_their_letter() -> None:
    chart.load()
    report, budget = spent.spend_report("7d"), snapshots.busy().budget
    near = replace(budget, soft_microusd=3_000_000, medium_microusd=0, hard_microusd=50_000_000)
    lines = [strip.text for strip in spend_chart(report, near, Look(snapshots.NOW), 100, 14)]
    assert "far above: H $50" in lines[0]
    (soft,) = (text for text in lines if text.lstrip().startswith("S $3"))
    assert soft.count("─") > 20


def test_a_chart_is_drawn_again_only_for_other_data() -> None:
    chart.load()
    report, budget, look = spent.spend_report("30d"), snapshots.busy().budget, Look(snapshots.NOW)
    first = spend_chart(report, budget, look, 100, 14)
    before = chart._drawn.cache_info()
    assert spend_chart(report, budget, look, 100, 14) == first
    after = chart._drawn.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)
