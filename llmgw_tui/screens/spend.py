"""The spend screen: what a day, a week or a month cost and saved, by anything; the limits; CSV."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment

from gateway_core.model import CommandResult, Snapshot, SpendReport, SpendRow
from gateway_core.spend_values import PERIODS
from llmgw_tui import actions
from llmgw_tui.panes.columns import Listing, says
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.spending import PERIOD_WORDS, requests_filter, spend_chart, spend_rows, spend_summary
from llmgw_tui.private_files import EXPORTS, write_private
from llmgw_tui.screens.place import Place, PlaceAction, tabs
from llmgw_tui.text import clean
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.line_pane import LineBar, LinePane
from llmgw_tui.widgets.rows import Rows

ORDER = ("tier", "model", "session", "lane", "client", "purpose", "provider", "day", "hour")
"""What ``o`` goes through."""
READING = "Adding up ..."
REQUESTS = "requests"
EXPLAINED = (
    (
        "Money",
        "Costs come from the ledger, as the limits count them, in UTC days and hours. Savings are measured against the "
        "premium model's list price: by cache is cached answers, by prompt the provider's prompt cache (negative until "
        "reads have repaid its writes), by route a cheaper model. A * marks a cost at a guessed price.",
    ),
    (
        "Forecast",
        "What the rest of earlier, similar days cost, scaled by how today compares so far. Eight of ten such days "
        "ended within the range. It ignores the limits, but says when one will be reached.",
    ),
    (
        "Limits",
        "Soft warns, medium sends premium requests to a cheaper tier, hard stops paid tiers until 00:00 UTC. "
        "Background is what heartbeats, cron jobs, recaps and titles may cost inside of that; past it they go to free "
        "tiers. Limits set here survive a restart, until the configured ones change.",
    ),
)
SUMMARY_LINES = 4
"""The last one is the background's."""


class SpendScreen(Place):
    """One report at a time, read anew now and then and after each command."""

    place = "spend"
    key = "dollar_sign"
    title_words = "Spend"
    explanation = "Cost and savings by day, week or month, grouped as you like; forecast, limits, CSV."
    chosen = {"period": PERIODS, "by": ORDER}
    read_every_s = 10.0
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        PlaceAction("longer", "tab,right", "period", "Next period: today, 7 days, 30 days, this month"),
        PlaceAction("shorter", "shift+tab,left", "", "Previous period", footer=False),
        PlaceAction("group", "o", "group by", "Group by tier, model, session, lane, client, purpose, day or hour"),
        PlaceAction("limits", "a", "limits", "Change the daily limits; raising one asks", changes=True),
        PlaceAction("export", "x", "csv", "Write the whole report as CSV to the exports folder"),
    )
    shared_hints = ("detail", "what_if", "copy", "kill_switch", "help")

    def __init__(self) -> None:
        super().__init__()
        self.period = PERIODS[0]
        self.by = ORDER[0]
        self.report: SpendReport | None = None
        self.rows = Rows(id="groups")

    def body(self) -> Iterable[Any]:
        yield LineBar(id="spent")
        yield LinePane(id="chart")
        yield self.rows

    def explanations(self) -> list[tuple[str, str]]:
        return [*super().explanations(), *EXPLAINED]

    def on_mount(self) -> None:
        super().on_mount()
        self.rows.focus()

    # --- reading and drawing -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        report = await self.centre.source.spend(self.period, self.by)
        if (report.period, report.by) == (self.period, self.by):
            self.report = report

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        width, height = self.size
        chart, spent = self.query_one("#chart", LinePane), self.query_one("#spent", LineBar)
        summary = spend_summary(snapshot, look, width)[: SUMMARY_LINES if height >= 12 else 1] if snapshot else ()
        spent.styles.height = len(summary) or 1
        chart.styles.height = chart_height = _chart_height(height)
        chart.display = chart_height > 0
        spent.show(summary)
        look = self.centre.look(focused=self.rows.has_focus)
        if self.report is None:
            self.rows.show_rows(Listing((line(width),), 0, lambda *_: line(width), says(width, READING)))
            return
        if snapshot is not None:
            chart.show(spend_chart(self.report, snapshot.budget, look, width, chart_height))
        self.rows.show_rows(spend_rows(self.report, look, width))

    def title_info(self) -> Sequence[Segment]:
        words = tabs({period: PERIOD_WORDS[period] for period in PERIODS}, self.period)
        return [*words, text_segment(f"  by {self.by}", MUTED_STYLE)]

    # --- what is under the cursor --------------------------------------------------------------------------------

    @property
    def selected(self) -> SpendRow | None:
        rows = self.report.rows if self.report else ()
        return rows[min(self.rows.cursor, len(rows) - 1)] if rows else None

    def copied_text(self) -> tuple[str, str]:
        """The name under the cursor."""
        text = clean(self.selected.name(self.by)) if self.selected else ""
        return (text, f"the {self.by}") if text else ("", "")

    async def open_selected(self) -> None:
        """The requests of the group under the cursor."""
        if self.report is None or self.selected is None:
            self.centre.say(CommandResult(False, "There is nothing to open here."))
        elif REQUESTS in self.centre.place_names:
            await self.centre.go(REQUESTS, filtered_by=requests_filter(self.report, self.selected))
        else:
            self.centre.say(CommandResult(False, "There is no list of requests to open here."))

    # --- keys ----------------------------------------------------------------------------------------------------

    def do_longer(self) -> None:
        self._turn(1)

    def do_shorter(self) -> None:
        self._turn(-1)

    def action_turn_to(self, period: str) -> None:
        self._turn(PERIODS.index(period) - PERIODS.index(self.period))

    def do_group(self) -> None:
        """By the next thing."""
        self.choose("by", ORDER[(ORDER.index(self.by) + 1) % len(ORDER)])
        self._begin()

    async def do_limits(self) -> None:
        await actions.set_budget(self.centre)

    async def do_export(self) -> None:
        """Says where the file is."""
        folder, period, by = self.centre.folder, self.period, self.by
        if folder is None or self.report is None:
            self.centre.say(CommandResult(False, "Exports have no folder here."))
            return
        text = await self.centre.source.spend_csv(period, by)
        if text is None:
            self.centre.say(CommandResult(False, "The gateway cannot write the CSV now. Try again in a moment."))
            return
        name = f"llmgw-spend-{self.report.first_day}-{self.report.last_day}-by-{by}.csv"
        try:
            path = await asyncio.to_thread(write_private, folder / EXPORTS / name, text)
        except OSError as error:
            self.centre.say(CommandResult(False, f"{folder} cannot be written: {error.strerror}."))
            return
        self.centre.say(CommandResult(True, f"Written to {path}"))

    def _turn(self, by: int) -> None:
        self.choose("period", PERIODS[(PERIODS.index(self.period) + by) % len(PERIODS)])
        self._begin()

    def _begin(self) -> None:
        """Another report: the one before is not shown under its name."""
        self.report = None
        self.rows.cursor = 0
        self.redraw()
        self.read_again()


def _chart_height(height: int) -> int:
    """Rows for the chart on a screen of ``height``; small screens have none."""
    return 0 if height < 22 else 7 if height < 34 else 14 if height < 52 else 20
