"""Counts what the screens write to a terminal at a scripted pace. ``python -m tests.tui.tty_bytes`` prints a table.

The script is a function of the time alone, and time is moved by hand, so that the bytes are the same each time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.screen import Screen

import llmgw_tui
from gateway_core.model import CacheStatus, RequestRow, Snapshot, Status, Tier
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.setup import LOW_BANDWIDTH_UPDATES, UPDATES_PER_SECOND, Setup
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.fakes.source import FakeSource

AROUND_A_FRAME_BYTES = 8 + 8 + 8
"""Begin and end of a synchronised update, and the cursor's place."""
ROWS = 200
RUNS_S = 0.9
PREVIEWS = [row.preview for row in snapshots.busy().requests]


def request(number: int, started: float, now: float) -> RequestRow:
    """The request of that number, which is over after 0.9 s."""
    done = now - started >= RUNS_S
    cached = number % 5 == 0
    return replace(
        snapshots.row(number % 97, f"{PREVIEWS[number % len(PREVIEWS)]} {number}", list(Tier)[number % 3]),
        id=f"req_{number:020x}",
        at=started,
        status=Status.OK if done else Status.RUNNING,
        cache=CacheStatus.EXACT if cached else CacheStatus.MISS,
        output_tokens=(40 + number % 300) if done else 0,
        latency_ms=RUNS_S * 1000 + number % 90 if done else 0.0,
        cost_microusd=number % 7 * 310 if done else 0,
    )


def moment(now: float, per_second: float) -> Snapshot:
    """The gateway at a moment of the script, with so many requests a second."""
    since = now - snapshots.NOW
    newest = int(since * per_second)
    rows = tuple(
        request(number, snapshots.NOW + number / per_second if per_second else snapshots.NOW - 60, now)
        for number in range(newest, newest - ROWS, -1)
    )
    before = snapshots.busy()
    spent = before.budget.spent_microusd + newest * 410
    return replace(
        before,
        at=now,
        requests=rows,
        in_flight=sum(row.status is Status.RUNNING for row in rows),
        requests_today=before.requests_today + newest,
        requests_per_minute=per_second * 60 if per_second else 0.0,
        saved_today_microusd=before.saved_today_microusd + newest * 220,
        budget=replace(before.budget, spent_microusd=spent),
        cache=replace(before.cache, exact_hits=before.cache.exact_hits + newest // 5),
        tiers=tuple(replace(tier, requests=tier.requests + newest // 4) for tier in before.tiers),
        local=replace(before.local, pulls=()),
    )


class ScriptedSource(FakeSource):
    """Tells what the script says of the clock's time."""

    def __init__(self, clock: FrozenClock, per_second: float) -> None:
        super().__init__(None)
        self._clock = clock
        self._per_second = per_second

    def snapshot(self) -> Snapshot:
        return moment(self._clock.at, self._per_second)


class Counting(ControlCentre):
    """Counts what would be written, and what Textual alone would have written."""

    CSS_PATH = str(Path(llmgw_tui.__file__).with_name("app.tcss"))
    written = 0
    by_textual = 0
    frames = 0

    def loop_time(self) -> float:
        return self._clock.now()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            self.by_textual += len(renderable.render_segments(self._to_a_terminal).encode()) + AROUND_A_FRAME_BYTES
            if frame := self.painter.frame(renderable, *self.size, ColorSystem.TRUECOLOR):
                self.written += len(frame.render_segments(None).encode()) + AROUND_A_FRAME_BYTES
                self.frames += 1
        self.post_display_hook()

    _to_a_terminal = Console(color_system="truecolor", force_terminal=True)


@dataclass(frozen=True)
class Count:
    """Bytes a second, and those of Textual's own painting."""

    per_second: float
    by_textual: float
    frames: float


async def count(
    per_second: float, *, place: str = "", low_bandwidth: bool = False, theme: str = "dark", seconds: int = 8
) -> Count:
    """What a 120x40 terminal is sent in a second, after the first screen."""
    chart.load()
    clock = FrozenClock(snapshots.NOW + 60)
    often = LOW_BANDWIDTH_UPDATES if low_bandwidth else UPDATES_PER_SECOND
    app = Counting(
        ScriptedSource(clock, per_second),
        Setup(theme=theme, low_bandwidth=low_bandwidth, updates_per_second=often),
        clock=clock,
    )
    async with app.run_test(size=(120, 40)) as pilot:
        if place:
            await app.go(place)
        await _draw(app, pilot.pause)
        app.written = app.by_textual = app.frames = 0
        for _ in range(int(seconds * often)):
            clock.at += 1 / often
            await _draw(app, pilot.pause)
        return Count(app.written / seconds, app.by_textual / seconds, app.frames / seconds)


async def _draw(app: ControlCentre, pause: object) -> None:
    assert callable(pause)
    app.beat()
    await pause()


async def main() -> None:
    for place in ("", "cache"):
        for low in (False, True):
            for per_second in (0.0, 20.0, 300.0):
                found = await count(per_second, place=place, low_bandwidth=low)
                print(
                    f"{place or 'dashboard':<10} {'low-bandwidth' if low else 'normal':<14}"
                    f" {per_second:>5.0f} requests/s"
                    f"  {found.per_second / 1000:7.2f} kB/s  (Textual alone {found.by_textual / 1000:7.2f})"
                    f"  {found.frames:5.1f} frames/s"
                )


if __name__ == "__main__":
    asyncio.run(main())
