"""The log screen: what happened, the newest first, filtered by level and words, followed or held still."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.log_entries import LEVELS, LogEntry
from gateway_core.model import CommandResult, Snapshot
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.log import log_entry_lines, log_list, log_summary, shown_of
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import BRIGHT_STYLE, MUTED_STYLE, WARN_STYLE
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.rows import Rows

KEPT = 2_000
"""Entries on the screen, as many as the gateway keeps."""
SHOWN_LEVELS = ("info", "warning", "error", "debug")
"""In the order of the key; the last shows all."""


class LogScreen(Place):
    """Reads what is new once a second, and all of it when the filter changes or another gateway answers."""

    place = "log"
    key = "g"
    title_words = "Log"
    explanation = "What happened: commands and who gave them, limits, providers, refusals and failures."
    chosen = {"level": SHOWN_LEVELS}
    filter_hint = "words from the text or source"
    read_every_s = 1.0
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("level", "v", "level", "Lowest level to show: info, warning, error, or all"),
        PlaceAction("pause", "space", "pause", "Pause the log, or follow it again"),
    )
    shared_hints = ("detail", "copy", "kill_switch", "help")

    def __init__(self) -> None:
        super().__init__()
        self.level = SHOWN_LEVELS[0]
        self.paused = False
        self.entries: tuple[LogEntry, ...] = ()
        self.held: tuple[LogEntry, ...] = ()
        """What it shows while it is held still."""
        self.counts: tuple[tuple[str, int], ...] = ()
        self.problem = ""
        self._newest = 0
        self._asked = ("", "")
        self.rows = Rows(id="entries")

    def body(self) -> Iterable[Any]:
        yield LineBar(id="levels")
        yield self.rows

    def on_mount(self) -> None:
        super().on_mount()
        self.rows.focus()

    @property
    def shown(self) -> tuple[LogEntry, ...]:
        return self.held if self.paused else self.entries

    async def read(self) -> None:
        asked = (self.level, self.searched)
        anew = asked != self._asked
        page = await self.centre.source.log(*asked, 0 if anew else self._newest)
        if not page.problem and page.newest < self._newest and not anew:  # another gateway counts from the start
            page, anew = await self.centre.source.log(*asked, 0), True
        self.problem = page.problem
        if page.problem:
            return
        self.counts, self._newest, self._asked = page.counts, page.newest, asked
        before = self.shown
        self.entries = shown_of(page, () if anew else self.entries)[:KEPT]
        if anew:
            self.held, self.rows.cursor = self.entries, 0
        elif self.rows.cursor and not self.paused:
            self._keep_cursor_on(before)

    def _keep_cursor_on(self, before: Sequence[LogEntry]) -> None:
        """A cursor that was moved down stays on its entry while new ones come in above."""
        if self.rows.cursor < len(before):
            key = before[self.rows.cursor].key
            self.rows.cursor = next((at for at, one in enumerate(self.entries) if one.key == key), self.rows.cursor)

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width = self.size.width
        self.query_one("#levels", LineBar).show(log_summary(self.counts, self.level, look, width))
        look = self.centre.look(focused=self.rows.has_focus)
        self.rows.show_rows(log_list(self.shown, self.problem, look, width))

    def title_info(self) -> Sequence[Segment]:
        level = "all levels" if self.level == LEVELS[0] else f"{self.level} and above"
        many = f"{len(self.shown):,} {'entry' if len(self.shown) == 1 else 'entries'}"
        out = [text_segment(f" {many}, {level}", MUTED_STYLE)]
        if self.searched:
            out.append(text_segment(f"  /{preview(self.searched)}", BRIGHT_STYLE))
        if self.paused:
            seen = {entry.id for entry in self.held}
            new = sum(entry.id not in seen for entry in self.entries)
            out.append(text_segment(f"  paused, {new:,} new", WARN_STYLE))
        return out

    def explanations(self) -> list[tuple[str, str]]:
        marks = (
            "E is an error, W a warning, i is information. Repeats within five minutes are counted (x 42). Secrets are "
            "left out. The newest 2,000 entries since the start are kept; llmgw.log in the data folder goes further "
            "back."
        )
        return [*super().explanations(), ("What it keeps", marks)]

    def label_of(self, action: PlaceAction) -> str:
        return "follow" if action.name == "pause" and self.paused else action.label

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def selected(self) -> LogEntry | None:
        return self.shown[min(self.rows.cursor, len(self.shown) - 1)] if self.shown else None

    def copied_text(self) -> tuple[str, str]:
        chosen = self.selected
        return (clean(f"{chosen.level} {chosen.source}: {chosen.text}"), "the entry") if chosen else ("", "")

    async def open_selected(self) -> None:
        if self.selected is None:
            self.centre.say(CommandResult(False, "There is nothing to open here."))
        elif self.centre.screen is self:
            await self.centre.push_screen(LogEntryScreen(self.selected))

    # --- keys ----------------------------------------------------------------------------------------------------

    def do_level(self) -> None:
        """The next level."""
        self.choose("level", SHOWN_LEVELS[(SHOWN_LEVELS.index(self.level) + 1) % len(SHOWN_LEVELS)])
        self.read_again()

    def do_pause(self) -> None:
        """Holds what is shown, or shows what has come meanwhile."""
        self.held, self.paused = self.entries, not self.paused
        if not self.paused:
            self.rows.cursor = 0
        self.redraw()

    def focus_body(self) -> None:
        self.rows.focus()


class LogEntryScreen(OneThingScreen):
    """One entry in full."""

    place: ClassVar[str] = "log_entry"
    title_words = "Log entry"
    explanation = "One log entry in full, without secrets, and how often it was repeated."

    def __init__(self, entry: LogEntry) -> None:
        super().__init__()
        self.entry = entry

    def named(self) -> str:
        return f"#{self.entry.id}"

    def copied_text(self) -> tuple[str, str]:
        return (clean(self.entry.text), "the entry's text")

    def lines(self, width: int) -> tuple[Strip, ...]:
        return log_entry_lines(self.entry, self.centre.look(), width)
