"""Themes and ASCII on the running control centre, and what survives of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style

from llmgw_tui import theme
from llmgw_tui.painting import Signs
from llmgw_tui.palettes import LIGHT
from llmgw_tui.remembered import Remembered
from llmgw_tui.screen_options import ScreenOptions
from llmgw_tui.setup import Setup, set_up
from tests.fakes import snapshots
from tests.tui.conftest import Stage, Staging

MANY = {"TERM": "xterm-256color"}


def segments(stage: Stage) -> list[Segment]:
    return [segment for strip in stage.app.screen._compositor.render_strips() for segment in strip]


def grounds(stage: Stage) -> set[str]:
    return {
        segment.style.bgcolor.name for segment in segments(stage) if segment.style and segment.style.bgcolor is not None
    }


async def do(stage: Stage, name: str) -> None:
    """Runs an action as the palette does, until it asks or is done."""
    stage.app.action_do(name)
    await stage.pilot.pause()
    await stage.settle()


async def choose(stage: Stage, name: str) -> None:
    await do(stage, "theme")
    names = list(stage.app.setup.themes.by_name)
    await stage.press(*["down"] * names.index(name), "enter")


async def test_the_palette_switches_the_theme_at_once_and_it_is_kept(staging: Staging, tmp_path: Path) -> None:
    remembered = Remembered(tmp_path)
    async with staging(snapshots.busy(), setup=Setup(remembered=remembered)) as stage:
        assert theme.BACKGROUND in grounds(stage)
        await choose(stage, "light")
        assert LIGHT.background in grounds(stage) and theme.BACKGROUND not in grounds(stage)
        assert stage.toasts[-1] == "Theme: light."
        await stage.press("c")
        assert theme.BACKGROUND not in grounds(stage)
        await remembered.settled()
    assert set_up(ScreenOptions(), MANY, None, tmp_path).theme == "light"


@pytest.mark.parametrize("name", ["dark", "light", "high-contrast", "ansi", "plain"])
async def test_all_places_are_drawn_in_every_theme(staging: Staging, name: str) -> None:
    async with staging(snapshots.busy(), setup=Setup(theme=name)) as stage:
        for keys in (["c"], ["D", "question_mark"], ["escape", "p"], ["escape", "l"], ["escape", "ctrl+p"]):
            await stage.press(*keys)
            for segment in segments(stage):
                style = segment.style or Style()
                for colour in (style.color, style.bgcolor):
                    if name in ("ansi", "plain") and colour is not None and segment.text.strip(" ▔▁🔎"):
                        assert colour.triplet is None, (keys, segment)


async def test_ascii_is_switched_at_once_and_kept(staging: Staging, tmp_path: Path) -> None:
    remembered = Remembered(tmp_path)
    async with staging(snapshots.busy(), setup=Setup(remembered=remembered)) as stage:
        assert "╭" in stage.text
        await do(stage, "ascii")
        assert "╭" not in stage.text and "+-" in stage.text and stage.app.painter.signs is Signs.ASCII
        await remembered.settled()
    assert set_up(ScreenOptions(), MANY, None, tmp_path).ascii_only


async def test_the_pane_that_had_the_screen_has_it_again(staging: Staging, tmp_path: Path) -> None:
    remembered = Remembered(tmp_path)
    async with staging(snapshots.busy(), setup=Setup(remembered=remembered)) as stage:
        await stage.press("tab", "tab", "z")
        name = stage.app.dashboard.current.title
        await remembered.settled()
    async with staging(snapshots.busy(), setup=Setup(remembered=Remembered(tmp_path))) as stage:
        assert stage.app.dashboard.current.title == name == "Cache" and stage.app.dashboard.maximised
        assert "Tiers" not in stage.text
        await stage.press("z")
        assert "Tiers" in stage.text


async def test_panes_are_grey_while_the_gateway_does_not_answer(staging: Staging) -> None:
    def colours(stage: Stage) -> set[str]:
        below = stage.app.dashboard.requests.region
        strips = stage.app.screen._compositor.render_strips()[below.y + 1 : below.bottom - 1]
        return {
            segment.style.color.name
            for strip in strips
            for segment in strip
            if segment.style and segment.style.color and segment.text.strip()
        }

    async with staging(snapshots.busy(), attached=True) as stage:
        assert theme.GREEN in colours(stage)
        stage.source.connected, stage.source.stale_since = False, snapshots.NOW - 75
        await stage.settle()
        assert colours(stage) <= {theme.MUTED, "#a2acb9"} and "STALE 1:15" in stage.text
        stage.source.connected, stage.source.stale_since = True, None
        await stage.settle()
        assert theme.GREEN in colours(stage) and "STALE" not in stage.text


async def test_stopping_the_gateway_asks_and_says_what_is_cut_off(staging: Staging) -> None:
    async with staging(replace(snapshots.busy(), in_flight=2)) as stage:
        await do(stage, "stop_gateway")
        assert "Stop the gateway?" in stage.text and "2 requests" in stage.text
        await stage.press("n")
        assert stage.ran == []
        await do(stage, "stop_gateway")
        await stage.press("y")
        assert stage.ran == [("stop", {})]


def test_flags_win_over_the_environment_and_that_over_what_was_saved(tmp_path: Path) -> None:
    Remembered(tmp_path).set("theme", "light")
    given = {**MANY, "LLMGW_FPS": "2", "LLMGW_LOW_BANDWIDTH": "1", "LLMGW_ASCII": "1"}
    setup = set_up(ScreenOptions(), given, None, tmp_path)
    assert (setup.theme, setup.updates_per_second, setup.low_bandwidth, setup.ascii_only) == ("light", 2.0, True, True)
    setup = set_up(ScreenOptions("ansi", True, 0.5, False), MANY, None, tmp_path)
    assert (setup.theme, setup.updates_per_second, setup.low_bandwidth, setup.ascii_only) == ("ansi", 0.5, False, True)
    assert set_up(ScreenOptions(low_bandwidth=True), MANY, None, None).updates_per_second == 1.0
    assert not set_up(ScreenOptions(), {**MANY, "LLMGW_ASCII": "0"}, None, None).ascii_only


@pytest.mark.parametrize("value", ["fast", "0", "21", "nan", "-1"])
def test_a_number_of_updates_that_is_none_is_said(value: str) -> None:
    setup = set_up(ScreenOptions(), {**MANY, "LLMGW_FPS": value}, None, None)
    assert setup.updates_per_second == 4.0
    assert setup.problems == (f"LLMGW_FPS: updates a second are a number from 0.2 to 20, not {value!r}.",)


def test_mistakes_in_every_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "keymap.yaml").write_text("fly: f\n")
    (tmp_path / "themes.yaml").write_text("mine: 3\n")
    (tmp_path / "ui.json").write_text("{")
    setup = set_up(ScreenOptions("nope"), MANY, tmp_path / "keymap.yaml", tmp_path)
    said = "\n".join(setup.problems)
    assert all(words in said for words in ("no action fly", "mine must hold", "'nope' (--theme)", "ui.json"))
