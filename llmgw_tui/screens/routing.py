"""The routing screen: who serves each tier and how they do, where requests went and why, and where one would go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.learning_values import HeadVersion, LearningStatus, ShownLabel, WaitingSample
from gateway_core.model import CommandResult, Snapshot
from gateway_core.routing_values import LineupPlace, RouteDecision, RouteTrial, RoutingStatus
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.learning import LearningRow, learning_list, learning_rows, row_names
from llmgw_tui.panes.routing import (
    count_rows,
    counts_list,
    decisions_list,
    lineup_list,
    routing_summary,
    trial_target,
)
from llmgw_tui.panes.routing_details import place_lines, trial_lines
from llmgw_tui.screens.learned import HeadVersionScreen
from llmgw_tui.screens.one_thing import OneThingScreen
from llmgw_tui.screens.place import Place, PlaceAction, tabs
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import BRIGHT_STYLE, THUMBS
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.rows import Rows

LINEUP, DECISIONS, COUNTS, LEARNING = "lineup", "decisions", "counts", "learning"
LISTS = {LINEUP: "line-up", DECISIONS: "decisions", COUNTS: "routes", LEARNING: "learning"}
ALL_FROM, THREE_FROM, TWO_FROM = 50, 30, 20
"""Rows of the terminal from which all lists are in sight, the line-up and the decisions with one of the others, or the
line-up with one; below it one."""
MOST_PLACES = 10
MOST_COUNTS = 12
MOST_LEARNED = 16
IMPORTED = "import:"
"""How the names of labels begin that are of no request."""


class RoutingScreen(Place):
    """Four lists, as many in sight as there is room for; ``tab`` goes on."""

    place = "routing"
    key = "t"
    title_words = "Routing"
    explanation = "Which models serve each tier and how well, where requests went and why, and where a prompt would go."
    filter_hint = "decisions: words from the prompt, route or model"
    read_every_s = 2.0
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("other", "tab", "next list", "Next list: line-up, decisions, routes, learning"),
        PlaceAction("before", "shift+tab", "list before", "Previous list", footer=False),
        PlaceAction("try", "i", "try a prompt", "Show where a prompt would go and why, without calling anything"),
        PlaceAction("again", "a", "call again", "Call a provider again at once after it was paused", changes=True),
        PlaceAction("learn", "f", "learn now", "Have the router learn now from all labels", changes=True),
        PlaceAction("revert", "u", "go back", "Go back to what decided before the router learned last", changes=True),
    )
    shared_hints = ("detail", "switch", "kill_switch", "help", "thumb_up")

    def __init__(self) -> None:
        super().__init__()
        self.status: RoutingStatus | None = None
        self.learning: LearningStatus | None = None
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
        status, learning = await self.centre.source.routing(), await self.centre.source.learning()
        decided, learned = [one.id for one in self.decisions], row_names(self.learning)
        self.status, self.learning = status, learning
        self.lists[DECISIONS].follow(decided, [one.id for one in self.decisions])
        self.lists[LEARNING].follow(learned, row_names(learning))

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
        self.lists[LEARNING].show_rows(learning_list(self.learning, looks[LEARNING], width))

    def _place_lists(self, status: RoutingStatus | None) -> None:
        """The line-up is as high as it is where others are in sight, and so is what stands below the decisions."""
        height = self.size.height
        heights: dict[str, int | None] = dict.fromkeys(LISTS)
        in_sight = {self.showing}
        if status is not None and height >= TWO_FROM:
            in_sight = {LINEUP, self.showing if self.showing in (COUNTS, LEARNING) else DECISIONS}
            heights[LINEUP] = min(MOST_PLACES, len(status.lineup) + 2, height // 3)
        if status is not None and height >= THREE_FROM:
            in_sight = {LINEUP, DECISIONS, LEARNING if self.showing == LEARNING else COUNTS}
            heights[COUNTS] = min(MOST_COUNTS, len(count_rows(status)) + 1, height // 3)
            heights[LEARNING] = min(MOST_LEARNED, max(4, len(learning_rows(self.learning)) + 1), height // 3)
        if status is not None and height >= ALL_FROM:
            in_sight = set(LISTS)
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
    def selected(self) -> LineupPlace | RouteDecision | LearningRow | None:
        if self.status is None or self.showing == COUNTS:
            return None
        listed: Sequence[LineupPlace | RouteDecision | LearningRow] = self.status.lineup
        if self.showing != LINEUP:
            listed = self.decisions if self.showing == DECISIONS else learning_rows(self.learning)
        return listed[min(self.lists[self.showing].cursor, len(listed) - 1)] if listed else None

    @property
    def judged(self) -> tuple[str, str]:
        match self.selected:
            case RouteDecision(id=name, thumb=thumb):
                return name, thumb
            case WaitingSample(request_id=name):
                return name, ""
            case ShownLabel(request_id=name, verdict=verdict) if not name.startswith(IMPORTED):
                return name, verdict if verdict in THUMBS else ""
        return "", ""

    def was_judged(self, request_id: str, thumb: str) -> None:
        if self.status is not None:
            told = (replace(one, thumb=thumb) if one.id == request_id else one for one in self.status.decisions)
            self.status = replace(self.status, decisions=tuple(told))
        self.read_again()

    @property
    def cached_request(self) -> str:
        """The request under the cursor, if a cache answered it."""
        chosen = self.selected
        return chosen.id if isinstance(chosen, RouteDecision) and chosen.served_by == "cache" else ""

    def copied_text(self) -> tuple[str, str]:
        chosen = self.selected
        if isinstance(chosen, RouteDecision):
            return (clean(chosen.id), "the request's id")
        if isinstance(chosen, LineupPlace) and chosen.provider:
            return (clean(f"{chosen.provider}/{chosen.model}"), "the model's name")
        if isinstance(chosen, ShownLabel | WaitingSample):
            return (clean(chosen.request_id), "the request's id")
        return ("", "")

    async def open_selected(self) -> None:
        chosen = self.selected
        if isinstance(chosen, RouteDecision):
            await self.centre.show_detail(chosen.id)
        elif isinstance(chosen, ShownLabel) and chosen.request_id.startswith(IMPORTED):
            self.centre.say(CommandResult(False, "That label was imported: there is no request to open."))
        elif isinstance(chosen, ShownLabel | WaitingSample):
            await self.centre.show_detail(chosen.request_id)
        elif isinstance(chosen, HeadVersion) and self.centre.screen is self:
            await self.centre.push_screen(HeadVersionScreen(chosen))
        elif isinstance(chosen, LineupPlace) and self.centre.screen is self:
            await self.centre.push_screen(LineupPlaceScreen(chosen))
        elif not isinstance(chosen, LineupPlace):
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

    async def do_learn(self) -> None:
        await self.centre.command("refit_router")

    async def do_revert(self) -> None:
        await self.centre.command("revert_router")

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
