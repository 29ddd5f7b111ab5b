"""The control centre: a Textual app on a :class:`~llmgw_tui.source.Source`, run inside the gateway's own event loop."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

from gateway_core.events import Notice, PullProgress
from gateway_core.local_values import PullState, PullStatus
from gateway_core.model import CommandResult, Snapshot
from llmgw_tui import toasts
from llmgw_tui.clock import LocalClock, ScreenClock
from llmgw_tui.crashes import crash_report
from llmgw_tui.painted import Painted
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.header import said_of
from llmgw_tui.places import EVERYWHERE
from llmgw_tui.screens.dashboard import Dashboard
from llmgw_tui.screens.palette import ActionsProvider
from llmgw_tui.setup import Setup
from llmgw_tui.source import Source
from llmgw_tui.terminal import ended_by_signals
from llmgw_tui.widgets import chart
from llmgw_tui.widgets.pane import Pane

STAGGER_S = 0.035
"""Panes are drawn one after another, not in one go, so that requests get in between (facts/tui.md)."""
CHARTS_EVERY_S = 1.0
REST = 32
"""The dashboard rests that many times as long as drawing its panes took: it takes no more than three hundredths of the
event loop, however much happens."""


@dataclass
class _Frame:
    """The dashboard as one snapshot has it, while its panes are drawn: nothing of it is shown before all of it is."""

    snapshot: Snapshot | None
    charts: Snapshot | None
    waiting: list[Pane]
    drawn: dict[Pane, tuple[Size, tuple[Strip, ...]]] = field(default_factory=dict)
    cpu_s: float = 0.0


class ControlCentre(Painted, inherit_bindings=False):
    """The heartbeat that draws."""

    TITLE = "llmgw"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {ActionsProvider}
    ENABLE_COMMAND_PALETTE = False
    """The palette is one of our actions, and so has a key that can be remapped."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, f"do('{action.name}')", action.label, id=action.name, show=False, priority=action.anywhere)
        for action in EVERYWHERE
        if action.keys
    ]

    def __init__(self, source: Source, setup: Setup | None = None, *, clock: ScreenClock | None = None) -> None:
        super().__init__(source, setup or Setup())
        self._clock = clock or LocalClock()
        self._every_s = 1 / self.setup.updates_per_second
        self._charts: Snapshot | None = None
        self._charts_at = 0.0
        self._frame: _Frame | None = None
        self._rests_until = 0.0
        self._said = said_of(None, self.link)
        self.dashboard = Dashboard()

    # --- the heartbeat -------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        return self.dashboard

    def _fatal_error(self) -> None:
        """Textual would print the values of variables: keys and prompts. A path stays whole: it is to be copied."""
        error = sys.exception()
        self.error_console.soft_wrap = True
        self._exit_renderables.append(Text(crash_report(error) if error else "llmgw has ended by an error."))
        self._close_messages_no_wait()

    async def on_mount(self) -> None:
        if self.keys.changed:
            self.set_keymap(self.keys.changed)
        self.beat()
        self.set_interval(self._every_s, self._heartbeat)
        self.run_worker(self._follow_events(), name="events")
        self.run_worker(self._settle(), name="settle")

    async def _settle(self) -> None:
        """What can wait until the first screen is there: plotext, and the garbage collector's long pause."""
        await asyncio.to_thread(chart.load)
        gc.collect()
        gc.freeze()
        problems = self.setup.problems
        for problem in problems if len(problems) <= toasts.most(self.size.height) else ("\n".join(problems),):
            self.say(CommandResult(False, problem))

    def beat(self) -> None:
        """Takes a snapshot and draws all of the screen in sight, in one go."""
        self.catch_up()
        if self.terminal_lost:
            return
        self._frame = None
        self._take(self.source.snapshot())
        self._draw_place()
        for pane in self.dashboard.panes:
            self.draw_pane(pane)

    def _heartbeat(self) -> None:
        """Draws the screen in sight. The dashboard at its own pace, but at once when the header must say otherwise."""
        if self.place_in_sight is not self.dashboard:
            self.beat()
            return
        self.catch_up()
        if self.terminal_lost:
            return
        newest = self.source.snapshot()
        if self._said != said_of(newest, self.link):
            self.beat()
            return
        self._draw_place()
        if self._frame is None and self.loop_time() >= self._rests_until:
            panes = [pane for pane in self.dashboard.panes if pane.display and pane is not self.dashboard.requests]
            self._frame = _Frame(newest, self._charts_for(newest), panes)
            self._draw_some(self._frame)

    def _draw_some(self, frame: _Frame) -> None:
        """Draws the frame's next pane, and shows the whole frame after the last one."""
        if frame is not self._frame:
            return
        began = time.thread_time()
        if frame.waiting and self.place_in_sight is self.dashboard:
            pane = frame.waiting.pop(0)
            look = replace(self.look(focused=pane.has_focus), charts=frame.charts)
            frame.drawn[pane] = (pane.size, pane.drawn(frame.snapshot, look))
            self.set_timer(STAGGER_S, lambda: self._draw_some(frame))
        else:
            self._show(frame)
        frame.cpu_s += time.thread_time() - began
        self._rests_until = self.loop_time() + frame.cpu_s * REST

    def _show(self, frame: _Frame) -> None:
        """All of the dashboard at once: header and panes never tell of different moments."""
        self._frame = None
        self._take(frame.snapshot)
        self._draw_place()
        for pane in self.dashboard.panes:
            size, strips = frame.drawn.get(pane, (None, ()))
            if size == pane.size:
                pane.show(strips)
            else:
                self.draw_pane(pane)

    def _take(self, snapshot: Snapshot | None) -> None:
        self._charts = self._charts_for(snapshot)
        self._snapshot = snapshot
        self._said = said_of(snapshot, self.link)

    def _charts_for(self, snapshot: Snapshot | None) -> Snapshot | None:
        if snapshot is not None and self.loop_time() - self._charts_at >= CHARTS_EVERY_S:
            self._charts_at = self.loop_time()
            return snapshot
        return self._charts

    def _draw_place(self) -> None:
        if place := self.place_in_sight:
            place.beat(self._snapshot, self.link, self.look(), self.loop_time())

    def draw_pane(self, pane: Pane) -> None:
        """Draws one pane from the snapshot that the others show, if it is in sight."""
        if self._frame is not None:
            self._frame.drawn.pop(pane, None)
        if self.place_in_sight is self.dashboard and pane.is_mounted and pane.display:
            pane.show(pane.drawn(self._snapshot, self.look(focused=pane.has_focus)))

    def look(self, *, focused: bool = False) -> Look:
        return Look(self._clock.now(), self._clock.zone, self.glyphs, focused, self._charts)

    def loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    async def _follow_events(self) -> None:
        async for event in self.source.events():
            if isinstance(event, Notice):
                self.say(CommandResult(event.level == "info", event.text))
            elif isinstance(event, PullProgress):
                self.say(how_it_ended(event.pull))


def how_it_ended(pull: PullStatus) -> CommandResult:
    """What to say of a pull that has ended by itself; nothing while it runs, and of one that a person stopped."""
    if pull.state is PullState.FAILED:
        return CommandResult(False, f"Pulling {pull.model} failed: {pull.error}")
    return CommandResult(True, f"{pull.model} is pulled." if pull.state is PullState.DONE else "")


async def run_control_centre(
    source: Source,
    setup: Setup | None = None,
    *,
    on_quit: Callable[[], Awaitable[None]] | None = None,
    until: asyncio.Event | None = None,
    lost: asyncio.Event | None = None,
    clock: ScreenClock | None = None,
    folder: Path | None = None,
) -> int:
    """Shows the control centre until it is left, and returns the exit code: 0, or 1 when the screen failed.

    To be awaited in the gateway's event loop, with a source that was started; whoever made it closes it.
    ``folder`` gets what is copied and exported.
    ``on_quit`` is awaited after the terminal is restored, however the screen ended; SIGTERM, SIGHUP and SIGINT end it
    as ``q`` does, without asking, and so does ``until``. ``lost`` is set when the terminal has gone or SIGHUP came;
    whoever gives it takes over SIGHUP.
    """
    centre = ControlCentre(source, setup, clock=clock)
    centre.folder = folder
    leaving = asyncio.create_task(_leave_when(until, centre)) if until else None
    try:
        with ended_by_signals(centre.leave, centre.hang_up, outlived=lambda: lost is not None and centre.terminal_lost):
            await centre.run_async()
    finally:
        if leaving is not None:
            leaving.cancel()
        await centre.remembered.settled()
        if lost is not None and centre.terminal_lost:
            lost.set()
        if on_quit is not None:
            await on_quit()
    return centre.return_code or 0


async def _leave_when(until: asyncio.Event, centre: ControlCentre) -> None:
    await until.wait()
    centre.leave()
