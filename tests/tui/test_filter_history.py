"""Filters of before: kept over restarts, bounded, without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmgw_tui.filter_history import KEPT_DAYS, LONGEST, MOST, FilterHistory
from llmgw_tui.remembered import FILE, LARGEST_BYTES, Remembered
from llmgw_tui.setup import Setup
from tests.fakes import snapshots
from tests.tui.conftest import Stage, Staging

NOW = 1_790_000_000.0
_DAY_S = 86_400


def history(folder: Path, now: float = NOW) -> FilterHistory:
    """As another start finds it."""
    return FilterHistory(Remembered(folder), "requests", lambda: now)


def test_the_newest_comes_first_and_each_once(tmp_path: Path) -> None:
    before = history(tmp_path)
    for text in ("tier:premium", '!"two words" cost>1', "tier:premium"):
        before.add(text)
    assert history(tmp_path).texts == ("tier:premium", '!"two words" cost>1')
    assert history(tmp_path / "another").texts == ()


def test_it_is_bounded_and_always_fits_its_file(tmp_path: Path) -> None:
    before = history(tmp_path)
    for number in range(MOST + 10):
        before.add(f"{number} " + "😀" * (LONGEST - 4))
    before.add("x" * (LONGEST + 1))
    assert len(before.texts) == MOST and (tmp_path / FILE).stat().st_size < LARGEST_BYTES
    kept = history(tmp_path).texts
    assert len(kept) == MOST - 1 and kept[0].startswith(f"{MOST + 9} ")


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-canaryCANARY0123456789-abcdef",
        "authorization bearer canary-0123",
        "password: canary-0123",
        "AKIACANARYCANARY1234",
        "https://me:canary0123@example.com/x",
        "4111 1111 1111 1111",
    ],
)
def test_a_pasted_secret_is_never_written_down(tmp_path: Path, secret: str) -> None:
    before = history(tmp_path)
    before.add("tier:local")
    before.add(f"route:default {secret}")
    assert before.texts[0] == f"route:default {secret}"
    assert history(tmp_path).texts == ("tier:local",)
    assert "canary" not in (tmp_path / FILE).read_text().lower() and "4111" not in (tmp_path / FILE).read_text()


def test_what_is_not_used_is_forgotten_after_a_while_also_in_the_file(tmp_path: Path) -> None:
    """A secret that looks like nothing in particular is not kept for ever."""
    before = history(tmp_path)
    before.add("correct horse battery staple")
    before.add("tier:local")
    history(tmp_path, NOW + (KEPT_DAYS - 1) * _DAY_S).add("tier:local")
    assert history(tmp_path, NOW + (KEPT_DAYS - 1) * _DAY_S).texts == ("tier:local", "correct horse battery staple")
    history(tmp_path, NOW + (KEPT_DAYS + 1) * _DAY_S)
    assert "horse" not in (tmp_path / FILE).read_text()
    assert history(tmp_path, NOW + (KEPT_DAYS + 1) * _DAY_S).texts == ("tier:local",)


@pytest.mark.parametrize("content", ['["no time", "17900000000000 far", " x", ""]', '"text"', "[1]", "null"])
def test_a_foreign_history_is_no_obstacle(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(f'{{"requests.filters": {content}}}')
    found = history(tmp_path)
    found.add("tier:local")
    assert history(tmp_path).texts == ("tier:local",)


async def _filter(stage: Stage, text: str) -> None:
    await stage.press("slash")
    stage.app.place_in_sight.filter_field.value = text  # type: ignore[union-attr]
    await stage.press("enter")


async def test_over_a_restart_up_brings_the_filter_back_and_all_that_was_chosen_is_there(
    tmp_path: Path, staging: Staging
) -> None:
    remembered = Remembered(tmp_path)
    async with staging(snapshots.busy(), setup=Setup(remembered=remembered)) as stage:
        await stage.press("tab", "z", "r")
        await _filter(stage, "tier:premium")
        await _filter(stage, "cost>0.01")
        await stage.press("o", "O", "escape", "escape", "m", "o", "escape", "dollar_sign", "o", "right", "escape")
        await stage.press("c", "o", "escape", "g", "v")
        choosing = stage.app.run_worker(stage.app.choose_theme())
        await stage.settle()
        await stage.press("down", "enter")
        await choosing.wait()
        stage.app.toggle_ascii()
        chosen = dict(remembered.values)
        await remembered.settled()
    assert chosen.keys() >= {
        *("theme", "ascii", "dashboard.pane", "dashboard.maximised", "requests.sort", "requests.filters"),
        *("models.order", "spend.by", "spend.period", "cache.order", "log.level"),
    }

    again = Remembered(tmp_path)
    assert again.values == chosen and not again.problems
    async with staging(snapshots.busy(), setup=Setup(remembered=again)) as stage:
        dashboard = stage.app.dashboard
        assert dashboard.maximised and dashboard.current.id == chosen["dashboard.pane"]
        for key, place in (("r", "requests"), ("m", "models"), ("dollar_sign", "spend"), ("c", "cache"), ("g", "log")):
            await stage.press(key)
            shown = stage.app.place_in_sight
            assert shown is not None and shown.place == place
            for name in shown.chosen:
                assert getattr(shown, name) == chosen[f"{place}.{name}"]
            if place == "requests":
                await stage.press("slash", "up", "up")
                assert shown.filter_field.value == "tier:premium"
                await stage.press("escape")
            await stage.press("escape")
