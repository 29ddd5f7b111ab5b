"""The routing screen: who serves each tier and how they do, where requests went and why, and where one would go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import CommandResult, Snapshot
from gateway_core.routing_values import LineupPlace, RouteDecision, RouteTrial, RoutingStatus
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.routing import (
    count_rows,
    counts_list,
    decisions_list,
    lineup_list,
    routing_summary,
    trial_target,
)
from llmgw_tui.panes.routing_details import place_lines, trial_lines
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.screens.place import Place, PlaceAction, tabs
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import BRIGHT_STYLE
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.rows import Rows

LINEUP, DECISIONS, COUNTS = "lineup", "decisions", "counts"
LISTS = {LINEUP: "line-up", DECISIONS: "decisions", COUNTS: "routes"}
ALL_FROM, TWO_FROM = 30, 20
"""Rows of the terminal from which all lists are in sight, or the line-up with one of the others; below it one."""
MOST_PLACES = 10
MOST_COUNTS = 12


class RoutingScreen(Place):
    """Three lists, as many in sight as there is room for; ``tab`` goes on."""

    place = "routing"
    key = "t"
    title_words = "Routing"
    explanation = "Which models serve each tier and how well, where requests went and why, and where a prompt would go."
    filter_hint = "decisions: words from the prompt, route or model"
    read_every_s = 2.0
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("other", "tab", "next list", "Next list: line-up, decisions, routes"),
        PlaceAction("before", "shift+tab", "list before", "Previous list", footer=False),
        PlaceAction("try", "i", "try a prompt", "Show where a prompt would go and why, without calling anything"),
        PlaceAction("again", "a", "call again", "Call a provider again at once after it was paused", changes=True),
    )
    shared_hints = ("detail", "switch", "kill_switch", "help")

    def __init__(self) -> None:
        super().__init__()
        self.status: RoutingStatus | None = None
        self.showing = LINEUP
        self.lists = {name: Rows(id=name) for name in LISTS}
        self._heights: dict[str, int | None] = {}

    def body(self) -> Iterable[Any]:
        yield LineBar(id="summary")
        yield from self.lists.values()

    def on_mount(self) -> None:
        super().on_mount()
        self.focus_body()

    async def read(self) -> None:
        self.status = await self.centre.source.routing()

    # --- drawing -------------------------------------------------------------------------------------------------

    @property
    def decisions(self) -> tuple[RouteDecision, ...]:
        """Those that are searched for."""
        wanted = self.searched.casefold()
        found = self.status.decisions if self.status else ()
        if not wanted:
            return found
        return tuple(one for one in found if wanted in f"{one.preview}\n{one.route}\n{one.target}".casefold())

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width, status = self.size.width, self.status
        self._place_lists(status)
        if status is None:
            return
        self.query_one("#summary", LineBar).show(routing_summary(status, look, width))
        looks = {name: self.centre.look(focused=rows.has_focus) for name, rows in self.lists.items()}
        self.lists[LINEUP].show_rows(lineup_list(status, looks[LINEUP], width))
        self.lists[DECISIONS].show_rows(decisions_list(status, self.decisions, looks[DECISIONS], width))
        self.lists[COUNTS].show_rows(counts_list(status, looks[COUNTS], width))

    def _place_lists(self, status: RoutingStatus | None) -> None:
        """The line-up is as high as it is where others are in sight, and so are the counts where all are."""
        height = self.size.height
        heights: dict[str, int | None] = dict.fromkeys(LISTS)
        in_sight = {self.showing}
        if status is not None and height >= TWO_FROM:
            in_sight = {LINEUP, COUNTS if self.showing == COUNTS else DECISIONS}
            heights[LINEUP] = min(MOST_PLACES, len(status.lineup) + 2, height // 3)
        if status is not None and height >= ALL_FROM:
            in_sight = set(LISTS)
            heights[COUNTS] = min(MOST_COUNTS, len(count_rows(status)) + 1, height // 3)
        for name, rows_widget in self.lists.items():
            rows_widget.display = name in in_sight
            if self._heights.get(name, 0) != heights[name]:
                self._heights[name] = heights[name]
                rows_widget.styles.height = "1fr" if heights[name] is None else heights[name]

    def title_info(self) -> Sequence[Segment]:
        words = tabs(LISTS, self.showing)
        if self.searched:
            words.append(text_segment(f"  /{preview(self.searched)}", BRIGHT_STYLE))
        return words

    def explanations(self) -> list[tuple[str, str]]:
        marks = (
            "Each tier's first choice comes first. A triangle marks the model asked next, x one that is paused, - one "
            "that is not usable; ? marks a guessed price. Times are from the newest 200 answers, errors from the last "
            "hour. Moved counts requests whose tier could not take them, fell back those whose model failed."
        )
        return [*super().explanations(), ("How to read it", marks)]

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def selected(self) -> LineupPlace | RouteDecision | None:
        if self.status is None or self.showing == COUNTS:
            return None
        listed: Sequence[LineupPlace | RouteDecision] = self.status.lineup if self.showing == LINEUP else self.decisions
        return listed[min(self.lists[self.showing].cursor, len(listed) - 1)] if listed else None

    @property
    def cached_request(self) -> str:
        """The request under the cursor, if a cache answered it."""
        chosen = self.selected
        return chosen.id if isinstance(chosen, RouteDecision) and chosen.served_by == "cache" else ""

    def copied_text(self) -> tuple[str, str]:
        chosen = self.selected
        if isinstance(chosen, RouteDecision):
            return (clean(chosen.id), "the request's id")
        if chosen is not None and chosen.provider:
            return (clean(f"{chosen.provider}/{chosen.model}"), "the model's name")
        return ("", "")

    async def open_selected(self) -> None:
        chosen = self.selected
        if isinstance(chosen, RouteDecision):
            await self.centre.show_detail(chosen.id)
        elif isinstance(chosen, LineupPlace) and self.centre.screen is self:
            await self.centre.push_screen(LineupPlaceScreen(chosen))
        elif chosen is None:
            self.centre.say(CommandResult(False, "There is nothing to open here."))

    # --- keys ----------------------------------------------------------------------------------------------------

    def do_other(self) -> None:
        self._turn(1)

    def do_before(self) -> None:
        self._turn(-1)

    def action_turn_to(self, name: str) -> None:
        self._turn(list(LISTS).index(name) - list(LISTS).index(self.showing))

    def _turn(self, by: int) -> None:
        names = list(LISTS)
        self.showing = names[(names.index(self.showing) + by) % len(names)]
        self._place_lists(self.status)
        self.focus_body()
        self.redraw()

    async def do_try(self) -> None:
        """Asks for a prompt, and shows where it would go."""
        prompt = await self.centre.ask("Where would this prompt go?", "Nothing is called or stored")
        if prompt:
            trial = await self.centre.source.trial(prompt)
            if self.centre.screen is self:
                await self.centre.push_screen(TrialScreen(trial))

    async def do_again(self) -> None:
        """Has the provider under the cursor called again; elsewhere asks which of those that are left alone."""
        chosen = self.selected
        if isinstance(chosen, LineupPlace) and chosen.provider:
            await self.centre.command("retry_provider", provider=chosen.provider)
            return
        lineup = self.status.lineup if self.status else ()
        waiting = list(dict.fromkeys(place.provider for place in lineup if place.circuit != "closed" or place.paused))
        if not waiting:
            self.centre.say(CommandResult(False, "No provider is paused."))
        elif name := await self.centre.choose("Call which provider again?", [(one, one) for one in waiting]):
            await self.centre.command("retry_provider", provider=name)

    def on_descendant_focus(self) -> None:
        """A list that is clicked is the one in front."""
        for name, rows in self.lists.items():
            if rows.has_focus:
                self.showing = name

    def start_filter(self) -> None:
        self.showing = DECISIONS
        super().start_filter()

    def filter_changed(self) -> None:
        self.lists[DECISIONS].cursor = 0
        self.redraw()

    def focus_body(self) -> None:
        self.lists[self.showing].display = True
        self.lists[self.showing].focus()


class TrialScreen(OneThingScreen):
    """Where one prompt would go."""

    place: ClassVar[str] = "trial"
    title_words = "Where it would go"
    explanation = "Where a prompt would go now and why, the fallbacks, and the most it can cost."

    def __init__(self, trial: RouteTrial) -> None:
        super().__init__()
        self.trial = trial

    def named(self) -> str:
        return preview(trial_target(self.trial))

    def lines(self, width: int) -> tuple[Strip, ...]:
        return trial_lines(self.trial, self.centre.look(), width)


class LineupPlaceScreen(OneThingScreen):
    """One model of a line-up. What it shows is as it was when it was opened."""

    place: ClassVar[str] = "lineup_place"
    title_words = "In the line-up"
    explanation = "One model of a tier: health, last error, latency, and its provider's own limits."
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("again", "a", "call again", "Call its provider again at once, if it is paused", changes=True),
    )

    def __init__(self, shown: LineupPlace) -> None:
        super().__init__()
        self.shown = shown

    def named(self) -> str:
        return preview(f"{self.shown.provider}/{self.shown.model}") if self.shown.provider else ""

    def lines(self, width: int) -> tuple[Strip, ...]:
        return place_lines(self.shown, self.centre.look(), width)

    async def do_again(self) -> None:
        if self.shown.provider:
            await self.centre.command("retry_provider", provider=self.shown.provider)
        else:
            self.centre.say(CommandResult(False, "Nobody serves this tier: there is nobody to call."))
