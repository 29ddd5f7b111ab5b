"""The detail of a request by its keys: views, search, sections, copies, exports, running it again."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.style import Style

from gateway_core.model import CommandResult, RequestDetail, Snapshot, Status, Tier
from gateway_core.replay_values import ReplayProgress
from gateway_core.request_pages import PAGE_ROWS
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.header import Link
from llmgw_tui.screens.compare import CompareScreen
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.requests import RequestsScreen
from llmgw_tui.theme import VIOLET
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
    async with staging(snapshots.busy(), size=(120, 70)) as stage:
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


async def test_the_title_changes_with_the_text_and_not_before_it(staging: Staging) -> None:
    """A large body takes a moment: until it is there, the old one has its own name, and something is said."""
    async with staging(snapshots.busy(), size=(120, 60)) as stage:
        sent = details.parts().upstream[-1]
        large = replace(sent, body=json.dumps({"system": "word " * 20_000}))
        stage.source.kept_parts = replace(details.parts(), upstream=(large,))
        screen = await opened(stage)
        await stage.press("b")
        seen: list[tuple[str, bool, bool]] = []

        bars = screen.draw_bars

        def watched(snapshot: Snapshot | None, link: Link, look: Look) -> None:
            bars(snapshot, link, look)
            title = "".join(segment.text for segment in screen.title_info())
            sections = [name for name, _ in screen._document.sections]
            seen.append((title, "reading" in title, any(name.startswith("Attempt") for name in sections)))

        screen.draw_bars = watched  # type: ignore[method-assign]
        await stage.press("u")
        await until(stage, "word word")
    assert any(reading for _, reading, _ in seen)
    assert all(("upstream" in title) == upstream for title, _, upstream in seen), seen


async def test_nothing_holds_the_loop_while_two_megabytes_are_drawn_found_and_scrolled(staging: Staging) -> None:
    code = "```python\n" + "def f(x):\n    return x\n\n" * 40_000 + "```"
    line = json.dumps({"text": "ein Wort – " * 100_000})
    asked = ({"role": "user", "content": code}, {"role": "user", "content": line})
    async with staging(snapshots.busy(), size=(120, 40)) as stage:
        stage.source.details[ROW.id] = replace(details.detail(), messages=asked)
        screen = await opened(stage)
        await stage.press("b")
        longest = await _longest_slice(stage, screen)
        assert len(screen.view.lines) > 130_000
        await stage.press("slash", *"wort")
        longest = max(longest, await _longest_slice(stage, screen))
        await stage.press("enter", "end")
        assert "Answer" in stage.text
        screen.view.scroll_to(y=60_000, animate=False, force=True)
        await until_coloured(stage)
    assert longest < 0.05, "CPU time of this loop's thread between two turns, on a busy machine; mostly 2 ms"


async def _longest_slice(stage: Stage, screen: DetailScreen) -> float:
    """The most that the loop's thread has worked without a turn for others, until all is made and found."""
    longest, last = 0.0, time.thread_time()
    while any(worker.group in ("ink", "find") and not worker.is_finished for worker in stage.app.workers):
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest


async def until_coloured(stage: Stage) -> None:
    """Returns when code in sight has a colour."""
    for _ in range(200):
        strips = stage.app.screen._compositor.render_strips()
        found = [part for strip in strips for part in strip if part.text.strip() in ("def", "return")]
        if found and all(part.style and part.style.color == Style(color=VIOLET).color for part in found):
            return
        await stage.settle()
    raise AssertionError(stage.text)


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


async def test_brackets_go_through_the_list_it_was_opened_from_and_say_where_it_ends(staging: Staging) -> None:
    rows = snapshots.busy().requests
    async with staging(snapshots.busy()) as stage:
        screen = await opened(stage)
        assert "[ ] next" in stage.text
        await stage.press("right_square_bracket")
        assert screen.request == rows[6] and rows[6].id in stage.text
        await stage.press("left", "left", "left_square_bracket")
        assert screen.request == rows[3]
        await stage.press("u", "left", "left", "left")
        assert screen.request == rows[0] and "upstream" in stage.text and "max_tokens" in stage.text
        await stage.press("left")
        assert screen.request == rows[0] and "first request of the list" in stage.toasts[-1]
        for _ in rows[1:]:
            await stage.press("right")
        assert screen.request == rows[-1]
        await stage.press("right")
        assert screen.request == rows[-1] and "last request of the list" in stage.toasts[-1]
        await stage.press("escape", "escape")
        assert stage.app.dashboard.request == rows[-1], "the cursor has come along"


async def test_brackets_keep_to_the_filter_and_to_the_list_as_it_is_now(staging: Staging) -> None:
    rows = snapshots.busy().requests
    paid = [row for row in rows if row.tier is Tier.PREMIUM]
    async with staging(snapshots.busy()) as stage:
        await stage.press("slash", *"tier", "colon", *"premium", "enter", "down", "enter")
        screen = stage.app.screen
        assert isinstance(screen, DetailScreen) and screen.request == paid[1]
        await stage.press("right")
        assert screen.request == paid[2]
        newer = replace(paid[2], id="req_new", at=snapshots.NOW + 1)
        left = tuple(row for row in rows if row is not paid[2])
        stage.source.current = replace(snapshots.busy(), requests=(newer, *left))
        await stage.settle()
        await stage.press("left")
        assert screen.request == paid[1], "what has left the list has its place between the others"
        await stage.press("left", "left")
        assert screen.request == newer


async def test_brackets_read_on_in_the_whole_log_and_follow_its_order(staging: Staging) -> None:
    many = tuple(replace(ROW, id=f"req_{n:04}", at=snapshots.NOW - n, cost_microusd=n) for n in range(PAGE_ROWS + 2))
    async with staging(replace(snapshots.busy(), requests=many[:5])) as stage:
        stage.source.request_log = many
        stage.source.details = {row.id: details.detail(row) for row in many if row is not many[-2]}
        await stage.press("r", "o")
        await stage.press("enter")
        screen = stage.app.screen
        assert isinstance(screen, DetailScreen) and screen.request == many[-1], "the dearest is the first"
        await stage.press("right")
        assert screen.request == many[-3], "what is kept of nobody is left out"
        await stage.press("escape", "O")
        listed = stage.app.place_in_sight
        assert isinstance(listed, RequestsScreen)
        listed.list.cursor = PAGE_ROWS - 1
        await stage.press("enter")
        screen = stage.app.screen
        assert isinstance(screen, DetailScreen) and screen.request == many[PAGE_ROWS - 1]
        await stage.press("right")
        assert screen.request == many[-1], "the next page was read"
        await stage.press("right")
        assert "last request" in stage.toasts[-1]


async def test_a_request_that_no_list_has_opened_has_no_next_one(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.app.push_screen(DetailScreen(details.detail()))
        await stage.press("right")
        assert "not opened from a list" in stage.toasts[-1] and "[ ] next" not in stage.text


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
