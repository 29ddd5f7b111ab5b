"""The settings screen: what is in force, and where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import CommandResult, Snapshot
from gateway_core.setting_values import SettingsReport, SettingValue
from llmgw_tui.panes.columns import Listing, says
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.settings import (
    SettingsRow,
    key_lines,
    setting_lines,
    settings_list,
    settings_rows,
    settings_summary,
)
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import BRIGHT_STYLE, MUTED_STYLE
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.lines_view import LinesView
from llmgw_tui.widgets.rows import Rows

KEY_SHOWN_S = 60.0
UNDOING: dict[str, tuple[str, dict[str, str]]] = {
    "FORCED TIER": ("force_tier", {"tier": "auto"}),
    "LOCAL_LLM_MODEL": ("switch", {"tier": "local", "model": "auto"}),
    "CHEAP_MODEL": ("switch", {"tier": "cheap", "model": "auto"}),
    "PREMIUM_MODEL": ("switch", {"tier": "premium", "model": "auto"}),
}
"""The command that takes back what the operator set."""


class SettingsScreen(Place):
    """A list in groups that fold. Nothing is changed here but what the operator set over the configuration."""

    place = "settings"
    key = "comma"
    title_words = "Settings"
    explanation = "Every setting: its value, where that came from, and how to change it. Secrets are masked."
    filter_hint = "words from the name, value, source or explanation"
    read_every_s = 10.0
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction(
            "undo",
            "u",
            "undo yours",
            "Undo what you set here over the configuration (forced tier, a model)",
            changes=True,
        ),
        PlaceAction("reload", "R", "reload", "Reload the configuration without a restart", changes=True),
    )
    shared_hints = ("detail", "copy", "help")

    def __init__(self) -> None:
        super().__init__()
        self.report: SettingsReport | None = None
        self.folded: set[str] = set()
        self.rows = Rows(id="settings")

    def body(self) -> Iterable[Any]:
        yield LineBar(id="marks")
        yield self.rows

    def on_mount(self) -> None:
        super().on_mount()
        self.rows.focus()

    async def read(self) -> None:
        self.report = await self.centre.source.settings()

    @property
    def listed(self) -> tuple[SettingsRow, ...]:
        return settings_rows(self.report, self.searched, self.folded) if self.report else ()

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width, report = self.size.width, self.report
        focused = self.centre.look(focused=self.rows.has_focus)
        if report is None:
            self.rows.show_rows(Listing((line(width),), 0, lambda *_: line(width), says(width, "Reading ...")))
            return
        self.query_one("#marks", LineBar).show(settings_summary(report, look, width))
        self.rows.show_rows(settings_list(self.listed, report, self.folded, focused, width))

    def title_info(self) -> Sequence[Segment]:
        if self.report is None:
            return ()
        files = [path for path, is_there in self.report.files if is_there]
        out = [text_segment(f" {len(self.report.settings)} settings", MUTED_STYLE)]
        if self.searched:
            out.append(text_segment(f"  /{preview(self.searched)}", BRIGHT_STYLE))
        if files:
            out.append(text_segment(f"  {preview(files[0])}", MUTED_STYLE))
        return out

    def explanations(self) -> list[tuple[str, str]]:
        order = (
            "Defaults, config.yaml, .env, the environment, flags: each overrides the one before, and what you set here "
            "overrides them all. A dot marks what is not default, R what needs a restart, ! what is configured but not "
            "in force. Enter folds a group."
        )
        return [*super().explanations(), ("Which wins", order)]

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def selected(self) -> SettingsRow | None:
        listed = self.listed
        return listed[min(self.rows.cursor, len(listed) - 1)] if listed else None

    def copied_text(self) -> tuple[str, str]:
        chosen = self.selected
        if isinstance(chosen, SettingValue) and chosen.line:
            return (clean(chosen.line), "its line for the configuration")
        return ("", "")

    async def open_selected(self) -> None:
        chosen = self.selected
        if isinstance(chosen, SettingValue):
            if self.centre.screen is self:
                kind = GatewayKeyScreen if chosen.name == "GATEWAY_SECRET" else SettingScreen
                await self.centre.push_screen(kind(chosen))
        elif chosen is not None:
            self.folded ^= {chosen}
            self.redraw()
        else:
            self.centre.say(CommandResult(False, "There is nothing to open here."))

    # --- keys ----------------------------------------------------------------------------------------------------

    async def do_undo(self) -> None:
        """Takes back what the operator set, where a command does that."""
        chosen = self.selected
        if not isinstance(chosen, SettingValue) or chosen.source != "operator":
            self.centre.say(CommandResult(False, "This is as configured: there is nothing to undo."))
        elif chosen.name in UNDOING:
            command, arguments = UNDOING[chosen.name]
            await self.centre.command(command, **arguments)
        else:
            self.centre.say(CommandResult(False, f"Undo it with {chosen.undo}."))

    async def do_reload(self) -> None:
        await self.centre.command("reload")

    def filter_changed(self) -> None:
        self.rows.cursor = 0
        self.redraw()

    def focus_body(self) -> None:
        self.rows.focus()


class SettingScreen(OneThingScreen):
    """One setting in full."""

    place: ClassVar[str] = "setting"
    title_words = "Setting"
    explanation = "One setting: what it does, its value and why, what it may be, and the line that changes it."

    def __init__(self, setting: SettingValue) -> None:
        super().__init__()
        self.setting = setting

    def named(self) -> str:
        return self.setting.name

    def copied_text(self) -> tuple[str, str]:
        line_of = clean(self.setting.line)
        return (line_of, "its line for the configuration") if line_of else ("", "")

    def lines(self, width: int) -> tuple[Strip, ...]:
        return setting_lines(self.setting, self.centre.look(), width)


class GatewayKeyScreen(SettingScreen):
    """The setting of the gateway's key. The key itself is shown when that is asked for, and not for long."""

    place: ClassVar[str] = "gateway_key"
    explanation = (
        "The key that every client sends. It is hidden until you ask for it, and again after a minute or when you go "
        "on; an attached screen shows the key that it was given."
    )
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("show", "v", "show the key", "Show the key itself, or hide it again"),
        PlaceAction("copy_key", "Y", "copy the key", "Copy the key itself to the clipboard, and into no file"),
    )

    def __init__(self, setting: SettingValue) -> None:
        super().__init__(setting)
        self._key: str | None = None
        """While it is shown."""
        self._until = 0.0

    def lines(self, width: int) -> tuple[Strip, ...]:
        return (*key_lines(self._key, self.centre.look(), width), *super().lines(width))

    def label_of(self, action: PlaceAction) -> str:
        return "hide the key" if action.name == "show" and self._key else super().label_of(action)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        if self._key and self.centre.loop_time() >= self._until:
            self._show(None)

    def on_screen_suspend(self) -> None:
        self._show(None)

    async def do_show(self) -> None:
        if self._key:
            self._show(None)
        elif key := await self._known():
            self._until = self.centre.loop_time() + KEY_SHOWN_S
            self._show(key)

    async def do_copy_key(self) -> None:
        if key := await self._known():
            await self.centre.to_clipboard(key, "the gateway's key", secret=True)

    async def _known(self) -> str:
        key = clean(await self.centre.source.key())
        if not key:
            self.centre.say(CommandResult(False, "The gateway's key is not known here."))
        return key

    def _show(self, key: str | None) -> None:
        if key != self._key:
            self._key = key
            self.query_one(LinesView).remake()
            self.redraw()
