"""The control centre: a Textual app on a :class:`~llmgw_tui.source.Source`, run inside the gateway's own event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

from rich.console import RenderableType
from textual.binding import Binding, BindingType
from textual.screen import Screen

from gateway_core.events import Notice, PullProgress
from gateway_core.model import CommandResult, Snapshot
from llmgw_tui.clock import LocalClock, ScreenClock
from llmgw_tui.hosting import Hosting
from llmgw_tui.keymap import Keys, read_keymap
from llmgw_tui.panes.draw import Look
from llmgw_tui.places import EVERYWHERE
from llmgw_tui.screens.dashboard import Dashboard
from llmgw_tui.screens.palette import ActionsProvider
from llmgw_tui.source import Source
from llmgw_tui.terminal import FRAMES_BEHIND, PatientDriver, ended_by_signals, frames_waiting, hung_up
from llmgw_tui.theme import ASCII, DARK, UNICODE
from llmgw_tui.widgets import chart
from llmgw_tui.widgets.pane import Pane

UPDATES_PER_SECOND = 4.0
STAGGER_S = 0.035
"""Panes are drawn one after another, not in one go, so that requests get in between (facts/tui.md)."""
CHARTS_EVERY_S = 1.0


class ControlCentre(Hosting, inherit_bindings=False):
    """The heartbeat that draws, and the terminal it draws on."""

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

    def __init__(
        self,
        source: Source,
        *,
        clock: ScreenClock | None = None,
        keys: Keys | None = None,
        ascii_only: bool = False,
        updates_per_second: float = UPDATES_PER_SECOND,
    ) -> None:
        super().__init__(source, keys or Keys(), ASCII if ascii_only else UNICODE, PatientDriver)
        self.frames_skipped = 0
        self._clock = clock or LocalClock()
        self._every_s = 1 / max(0.1, updates_per_second)
        self._charts: Snapshot | None = None
        self._charts_at = 0.0
        self._behind = False
        self.dashboard = Dashboard()
        self.animation_level = "none"
        self.register_theme(DARK)
        self.theme = DARK.name

    # --- the heartbeat -------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        return self.dashboard

    async def on_mount(self) -> None:
        if self.keys.changed:
            self.set_keymap(self.keys.changed)
        self.beat()
        self.set_interval(self._every_s, self.beat)
        for number, pane in enumerate(self.dashboard.panes, 1):
            self.set_timer(number * STAGGER_S, lambda pane=pane: self._keep_drawing(pane))
        self.run_worker(self._follow_events(), name="events")
        self.run_worker(self._settle(), name="settle")

    def _keep_drawing(self, pane: Pane) -> None:
        self.draw_pane(pane)
        self.set_interval(self._every_s, lambda: self.draw_pane(pane))

    async def _settle(self) -> None:
        """What can wait until the first screen is there: plotext, and the garbage collector's long pause."""
        await asyncio.to_thread(chart.load)
        gc.collect()
        gc.freeze()
        for problem in self.keys.problems:
            self.say(CommandResult(False, problem))

    def beat(self) -> None:
        """Takes a snapshot and draws the screen in sight; the dashboard's panes follow one by one."""
        if self._behind and not frames_waiting(self._driver):
            self._behind = False
            self.refresh()
        if hung_up(self._driver):
            self.leave()
            return
        self._snapshot = self.source.snapshot()
        if self._snapshot is not None and self.loop_time() - self._charts_at >= CHARTS_EVERY_S:
            self._charts, self._charts_at = self._snapshot, self.loop_time()
        if place := self.place_in_sight:
            place.beat(self._snapshot, self.link, self.look(), self.loop_time())

    def draw_pane(self, pane: Pane) -> None:
        """Draws one pane from the latest snapshot, if it is in sight."""
        if self.place_in_sight is self.dashboard and pane.is_mounted and pane.display:
            pane.update(self._snapshot, self.look(focused=pane.has_focus))

    def look(self, *, focused: bool = False) -> Look:
        return Look(self._clock.now(), self._clock.zone, self.glyphs, focused, self._charts)

    def loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    async def _follow_events(self) -> None:
        async for event in self.source.events():
            if isinstance(event, Notice):
                self.say(CommandResult(event.level == "info", event.text))
            elif isinstance(event, PullProgress) and (event.pull.done or event.pull.error):
                pull = event.pull
                words = f"Pulling {pull.model} failed: {pull.error}" if pull.error else f"{pull.model} is pulled."
                self.say(CommandResult(not pull.error, words))

    # --- the terminal --------------------------------------------------------------------------------------------

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Skips the frame while the terminal is behind; :meth:`beat` repaints everything when it has caught up."""
        if frames_waiting(self._driver) >= FRAMES_BEHIND:
            self._behind = True
            self.frames_skipped += 1
            self.post_display_hook()
            return
        super()._display(screen, renderable)


async def run_control_centre(
    source: Source,
    *,
    on_quit: Callable[[], Awaitable[None]] | None = None,
    keymap_file: Path | None = None,
    folder: Path | None = None,
    ascii_only: bool = False,
    updates_per_second: float = UPDATES_PER_SECOND,
    clock: ScreenClock | None = None,
) -> int:
    """Shows the control centre until it is left, and returns the exit code: 0, or 1 when the screen failed.

    To be awaited in the gateway's event loop, with a source that was started; whoever made it closes it.
    ``folder`` gets what is copied and exported.
    ``on_quit`` is awaited after the terminal is restored, however the screen ended; SIGTERM, SIGHUP and SIGINT end it
    as ``q`` does, without asking.
    """
    centre = ControlCentre(
        source,
        clock=clock,
        keys=read_keymap(keymap_file),
        ascii_only=ascii_only,
        updates_per_second=updates_per_second,
    )
    centre.folder = folder
    try:
        with ended_by_signals(centre.leave):
            await centre.run_async()
    finally:
        if on_quit is not None:
            await on_quit()
    return centre.return_code or 0
