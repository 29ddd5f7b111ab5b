"""The dashboard: five panes, arranged for the size of the terminal."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from gateway_core.model import CommandResult, RequestRow, Snapshot
from llmgw_tui.panes.cache import cache_view
from llmgw_tui.panes.draw import Look, line, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.header import Link
from llmgw_tui.panes.local import local_view
from llmgw_tui.panes.spend import spend_view
from llmgw_tui.panes.tiers import tiers_view
from llmgw_tui.screens.place import SMALLEST, Place
from llmgw_tui.screens.questions import CleanInput
from llmgw_tui.text import clean
from llmgw_tui.widgets.line_pane import LinePane
from llmgw_tui.widgets.pane import Pane, RequestsPane

SINGLE_BELOW = (64, 18)
"""Below this, one pane at a time."""
ROOMY = 110
"""From this width on the footer names each tier's key."""
FIRST_HINTS = (
    *("kill_switch", "force_auto", "force_local", "force_cheap", "force_premium"),
    *("detail", "filter", "help"),
)
WIDE_FROM = (150, 30)
"""From here on the requests have the panes beside them, not below."""

EXPLANATIONS = {
    "requests": "Every request, newest first: when, how it went, tier and model, tokens in and out, cost, time, route, "
    "and the first words of the question. It follows the newest until you move the cursor; home follows again.",
    "tiers": "Today's requests and cost by tier, and the model that serves each tier now. "
    "0 lets the router choose; 1, 2 and 3 send everything to one tier.",
    "cache": "Answers reused today: exact (the same request) and semantic (the same question in other words), "
    "and the tokens that providers read from their own prompt caches at a lower price. Wrong hits is the share "
    "of checked semantic hits that the local model found wrong, with its 95 % interval. c lists every answer.",
    "spend": "Today's dollars (UTC day) against the limits. Soft warns, medium sends premium requests to a cheaper "
    "tier, hard stops paid tiers; local goes on. The chart shows dollars per hour.",
    "local": "The local server and its models: what is loaded, size, context, quantisation, and when each is "
    "unloaded. The built-in model stands in while no local server answers.",
}


OPENS = {"tiers": "routing", "cache": "cache", "spend": "spend", "local": "models"}
"""The screen that says more of what a pane shows."""


class Dashboard(Place):
    """Header, panes, footer. The app draws its panes one at a time."""

    place = "dashboard"
    key = "D"
    title_words = "Dashboard"
    explanation = "Requests, tiers, caches, spend and local models at a glance."
    filter_hint = "words, tier:premium, cost>0.01, took>2s, since:2h; ! excludes"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_pane(1)", show=False, id="next_pane"),
        Binding("shift+tab", "next_pane(-1)", show=False, id="previous_pane"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "newest", show=False),
        Binding("end", "oldest", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.maximised = False
        self.requests = RequestsPane(id="requests", explanation=EXPLANATIONS["requests"])
        self.panes: tuple[Pane, ...] = (
            self.requests,
            Pane(tiers_view, id="tiers", title="Tiers", explanation=EXPLANATIONS["tiers"]),
            Pane(cache_view, id="cache", title="Cache", explanation=EXPLANATIONS["cache"]),
            Pane(spend_view, id="spend", title="Spend", explanation=EXPLANATIONS["spend"]),
            Pane(local_view, id="local", title="Local models", explanation=EXPLANATIONS["local"]),
        )
        self.too_small = LinePane(id="too-small")
        self._current: Pane = self.requests
        self._notices = False

    def compose(self) -> ComposeResult:
        yield self.header
        with Container(id="body"):
            yield self.requests
            with Container(id="side"):
                yield from self.panes[1:]
        field = CleanInput(id="filter", placeholder=self.filter_hint, compact=True, select_on_focus=False)
        field.cursor_blink = False
        yield field
        yield self.footer
        yield self.too_small

    def on_mount(self) -> None:
        self.filter_field.display = False
        kept = self.centre.remembered
        self._current = next((pane for pane in self.panes if pane.id == kept.get("dashboard.pane", "")), self.requests)
        self.maximised = kept.get("dashboard.maximised", False)
        self.place_parts()
        self._current.focus()

    @property
    def current(self) -> Pane:
        return self._current

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_resize(self, event: events.Resize) -> None:
        self.place_parts()

    def draw_bars(self, snapshot: Snapshot | None, link: Link, look: Look) -> None:
        self.set_notices(bool(snapshot and snapshot.notices))
        self.header.update(snapshot, link, look)
        self.footer.update(self.hints())

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        """Nothing: each pane is drawn at a moment of its own, by the app."""

    def redraw(self) -> None:
        super().redraw()
        for pane in self.panes:
            self.centre.draw_pane(pane)

    def hints(self) -> tuple[Hint, ...]:
        """The keys of everywhere, which all do something here, the ones to know first."""
        centre = self.centre
        named = {action.name: action for action in centre.everywhere if action.footer and centre.keys.of(action.name)}
        order = [*FIRST_HINTS, *(place for place in centre.place_names if place != self.place), *named]
        hints = [centre.hint(name) for name in dict.fromkeys(order) if name in named and name != self.place]
        hints += self.stop_hint()
        if self.size.width >= ROOMY:
            return tuple(hints)
        forced = self.centre.snapshot.forced_tier if self.centre.snapshot else None
        tiers = [hint for hint in hints if hint.action.startswith("force_")]
        keys, actions = " ".join(hint.key for hint in tiers), tuple(hint.action for hint in tiers)
        short = Hint(keys, forced.value if forced else "auto", "force_auto", True, actions=actions)
        rest = [hint for hint in hints if hint not in tiers]
        return (rest[0], short, *rest[1:]) if tiers else tuple(rest)

    def explanations(self) -> list[tuple[str, str]]:
        """Of the panes, the focused one first."""
        panes = sorted(self.panes, key=lambda pane: pane is not self._current)
        return [(pane.title, pane.explanation) for pane in panes]

    @property
    def request(self) -> RequestRow | None:
        return self.requests.selected

    def copied_text(self) -> tuple[str, str]:
        """The id of the request under the cursor."""
        row = self.request
        return (clean(row.id), "the request's id") if row else ("", "")

    async def beside(self, row: RequestRow, by: int) -> RequestRow | None:
        snapshot = self.centre.snapshot
        return self.requests.step(row, by, snapshot) if snapshot else None

    async def open_selected(self) -> None:
        """The request under the cursor; from another pane the screen that says more of it."""
        if self._current is not self.requests:
            await self.centre.go(OPENS[self._current.id or ""])
        elif self.request is None:
            self.centre.say(CommandResult(False, "There are no requests yet."))
        else:
            await self.centre.show_detail(self.request.id)

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, Pane):
            self._current = self.focused
            self.centre.remembered.set("dashboard.pane", self.focused.id or "")

    def set_notices(self, there_are: bool) -> None:
        """Gives the header a third line where there is something to say and room to say it."""
        if there_are != self._notices:
            self._notices = there_are
            self.place_parts()

    def place_parts(self) -> None:
        """Sizes the parts for the terminal: one pane, panes below the requests, or beside them."""
        width, height = self.size
        too_small = width < SMALLEST[0] or height < SMALLEST[1]
        self.too_small.display = too_small
        for part in (self.query_one("#body"), self.footer):
            part.display = not too_small
        if too_small:
            self.header.styles.height = 1
            self.too_small.show((line(width, text_segment("terminal too small")),))
            return
        narrow = width < SINGLE_BELOW[0] or height < SINGLE_BELOW[1]
        wide = width >= WIDE_FROM[0] and height >= WIDE_FROM[1]
        single = narrow or self.maximised
        self.header.styles.height = 1 if narrow else 3 if self._notices and height >= 28 else 2
        self.set_class(wide and not single, "-wide")
        self.set_class(single, "-single")
        self.set_class(height >= 34 and not single, "-tall")
        side = self.query_one("#side")
        if not single and not wide:
            side.styles.height = max(12, min(26, round((height - 3) * 0.58)))
        else:
            side.styles.height = "1fr"
        for pane in self.panes:
            pane.display = not single or pane is self._current
        side.display = not single or self._current is not self.requests

    def action_next_pane(self, step: int) -> None:
        panes = self.panes
        self._current = panes[(panes.index(self._current) + step) % len(panes)]
        self.place_parts()
        self._current.focus()

    def _to_requests(self) -> RequestsPane:
        """The cursor is in the requests: moving it brings the focus back to them, where they are to be seen."""
        if self.requests.display:
            self.requests.focus()
        return self.requests

    def action_move(self, by: int) -> None:
        self._to_requests().move(by)

    def action_page(self, by: int) -> None:
        self._to_requests().move(by * self.requests.page)

    def action_newest(self) -> None:
        self._to_requests().move_to(None)

    def action_oldest(self) -> None:
        self._to_requests().move_to(-1)

    def toggle_maximised(self) -> str:
        """Gives the focused pane the whole screen, or gives it back; says which."""
        self.maximised = not self.maximised
        self.centre.remembered.set("dashboard.maximised", self.maximised)
        self.place_parts()
        self._current.focus()
        if self.maximised:
            return f"{self._current.title} is maximised; the same key restores it."
        return "All panes are shown."

    def leave(self) -> None:
        """Leaves the maximised pane; there is nothing behind the dashboard."""
        if self.maximised:
            self.toggle_maximised()
        else:
            quit_key = self.centre.keys.shown("quit")
            self.centre.say(
                CommandResult(True, f"This is the dashboard: nothing is behind it. {quit_key} leaves llmgw.")
            )

    def filter_changed(self) -> None:
        self.requests.set_filter(self.searched, typing=self.filter_field.display)

    def _close_filter(self) -> None:
        super()._close_filter()
        self.filter_changed()

    def focus_body(self) -> None:
        self.requests.focus()

    def on_pane_redraw(self, event: Pane.Redraw) -> None:
        event.stop()
        self.centre.draw_pane(event.pane)
