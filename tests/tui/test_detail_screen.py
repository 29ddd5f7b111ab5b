"""The detail of a request by its keys: views, search, sections, copies, exports, running it again."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.model import CommandResult, ReplayProgress, RequestDetail, Status, Tier
from llmgw_tui.screens.compare import CompareScreen
from llmgw_tui.screens.detail import DetailScreen
from tests.fakes import details, snapshots
from tests.tui.conftest import Stage, Staging

ROW = snapshots.busy().requests[5]


async def opened(stage: Stage) -> DetailScreen:
    await stage.press(*["down"] * 5, "enter")
    screen = stage.app.screen
    assert isinstance(screen, DetailScreen)
    return screen


async def until(stage: Stage, words: str) -> None:
    """Returns when ``words`` are on the screen or in a toast."""
    for _ in range(200):
        if words in stage.text or any(words in toast for toast in stage.toasts):
            return
        await stage.settle()
    raise AssertionError(f"{words!r} never came:\n{stage.text}\n{stage.toasts}")


async def test_the_steps_are_bars_where_they_were_in_time(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(120, 60)) as stage:
        await opened(stage)
        lines = stage.text.splitlines()
    (cache,) = [line for line in lines if line.startswith(" exact cache")]
    calls = [line for line in lines if line.startswith(" call")]
    assert "miss" in cache and cache.index("█") < 20
    assert "Overloaded" in calls[0] and "240ms" in calls[0]
    assert calls[1].count("█") > 40 and "20.8s" in calls[1]
    assert any(line.startswith(" pause") and "╍" in line for line in lines), "a wait is another character than work"


async def test_h_and_u_show_the_wire_and_escape_leads_back(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(120, 60)) as stage:
        await opened(stage)
        await stage.press("h")
        assert "OpenClaw/2026.9.6" in stage.text and "Bearer [masked]" in stage.text and "req_012" in stage.text
        await stage.press("u")
        assert "https://api.anthropic.com/v1/messages" in stage.text and "status 529" in stage.text
        assert '"max_tokens": 8192' in stage.text and "Overloaded" in stage.text and "\x1b" not in stage.text
        await stage.press("escape")
        assert "Decision" in stage.text
        await stage.press("escape")
        assert not isinstance(stage.app.screen, DetailScreen)


async def test_without_what_was_sent_it_says_so(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.kept_parts = None
        await opened(stage)
        for key in ("h", "u"):
            await stage.press(key)
            assert "KEEP_BODIES_DAYS" in stage.text


async def test_words_are_found_and_n_goes_on(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        screen = await opened(stage)
        await stage.press("slash", *"tenant", "enter")
        first = screen.view.scroll_offset.y
        assert "1 of" in stage.text and first > 0
        await stage.press("n")
        assert "2 of" in stage.text
        await stage.press("N", "N")
        assert screen.view.scroll_offset.y > first, "before the first comes the last"
        await stage.press("escape")
        assert "1 of" not in stage.text and isinstance(stage.app.screen, DetailScreen)
        await stage.press("n")
        assert "/ asks for words" in stage.toasts[-1]


async def test_a_large_request_is_drawn_off_the_loop_and_comes_whole(staging: Staging) -> None:
    code = "```python\n" + "def f(x):\n    return x\n" * 800 + "```"
    asked = tuple({"role": "user", "content": f"Number {number}.\n{code}"} for number in range(10))
    async with staging(snapshots.busy(), size=(120, 60)) as stage:
        stage.source.details[ROW.id] = replace(details.detail(), messages=asked)
        screen = await opened(stage)
        await until(stage, "Decision")
        await stage.press("b", "slash", *"number 9", "enter")
        await until(stage, "1 of 1 lines")
        await until(stage, "Number 9.")
        assert len(screen.view.lines) > 16_000


async def test_tab_goes_from_section_to_section_and_back(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        screen = await opened(stage)
        seen = []
        for key in ("tab", "tab", "shift+tab", "shift+tab"):
            await stage.press(key)
            seen.append(int(screen.view.scroll_offset.y))
    assert 0 < seen[0] < seen[1] and seen[2:] == [seen[0], 0]


@pytest.mark.parametrize(
    ("downs", "text"),
    [(0, "One ledger table"), (1, "Go on. Größe"), (2, ROW.id), (3, "curl -sS"), (4, '"request"')],
)
async def test_a_menu_says_what_to_copy(staging: Staging, tmp_path: Path, downs: int, text: str) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app.folder = tmp_path
        await opened(stage)
        await stage.press("Y", *["down"] * downs, "enter")
        await until(stage, "Copied")
    assert text in stage.app.clipboard
    assert (tmp_path / "clipboard.txt").read_text() == stage.app.clipboard


@pytest.mark.parametrize(("downs", "suffix"), [(0, ".sh"), (1, ".py"), (2, ".json")])
async def test_x_writes_an_export_for_its_owner_alone(
    staging: Staging, tmp_path: Path, downs: int, suffix: str
) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app.folder = tmp_path
        await opened(stage)
        await stage.press("x", *["down"] * downs, "enter")
        await until(stage, "Exported to")
        await until(stage, "Copied")
    path = tmp_path / "exports" / f"{ROW.id}{suffix}"
    assert path.read_text() == stage.app.clipboard
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_e_says_what_it_costs_at_most_before_it_is_paid(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await opened(stage)
        await stage.press("e")
        assert "at most $0.118" in stage.text and "free" in stage.text and "cannot: No key" in stage.text
        await stage.press("down", "down", "enter")
        assert "Run it again on premium?" in stage.text
        await stage.press("n")
        assert stage.ran == []
        await stage.press("e", "down", "enter")
        assert stage.toasts[-1] == "No key is set for the cheap tier." and stage.ran == []
        stage.source.offers = replace(stage.source.offers, problem="It is not kept any more.")
        await stage.press("e")
        assert stage.toasts[-1] == "It is not kept any more."


def again(status: Status, answer: str | None = None) -> RequestDetail:
    first = details.detail()
    row = replace(first.row, id="req_again", tier=Tier.PREMIUM, status=status, replay_of=first.row.id)
    return replace(first, row=row, answer={"content": answer} if answer else None)


async def test_both_answers_stand_side_by_side_while_the_second_comes(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.answer = CommandResult(True, "It runs again.", "req_again")
        stage.source.details["req_again"] = again(Status.RUNNING)
        stage.source.progress = ReplayProgress("req_again", ROW.id, "Half of\x1b[31m an")
        await opened(stage)
        await stage.press("e", "down", "down", "enter", "y")
        assert stage.ran == [("replay", {"request_id": ROW.id, "tier": "premium"})]
        assert isinstance(stage.app.screen, CompareScreen)
        await until(stage, "Half of")
        assert any("One ledger table" in line and "│" in line for line in stage.text.splitlines())
        assert "\x1b" not in stage.text
        stage.source.details["req_again"] = again(Status.OK, "A whole answer.")
        stage.source.progress = ReplayProgress("req_again", ROW.id, "A whole answer.", done=True)
        await stage.press("ctrl+r")
        await until(stage, "A whole answer.")
        await stage.press("y")
        assert stage.app.clipboard == "A whole answer."
        await stage.press("escape")
        assert isinstance(stage.app.screen, DetailScreen)


async def test_a_narrow_screen_puts_them_under_one_another(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(80, 50)) as stage:
        stage.source.answer = CommandResult(True, "", "req_again")
        stage.source.details["req_again"] = again(Status.OK, "The other one.")
        await opened(stage)
        await stage.press("e", "enter")
        lines = stage.text.splitlines()
        first = next(number for number, line in enumerate(lines) if "First answer" in line)
        second = next(number for number, line in enumerate(lines) if "Run again" in line)
    assert second > first + 5


async def test_a_request_that_was_run_again_is_compared_with_the_first(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        screen = await opened(stage)
        await stage.press("v")
        assert "e runs it again on another tier" in stage.toasts[-1]
        screen.detail = again(Status.OK, "The other one.")
        await stage.press("v")
        assert isinstance(stage.app.screen, CompareScreen)


@pytest.mark.parametrize("size", [(24, 6), (40, 10), (200, 60)])
async def test_every_view_survives_odd_sizes(staging: Staging, size: tuple[int, int]) -> None:
    async with staging(snapshots.hostile(), size=size) as stage:
        stage.source.answer = CommandResult(True, "", "req_again")
        stage.source.details["req_again"] = details.hostile_detail()
        await stage.press(*["down"] * 5, "enter")
        for key in ("h", "u", "b", "tab", "n", "v", "escape"):
            await stage.press(key)
            assert "\x1b" not in stage.text
        await stage.press("e", "enter")
        await stage.pilot.resize_terminal(30, 8)
        await stage.settle()
        assert "\x1b" not in stage.text
