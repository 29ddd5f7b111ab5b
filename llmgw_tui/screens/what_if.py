"""The what-if screen: a slider for the share of premium, other policies by keys, and what they would have cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.segment import Segment

from gateway_core.model import CommandResult, Snapshot, Tier
from gateway_core.whatif_values import Outcome, Policy, policy_of
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.what_if import CHARTS, days_chart, outcome_lines, share_of, slider_view
from llmgw_tui.screens.place import Place, PlaceAction, tabs
from llmgw_tui.text import clean, context
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.what_if_words import command_of
from llmgw_tui.widgets.line_pane import LinePane
from llmgw_tui.widgets.lines_view import LinesView
from llmgw_tui.widgets.slider import Slider

PERIODS = {"7d": "7 days", "30d": "30 days", "90d": "90 days"}
ALL_TO = (None, Tier.PREMIUM, Tier.CHEAP, Tier.LOCAL)
"""What ``a`` goes through."""
AS_NOW, ANOTHER = "", "?"
EXPLAINED = (
    (
        "How it counts",
        "The request log of these days is replayed: nothing is called. A request that moves is priced at today's "
        "prices by its own tokens, its answer as long as it was. Others cost what they cost. The daily limits are not "
        "applied, but it says what the hard one would have refused.",
    ),
    (
        "The slider",
        "So many of the requests that difficulty decides go to premium, the hardest first. The thresholds below it "
        "mean that share; requests of one difficulty go one way, so it is the nearest there is. What a person, a lane "
        "or a tool loop decides stays.",
    ),
)


class WhatIfScreen(Place):
    """One policy at a time; each change of it is replayed at once."""

    place = "what_if"
    key = "W"
    title_words = "What if"
    explanation = "What the last days would have cost under another policy, and which requests would have moved."
    signpost = False
    read_every_s = 10.0
    chosen = {"period": tuple(PERIODS), "charted": tuple(CHARTS)}
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("more", "right", "1 % more", "Slide up by 1 %: more of the hardest move"),
        PlaceAction("less", "left", "less", "Slide down by 1 %"),
        PlaceAction("much_more", "shift+right", "10 % more", "Slide up by 10 %", footer=False),
        PlaceAction("much_less", "shift+left", "10 % less", "Slide down by 10 %", footer=False),
        PlaceAction("all", "a", "all to", "Everything to one tier, the next one, or as it was"),
        PlaceAction("model", "n", "local model", "Another local model, installed or given with its context"),
        PlaceAction("cache", "o", "caches", "Without the answer caches, or with them"),
        PlaceAction("prompt_cache", "O", "prompt cache", "Without prompt caching, or with it", footer=False),
        PlaceAction("longer", "tab", "days", "Next period: 7, 30 or 90 days"),
        PlaceAction("shorter", "shift+tab", "", "Previous period", footer=False),
        PlaceAction("chart", "v", "chart", "Chart the days under the policy, or as they were"),
        PlaceAction("reset", "u", "as it was", "Undo all: the policy as it was"),
    )
    shared_hints = ("copy", "kill_switch", "help")

    def __init__(self) -> None:
        super().__init__()
        self.period = "30d"
        self.charted = "then"
        self.policy = Policy()
        self.found: Outcome | None = None
        self._anew = False

    def body(self) -> Iterable[Any]:
        yield Slider(id="slider")
        yield LinePane(id="chart")
        yield LinesView(lambda width: outcome_lines(self.found, self.centre.look(), width), id="outcome")

    def explanations(self) -> list[tuple[str, str]]:
        return [*super().explanations(), *EXPLAINED]

    def on_mount(self) -> None:
        super().on_mount()
        self.policy = replace(self.policy, days=self._days)
        self.query_one(LinesView).focus()

    # --- reading and drawing -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        policy, anew, self._anew = self.policy, self._anew, False
        found = await self.centre.source.what_if(policy, anew=anew)
        if policy == self.policy:
            self.found = found
            self.query_one(LinesView).remake()

    def action_read_again(self) -> None:
        self._anew = True
        super().action_read_again()

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width, height = self.size
        slider, chart = self.query_one(Slider), self.query_one("#chart", LinePane)
        strips, slider.left, slider.room = slider_view(self.policy, self.found, look, width)
        slider.show(strips)
        chart.styles.height = chart_height = _chart_height(height)
        chart.display = chart_height > 0
        chart.show(days_chart(self.found, self.charted, look, width, chart_height) if self.found else ())

    def title_info(self) -> Sequence[Segment]:
        counting = self.found is None or self.found.policy != self.policy
        return [*tabs(PERIODS, self.period), *([text_segment("  ...", MUTED_STYLE)] if counting else [])]

    def copied_text(self) -> tuple[str, str]:
        """The command that shows the same."""
        return command_of(self.policy), "the command"

    async def open_selected(self) -> None:
        self.centre.say(CommandResult(False, "There is nothing to open here: the arrows move the share of premium."))

    # --- the slider --------------------------------------------------------------------------------------------------

    def do_more(self) -> None:
        self._by(1)

    def do_less(self) -> None:
        self._by(-1)

    def do_much_more(self) -> None:
        self._by(10)

    def do_much_less(self) -> None:
        self._by(-10)

    def _by(self, percent: int) -> None:
        at = round(share_of(self.policy, self.found) * 100)
        if not 0 <= at + percent <= 100 and at in (0, 100) and self.policy.premium_share is not None:
            self.centre.say(CommandResult(False, f"The share of premium is {at} %: there is no further."))
            return
        self._share(min(100, max(0, at + percent)) / 100)

    def _share(self, share: float) -> None:
        self._try(replace(self.policy, premium_share=round(share, 2), all_to=None))

    def on_slider_moved(self, event: Slider.Moved) -> None:
        event.stop()
        self._share(event.share)

    def on_slider_nudged(self, event: Slider.Nudged) -> None:
        event.stop()
        self._by(event.steps)

    # --- other policies ----------------------------------------------------------------------------------------------

    def do_all(self) -> None:
        """Everything to the next tier; behind the last one, as it was."""
        after = ALL_TO[(ALL_TO.index(self.policy.all_to) + 1) % len(ALL_TO)]
        self._try(replace(self.policy, all_to=after, premium_share=None))

    def do_cache(self) -> None:
        self._try(replace(self.policy, answer_cache=not self.policy.answer_cache))

    def do_prompt_cache(self) -> None:
        self._try(replace(self.policy, prompt_cache=not self.policy.prompt_cache))

    async def do_model(self) -> None:
        """Asks which of those that are installed, or for a name with its context."""
        installed = self.centre.snapshot.local.models if self.centre.snapshot else ()
        options = [
            (AS_NOW, "as it was"),
            *((model.name, _told(model.name, model.trained_context)) for model in installed),
        ]
        name = await self.centre.choose("Which local model?", [*options, (ANOTHER, "another, with its context")])
        if name == ANOTHER:
            name = await self.centre.ask("Another local model", "its name, @ and its context: qwen3:14b@32768")
        if name is None:
            return
        try:
            asked = policy_of({"local_model": name})
        except ValueError as error:
            self.centre.say(CommandResult(False, f"{error}."))
            return
        changed = {"local_model": asked.local_model, "local_context_tokens": asked.local_context_tokens}
        self._try(replace(self.policy, **changed))  # type: ignore[arg-type]

    def do_reset(self) -> None:
        if not self.policy.changes:
            self.centre.say(CommandResult(True, "The policy is as it was."))
        self._try(Policy(days=self._days))

    def do_longer(self) -> None:
        self._turn(1)

    def do_shorter(self) -> None:
        self._turn(-1)

    def action_turn_to(self, period: str) -> None:
        self._turn(list(PERIODS).index(period) - list(PERIODS).index(self.period))

    def do_chart(self) -> None:
        names = list(CHARTS)
        self.choose("charted", names[(names.index(self.charted) + 1) % len(names)])
        self.centre.say(CommandResult(True, f"The chart has the days {CHARTS[self.charted]}."))
        self.redraw()

    @property
    def _days(self) -> int:
        return int(self.period.removesuffix("d"))

    def _turn(self, by: int) -> None:
        periods = list(PERIODS)
        self.choose("period", periods[(periods.index(self.period) + by) % len(periods)])
        self.found = None
        self.query_one(LinesView).remake()
        self._try(replace(self.policy, days=self._days))

    def _try(self, policy: Policy) -> None:
        self.policy = policy
        self.redraw()
        self.read_again()


def _told(name: str, trained_context: int | None) -> str:
    return f"{clean(name)}  {context(trained_context)} context" if trained_context else clean(name)


def _chart_height(height: int) -> int:
    """Rows for the chart on a screen of ``height``; small screens have none."""
    return 0 if height < 22 else 7 if height < 34 else 12 if height < 52 else 18
