"""What is on the screen at one moment is of one moment."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway_core.model import KillSwitch, Snapshot
from llmgw_tui.app import ControlCentre
from tests.fakes import snapshots
from tests.tui.conftest import Stage, Staging


class Spending:
    """A gateway that spends between any two looks at it."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> Snapshot:
        self.looks += 1
        spent, busy = 4_000_000 + 10_000 * self.looks, snapshots.busy()
        tiers = tuple(replace(tier, cost_microusd=spent if tier.name == "premium" else 0) for tier in busy.tiers)
        budget = replace(busy.budget, spent_microusd=spent)
        return replace(busy, budget=budget, tiers=tiers, saved_today_microusd=spent)


def every_frame(stage: Stage, monkeypatch: pytest.MonkeyPatch, look: Callable[[str], None]) -> None:
    """Shows ``look`` the text of each frame that is sent to the terminal."""
    monkeypatch.setattr(ControlCentre, "post_display_hook", lambda app: look(stage.text) if app.is_running else None)


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (200, 60)])
async def test_a_frame_tells_everywhere_of_the_same_money(
    staging: Staging, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    spending = Spending()
    async with staging(spending(), size=size) as stage:
        monkeypatch.setattr(stage.source, "snapshot", spending)
        await stage.settle()
        frames: list[set[str]] = []
        enough = asyncio.Event()

        def look(text: str) -> None:
            frames.append(
                set(re.findall(r"today (\$4\.\d+)|(\$4\.\d+) today|saved (\$4\.\d+)|P premium .*?(\$4\.\d+)", text))
            )
            if len({tuple(sorted(frame)) for frame in frames}) >= 6:
                enough.set()

        every_frame(stage, monkeypatch, look)
        async with asyncio.timeout(60):
            await enough.wait()
    for frame in frames:
        kinds = [{amounts[kind] for amounts in frame if amounts[kind]} for kind in range(4)]
        assert all(kinds), frame
        assert len(set.union(*kinds)) == 1, frame


async def test_a_state_that_changes_is_told_at_the_next_beat_with_all_of_its_moment(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.app._rests_until = stage.app.loop_time() + 3600
        stopped = replace(snapshots.busy(), state="killed", kill=KillSwitch(True, snapshots.NOW, "api"))
        stage.source.current = replace(stopped, budget=replace(stopped.budget, spent_microusd=7_770_000))
        stage.app._heartbeat()
        assert "KILLED" in stage.text and "$7.77 today" in stage.text


async def test_what_is_done_to_a_pane_while_a_frame_is_drawn_is_not_undone_by_it(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        app = stage.app
        app._frame, app._rests_until = None, 0.0
        app._heartbeat()
        assert app._frame is not None
        pane = next(iter(app._frame.drawn))
        before = pane.strips
        pane.focus()
        await stage.pilot.pause()
        assert app._frame is not None and pane not in app._frame.drawn
        app._show(app._frame)
        assert pane.strips != before and pane.strips == pane.drawn(app.snapshot, app.look(focused=True))
