"""The control centre: a Textual app on a :class:`~llmgw_tui.source.Source`, run inside the gateway's own event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

from rich.console import RenderableType
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from gateway_core.events import Notice, PullProgress
from gateway_core.model import CommandResult, RequestRow, Snapshot, Tier
from llmgw_tui.actions import ACTIONS, BY_NAME
from llmgw_tui.clock import LocalClock, ScreenClock
from llmgw_tui.keymap import Keys, read_keymap
from llmgw_tui.panes.draw import Look
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.header import Link
from llmgw_tui.screens.cache import CacheScreen
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.dashboard import Dashboard
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.help import HelpScreen
from llmgw_tui.screens.palette import ActionsProvider
from llmgw_tui.screens.questions import Ask, Choose, Confirm
from llmgw_tui.source import Source
from llmgw_tui.terminal import FRAMES_BEHIND, PatientDriver, ended_by_signals, frames_waiting, hung_up
from llmgw_tui.text import clean
from llmgw_tui.theme import ASCII, DARK, UNICODE
from llmgw_tui.widgets import chart
from llmgw_tui.widgets.pane import Pane

UPDATES_PER_SECOND = 4.0
STAGGER_S = 0.035
"""Panes are drawn one after another, not in one go, so that requests get in between (facts/tui.md)."""
CHARTS_EVERY_S = 1.0
TOAST_S = 5.0


class ControlCentre(App[None], inherit_bindings=False):
    """The screens, the actions' host and the heartbeat that draws."""

    TITLE = "llmgw"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {ActionsProvider}
    ENABLE_COMMAND_PALETTE = False
    """The palette is one of our actions, and so has a key that can be remapped."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.keys, f"do('{action.name}')", action.label, id=action.name, show=False)
        for action in ACTIONS
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
        super().__init__(driver_class=PatientDriver)
        self.source = source
        self.keys = keys or Keys()
        self.frames_skipped = 0
        self._clock = clock or LocalClock()
        self._glyphs = ASCII if ascii_only else UNICODE
        self._every_s = 1 / max(0.1, updates_per_second)
        self._snapshot: Snapshot | None = None
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
        """Takes a snapshot and draws the header and the footer; the panes follow one by one."""
        if self._behind and not frames_waiting(self._driver):
            self._behind = False
            self.refresh()
        if hung_up(self._driver):
            self.leave()
            return
        self._snapshot = self.source.snapshot()
        if self._snapshot is not None and self._now() - self._charts_at >= CHARTS_EVERY_S:
            self._charts, self._charts_at = self._snapshot, self._now()
        dashboard = self.dashboard
        if self._dashboard_in_sight:
            dashboard.set_notices(bool(self._snapshot and self._snapshot.notices))
            dashboard.header.update(self._snapshot, self._link(), self.look())
            dashboard.footer.update(self._hints())

    def draw_pane(self, pane: Pane) -> None:
        """Draws one pane from the latest snapshot, if it is in sight."""
        if self._dashboard_in_sight and pane.is_mounted and pane.display:
            pane.update(self._snapshot, self.look(focused=pane.has_focus))

    @property
    def _dashboard_in_sight(self) -> bool:
        """A question is asked over the dashboard, which goes on; the detail and help screens hide it."""
        stack = self.screen_stack  # empty while the app ends
        return bool(stack) and self.dashboard.is_mounted and (stack[-1] is self.dashboard or stack[-1].is_modal)

    def look(self, *, focused: bool = False) -> Look:
        return Look(self._clock.now(), self._clock.zone, self._glyphs, focused, self._charts)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _link(self) -> Link:
        source = self.source
        return Link(source.attached, source.connected, source.stale_since, source.status)

    def _hints(self) -> tuple[Hint, ...]:
        snapshot = self._snapshot
        killed = snapshot is not None and snapshot.kill.on
        forced = snapshot.forced_tier if snapshot is not None else None
        lit = {"force_auto": snapshot is not None and forced is None, "kill_switch": killed}
        lit |= {f"force_{tier.value}": forced is tier for tier in Tier}
        return tuple(
            Hint(
                self.keys.shown(action.name, self._glyphs),
                "release" if killed and action.name == "kill_switch" else action.label,
                action.name,
                lit.get(action.name, False),
            )
            for action in ACTIONS
            if action.footer and self.keys.of(action.name)
        )

    async def _follow_events(self) -> None:
        async for event in self.source.events():
            if isinstance(event, Notice):
                self.say(CommandResult(event.level == "info", event.text))
            elif isinstance(event, PullProgress) and (event.pull.done or event.pull.error):
                pull = event.pull
                words = f"Pulling {pull.model} failed: {pull.error}" if pull.error else f"{pull.model} is pulled."
                self.say(CommandResult(not pull.error, words))

    # --- the actions' host ---------------------------------------------------------------------------------------

    def action_do(self, name: str) -> None:
        """Runs the action ``name``; it may wait for answers while the screen goes on."""
        self.run_worker(BY_NAME[name].run(self), name=name, group="actions")

    @property
    def snapshot(self) -> Snapshot | None:
        return self._snapshot

    @property
    def leaves_gateway_running(self) -> bool:
        return self.source.attached

    @property
    def request(self) -> RequestRow | None:
        if isinstance(self.screen, DetailScreen):
            return self.screen.detail.row
        return self.dashboard.requests.selected

    @property
    def cached_request(self) -> str:
        if isinstance(self.screen, CacheScreen):
            return self.screen.selected_request
        row = self.request
        return row.id if row and row.cache.is_hit else ""

    def copied_text(self) -> tuple[str, str]:
        if isinstance(self.screen, DetailScreen | CacheScreen | CachedAnswerScreen):
            return self.screen.copied_text()
        row = self.request
        return (clean(row.id), "the request's id") if row else ("", "")

    def say(self, result: CommandResult) -> None:
        """A toast. What it says may be foreign."""
        if result.message:
            severity = "information" if result.ok else "warning"
            self.notify(clean(result.message), severity=severity, timeout=TOAST_S, markup=False)  # type: ignore[arg-type]

    async def command(self, name: str, **arguments: object) -> CommandResult:
        """Runs a command of the gateway and says what it did."""
        result = await self.source.run(name, **arguments)
        self.say(result)
        self.beat()
        if isinstance(self.screen, CacheScreen):
            self.screen.read_again()
        return result

    async def confirm(self, question: str, detail: str) -> bool:
        return await self.push_screen_wait(Confirm(question, detail)) == "yes"

    async def ask(self, question: str, hint: str, value: str = "") -> str | None:
        return await self.push_screen_wait(Ask(question, hint, value))

    async def choose(self, question: str, options: list[tuple[str, str]]) -> str | None:
        return await self.push_screen_wait(Choose(question, options))

    async def show_detail(self, request_id: str) -> None:
        before = self.screen
        detail = await self.source.detail(request_id)
        if detail is None:
            self.say(CommandResult(False, "Nothing is kept of this request."))
        elif self.screen is before and not isinstance(before, DetailScreen):
            await self.push_screen(DetailScreen(detail))

    async def show_cache(self) -> None:
        if not isinstance(self.screen, CacheScreen):
            await self.push_screen(CacheScreen())

    async def show_help(self) -> None:
        current = self.dashboard.current
        panes = sorted(self.dashboard.panes, key=lambda pane: pane is not current)
        await self.push_screen(HelpScreen([(pane.title, pane.explanation) for pane in panes]))

    def show_palette(self) -> None:
        if not CommandPalette.is_open(self):  # type: ignore[arg-type]
            self.push_screen(CommandPalette(placeholder="Find an action"))

    def start_filter(self) -> None:
        if isinstance(self.screen, Dashboard | CacheScreen):
            self.screen.start_filter()

    def toggle_maximised(self) -> str:
        return self.dashboard.toggle_maximised()

    def leave(self) -> None:
        self.exit()

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
    ascii_only: bool = False,
    updates_per_second: float = UPDATES_PER_SECOND,
    clock: ScreenClock | None = None,
) -> int:
    """Shows the control centre until it is left, and returns the exit code: 0, or 1 when the screen failed.

    To be awaited in the gateway's event loop, with a source that was started; whoever made it closes it.
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
    try:
        with ended_by_signals(centre.leave):
            await centre.run_async()
    finally:
        if on_quit is not None:
            await on_quit()
    return centre.return_code or 0
