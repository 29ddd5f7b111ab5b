"""The half of the control centre that faces the terminal: themes, what is painted, and what becomes of a lost one."""

from __future__ import annotations

from typing import Any

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.screen import Screen

from gateway_core.model import CommandResult
from llmgw_tui.hosting import Hosting
from llmgw_tui.painting import Painter, Signs
from llmgw_tui.palettes import Plain
from llmgw_tui.setup import Setup
from llmgw_tui.source import Source
from llmgw_tui.terminal import FRAMES_BEHIND, PatientDriver, frames_waiting, hung_up, writes_dropped
from llmgw_tui.theme import ASCII, CONSOLE, UNICODE

GLYPHS = {Signs.ALL: UNICODE, Signs.CONSOLE: CONSOLE, Signs.ASCII: ASCII}


class Painted(Hosting, inherit_bindings=False):
    """Paints the cells that changed; skips frames while the terminal is behind."""

    def __init__(self, source: Source, setup: Setup) -> None:
        signs = Signs.ASCII if setup.ascii_only else setup.signs
        super().__init__(source, setup.keys, GLYPHS[signs], PatientDriver)
        self.setup = setup
        self.remembered = setup.remembered
        self.painter = Painter(signs)
        self.frames_skipped = 0
        self.terminal_lost = False
        self._behind = False
        self._dropped = 0
        self.animation_level = "none"
        for theme in setup.themes.by_name.values():
            self.register_theme(theme)
        self.theme = setup.theme
        self._follow_theme()

    # --- themes ----------------------------------------------------------------------------------------------------

    async def choose_theme(self) -> None:
        """Asks for a theme, and keeps it."""
        before = self.theme
        names = [(name, f"{name}{'  (current)' if name == before else ''}") for name in self.setup.themes.by_name]
        name = await self.choose("Which theme?", names)
        if name is not None:
            self.theme = name
            self._follow_theme()
            self.remembered.set("theme", name)
            self.repaint()
            self.say(CommandResult(True, f"Theme: {name}."))

    def toggle_ascii(self) -> None:
        """ASCII instead of lines, blocks and marks, or back; kept."""
        ascii_only = self.painter.signs is not Signs.ASCII
        self.painter.signs = Signs.ASCII if ascii_only else self.setup.signs
        self.glyphs = GLYPHS[self.painter.signs]
        self.remembered.set("ascii", ascii_only)
        self.beat()
        self.repaint()
        words = "Drawing with ASCII only." if ascii_only else "Drawing with all characters."
        self.say(CommandResult(True, words))

    def _follow_theme(self) -> None:
        theme = self.current_theme
        self.painter.colourless = isinstance(theme, Plain) and not theme.colours

    @property
    def faded(self) -> bool:
        """Whether what is shown is old: no word from the gateway."""
        return self.snapshot is not None and not self.source.connected

    # --- painting --------------------------------------------------------------------------------------------------

    def repaint(self) -> None:
        """Writes the whole screen anew, whatever the terminal shows."""
        self.painter.forget()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """What a terminal shows after its size has changed is its own affair, even when it is the same again.

        The next beat repaints all: frames for a size that was, on their way meanwhile, have left marks.
        """
        self.painter.forget()
        self._behind = True

    def catch_up(self) -> None:
        """After the terminal was behind: everything once. Leaves when it has gone."""
        if writes_dropped(self._driver) != self._dropped and not frames_waiting(self._driver):
            self._dropped, self._behind = writes_dropped(self._driver), True
        if self._behind and not frames_waiting(self._driver):
            self._behind = False
            self.repaint()
        if hung_up(self._driver):
            self.hang_up()

    def hang_up(self) -> None:
        """The terminal has gone, or SIGHUP says so."""
        self.terminal_lost = True
        self.leave()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Skips the frame while the terminal is behind; :meth:`catch_up` repaints when it has caught up."""
        if frames_waiting(self._driver) >= FRAMES_BEHIND:
            self._behind = True
            self.frames_skipped += 1
            self.post_display_hook()
            return
        drawn = self._running and not self._closed and not self.is_headless and not self._batch_count
        if drawn and isinstance(renderable, LayoutUpdate | ChopsUpdate):
            colours = self.console._color_system or ColorSystem.STANDARD
            colours = ColorSystem.STANDARD if self.current_theme.ansi else colours
            super()._display(screen, self.painter.frame(renderable, *self.size, colours))  # type: ignore[arg-type]
        else:
            super()._display(screen, renderable)
