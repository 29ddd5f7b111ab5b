"""What the actions ask of the app: where a person is, questions, commands, screens."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from rich.segment import Segment
from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.driver import Driver
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from gateway_core.model import CommandResult, RequestRow, Snapshot, Tier
from llmgw_tui import toasts
from llmgw_tui.actions import Action
from llmgw_tui.clipboard import Clipboard
from llmgw_tui.keymap import Keys
from llmgw_tui.panes.draw import Look, clicked, segments_width, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.header import Link
from llmgw_tui.places import BY_NAME, EVERYWHERE, INSIDE, PLACES
from llmgw_tui.screens.dashboard import Dashboard
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.help import HelpScreen
from llmgw_tui.screens.palette import ActionsPalette
from llmgw_tui.screens.place import Place
from llmgw_tui.screens.pull_question import PullQuestion
from llmgw_tui.screens.questions import Ask, Choose, Confirm
from llmgw_tui.source import Source
from llmgw_tui.text import clean
from llmgw_tui.theme import BRIGHT_STYLE, KEY_STYLE, MUTED_STYLE, UNICODE, Glyphs
from llmgw_tui.type_ahead import TypeAhead

TOAST_S = 5.0
READ_ONLY = "Read-only: nothing can be changed from here."

_OPENED_BY: ContextVar[str] = ContextVar("opened_by", default="")
"""The action that a question comes from."""
_RESTED: ContextVar[ExitStack | None] = ContextVar("rested", default=None)
"""Closed when the action is done, or waits for a person."""


class Hosting(App[None], inherit_bindings=False):
    """The half of the control centre that actions see. The other half, :mod:`llmgw_tui.app`, draws."""

    dashboard: Dashboard
    everywhere = EVERYWHERE
    place_names = tuple(place.place for place in PLACES)

    folder: Path | None = None
    """Where copies and exports are written; None writes none."""

    def __init__(self, source: Source, keys: Keys, glyphs: Glyphs, driver: type[Driver]) -> None:
        super().__init__(driver_class=driver)
        self.source = source
        self.keys = keys
        self.glyphs = glyphs
        self._snapshot: Snapshot | None = None
        self.typed = TypeAhead(self)

    # --- what there is to see --------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot | None:
        return self._snapshot

    @property
    def link(self) -> Link:
        source = self.source
        return Link(source.attached, source.connected, source.stale_since, source.status)

    @property
    def leaves_gateway_running(self) -> bool:
        return self.source.attached

    def look(self, *, focused: bool = False) -> Look:
        """What views need besides the snapshot."""
        raise NotImplementedError

    def loop_time(self) -> float:
        """The event loop's time in seconds."""
        raise NotImplementedError

    def beat(self) -> None:
        """Takes a snapshot, and draws the screen in sight."""
        raise NotImplementedError

    def hint(self, name: str) -> Hint:
        """The footer's words for an action of everywhere."""
        snapshot, action = self._snapshot, BY_NAME[name]
        killed = snapshot is not None and snapshot.kill.on
        forced = snapshot.forced_tier if snapshot is not None else None
        lit = {"force_auto": snapshot is not None and forced is None, "kill_switch": killed}
        lit |= {f"force_{tier.value}": forced is tier for tier in Tier}
        if name == "thumb_up":
            return self._thumbs_hint()
        label = "release" if killed and name == "kill_switch" else action.label
        return Hint(self.keys.shown(name, self.glyphs), label, name, lit.get(name, False), bool(self.why_not(name)))

    def _thumbs_hint(self) -> Hint:
        """Both thumbs in one, so that neither is seen without the other."""
        names = tuple(name for name in ("thumb_up", "thumb_down") if self.keys.of(name))
        shown = " ".join(self.keys.shown(name, self.glyphs) for name in names)
        return Hint(shown, "judge", "thumb_up", grey=bool(self.why_not("thumb_up")), actions=names)

    def why_not(self, name: str) -> str:
        """Why the action ``name`` or ``place.name`` cannot be done now; empty where it can."""
        known = BY_NAME.get(name) or INSIDE[name]
        if known.changes and self._snapshot is not None and self._snapshot.read_only:
            return READ_ONLY
        if isinstance(known, Action):
            return known.why_not(self) if known.why_not else ""
        place = self.place_in_sight
        return place.why_not(known) if place and name.startswith(f"{place.place}.") else ""

    def signposts(self, here: str, room: int) -> list[Segment]:
        """The keys of all screens, the one in sight lit: with names, without, or none, as ``room`` allows."""
        named, short = [], []
        for place in PLACES:
            key = self.keys.shown(place.place, UNICODE)
            style = BRIGHT_STYLE if place.place == here else MUTED_STYLE
            if key and place.signpost:
                words = [text_segment(f"{key} ", KEY_STYLE), text_segment(f"{place.title_words.lower()}  ", style)]
                to = "" if place.place == here else f"app.do('{place.place}')"
                named += [clicked(word, to) if to else word for word in words]
                short.append(clicked(text_segment(f"{key} ", style), to) if to else text_segment(f"{key} ", style))
        return next((words for words in (named, short) if segments_width(words) < room), [])

    # --- where a person is -----------------------------------------------------------------------------------------

    @property
    def place_in_sight(self) -> Place | None:
        """The topmost screen that is no question; None while the app starts and ends, or Textual's own is on top."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Place):
                return screen
            if not screen.is_modal:
                return None
        return None

    @property
    def here(self) -> str:
        place = self.place_in_sight
        return place.place if place else ""

    @property
    def request(self) -> RequestRow | None:
        place = self.place_in_sight
        return place.request if place else None

    @property
    def cached_request(self) -> str:
        place = self.place_in_sight
        return place.cached_request if place else ""

    @property
    def local_model(self) -> str:
        place = self.place_in_sight
        return place.local_model if place else ""

    @property
    def unfinished_pull(self) -> str:
        place = self.place_in_sight
        return place.unfinished_pull if place else ""

    @property
    def judged(self) -> tuple[str, str]:
        place = self.place_in_sight
        return place.judged if place else ("", "")

    def copied_text(self) -> tuple[str, str]:
        place = self.place_in_sight
        return place.copied_text() if place else ("", "")

    async def go(self, place: str, *, filtered_by: str | None = None) -> None:
        """Shows a screen by its name; what was open over it is left. It is as it was when it was seen last."""
        wanted = self._made(place)
        while self.screen is not wanted and len(self.screen_stack) > 1:
            await self.pop_screen()
        if self.screen is not wanted:
            await self.push_screen(wanted)
            wanted.came_to()
        if filtered_by is not None:
            wanted.set_filter(filtered_by)

    def _made(self, place: str) -> Place:
        if place == self.dashboard.place:
            return self.dashboard
        if not self.is_screen_installed(place):
            self.install_screen(next(kind for kind in PLACES if kind.place == place)(), place)
        found = self.get_screen(place)
        assert isinstance(found, Place)
        return found

    async def go_back(self) -> None:
        if isinstance(self.screen, Place):
            self.screen.leave()

    async def open_selected(self) -> None:
        if place := self.place_in_sight:
            await place.open_selected()

    def start_filter(self) -> None:
        if place := self.place_in_sight:
            place.start_filter()

    def toggle_maximised(self) -> str:
        place = self.place_in_sight
        return place.toggle_maximised() if place else ""

    # --- keys ------------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """One key after the other, each for what the one before has opened."""
        if (
            not isinstance(event, events.Key)
            or event.is_forwarded
            or event.key in self.keys.of("kill_anywhere").split(",")
        ):
            await super().on_event(event)
        elif self.screen_stack and self.typed.admits(event):  # a key that was held may come as the last screen goes
            to = self.focused or self.screen
            await super().on_event(event)
            self.typed.delivered(to)

    # --- doing -----------------------------------------------------------------------------------------------------

    def action_do(self, name: str) -> None:
        """Runs the action ``name`` or ``place.name``; it may wait for answers while the screen goes on."""
        self.typed.began()
        self.run_worker(self._do(name), name=name, group="actions")

    async def _do(self, name: str) -> None:
        _OPENED_BY.set(name)
        rested = ExitStack()
        rested.callback(self.typed.rested)
        _RESTED.set(rested)
        with rested:
            await self._act(name)

    async def _act(self, name: str) -> None:
        if why := self.why_not(name):
            self.say(CommandResult(False, why))
        elif name in BY_NAME:
            await BY_NAME[name].run(self)
        elif name in INSIDE and (place := self.place_in_sight) is not None and name.startswith(f"{place.place}."):
            done: Any = getattr(place, f"do_{INSIDE[name].name}")()
            if done is not None:
                await done
        elif (elsewhere := name.partition(".")[0]) in self.place_names:
            await self.go(elsewhere)
            if reading := [worker for worker in self.workers if worker.name == "read"]:
                await self.workers.wait_for_complete(reading)
            await self._act(name)
        else:
            self.say(CommandResult(False, f"{name} is done on another screen."))

    def action_kill_at_once(self) -> None:
        """For questions: ``k`` stops everything from there too, and never releases."""
        if self._snapshot is None or not self._snapshot.kill.on:
            self.action_do("kill_switch")
        else:
            self.say(CommandResult(True, "The kill switch is on. It is released outside of this question."))

    async def to_clipboard(self, text: str, name: str, *, secret: bool = False) -> None:
        """Copies ``text``, and says what became of it. A ``secret`` goes into no file."""
        clipboard = Clipboard(None if secret else self.folder, os.environ, self.copy_to_clipboard)
        self.say(CommandResult(*await clipboard.copy(text, name)))

    def say(self, result: CommandResult) -> None:
        """A toast. What it says may be foreign."""
        if result.message:
            severity: SeverityLevel = "information" if result.ok else "warning"
            toasts.add(self._notifications, clean(result.message), severity, TOAST_S, self.size.height)
            self._refresh_notifications()

    async def command(self, name: str, **arguments: object) -> CommandResult:
        """Runs a command of the gateway and says what it did."""
        result = await self.source.run(name, **arguments)
        self.say(result)
        self.beat()
        if place := self.place_in_sight:
            place.read_again()
        return result

    async def judge(self, verdict: str) -> None:
        """Gives the request under the cursor a thumb; nothing is read again for it, so that the cursor stays."""
        place = self.place_in_sight
        if place is None or not (request_id := place.judged[0]):
            return
        wanted = "clear" if place.judged[1] == verdict else verdict
        result = await self.source.run("label_request", request_id=request_id, verdict=wanted)
        self.say(result)
        if result.ok:
            place.was_judged(request_id, "" if wanted == "clear" else wanted)
        self.beat()

    # --- questions and screens -------------------------------------------------------------------------------------

    async def _answer(self, question: ModalScreen[str | None]) -> str | None:
        """What a person answers; the keys that are typed from now on are for the question."""
        answer = self.push_screen(question, wait_for_dismiss=True)
        if rested := _RESTED.get():
            rested.close()
        return await asyncio.shield(answer)

    async def confirm(self, question: str, detail: str) -> bool:
        """Asks for a yes, by a key that is none of those that opened the question."""
        opened_by = _OPENED_BY.get()
        return await self._answer(Confirm(question, detail, self.keys.of(opened_by) if opened_by else "")) == "yes"

    async def ask(self, question: str, hint: str, value: str = "") -> str | None:
        return await self._answer(Ask(question, hint, value))

    async def confirm_pull(self, name: str) -> bool:
        return await self._answer(PullQuestion(name, self.source.fit, self.keys.of("pull"))) == "yes"

    async def choose(self, question: str, options: list[tuple[str, str]]) -> str | None:
        return await self._answer(Choose(question, options))

    async def show_detail(self, request_id: str) -> None:
        """Everything kept of a request."""
        before = self.screen
        detail = await self.source.detail(request_id)
        if detail is None:
            self.say(CommandResult(False, "This request is no longer kept."))
        elif isinstance(before, DetailScreen):
            self.say(CommandResult(False, "This request is open already."))
        elif self.screen is before:
            await self.push_screen(DetailScreen(detail, before if isinstance(before, Place) else None))

    async def show_help(self) -> None:
        place = self.place_in_sight
        if isinstance(place, HelpScreen):
            self.say(CommandResult(False, "This is the help."))
        elif place is not None:
            await self.push_screen(HelpScreen(place))

    async def show_palette(self) -> None:
        if not CommandPalette.is_open(self):  # type: ignore[arg-type]
            await self.push_screen(ActionsPalette(placeholder="Find an action or a screen"))

    async def choose_theme(self) -> None:
        """Asks for a theme."""
        raise NotImplementedError

    def toggle_ascii(self) -> None:
        """ASCII only, or back."""
        raise NotImplementedError

    def leave(self) -> None:
        self.exit()
