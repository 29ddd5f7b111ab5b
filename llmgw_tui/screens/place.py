"""What every screen shares: the gateway's state on top, a title, a body, a filter and the keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from gateway_core.frozen import frozen
from gateway_core.model import CommandResult, RequestRow, Snapshot, Status
from llmgw_tui.panes.draw import Look, between, clicked, segments_width, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.header import Link
from llmgw_tui.screens.questions import CleanInput
from llmgw_tui.theme import BRIGHT_STYLE, FOCUS_TITLE_STYLE, MUTED_STYLE
from llmgw_tui.widgets.bars import FooterBar, HeaderBar
from llmgw_tui.widgets.line_pane import LineBar
from llmgw_tui.widgets.rows import Rows

if TYPE_CHECKING:
    from llmgw_tui.app import ControlCentre

SMALLEST = (24, 6)


@frozen
class PlaceAction:
    """An action of one screen, done by its method ``do_<name>`` (plain or async), which may wait for a person.

    In ``keymap.yaml`` it is ``<place>.<name>``; ``keys`` are its default keys, several divided by commas.
    """

    name: str
    keys: str
    label: str
    help: str
    footer: bool = True
    changes: bool = False
    """It changes what the gateway does."""


class Place(Screen[None]):
    """A screen. What a subclass says and does:

    ``place`` is its name, ``key`` opens it from anywhere (empty: nothing does), ``explanation`` is for ``?``.
    ``body()`` yields its widgets, ``draw`` draws them from values in memory, ``read`` fetches what they show. The
    app's heartbeat draws the screen in sight, and has it read again every ``read_every_s`` seconds.
    """

    place: ClassVar[str]
    key: ClassVar[str] = ""
    title_words: ClassVar[str]
    explanation: ClassVar[str]
    actions: ClassVar[tuple[PlaceAction, ...]] = ()
    signpost: ClassVar[bool] = True
    """Whether its key stands in the title of every screen."""
    read_every_s: ClassVar[float | None] = None
    filter_hint: ClassVar[str] = ""
    """What the filter's empty field says; a place without it has no filter."""
    chosen: ClassVar[Mapping[str, Collection[str]]] = {}
    """Attributes that a person chooses and that are remembered, and what they can be."""
    shared_hints: ClassVar[tuple[str, ...]] = ("copy", "kill_switch", "help")
    """Actions of the whole app that the footer shows after the place's own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("ctrl+r", "read_again", "Read again", show=False),
    ]

    def __init_subclass__(cls, **options: Any) -> None:
        own = [
            Binding(
                action.keys,
                f"app.do('{cls.place}.{action.name}')",
                action.label,
                show=False,
                id=f"{cls.place}.{action.name}",
            )
            for action in cls.__dict__.get("actions", ())
            if action.keys
        ]
        cls.BINDINGS = [*cls.__dict__.get("BINDINGS", ()), *own]
        super().__init_subclass__(**options)

    def __init__(self) -> None:
        super().__init__()
        self.searched = ""
        """What the filter holds."""
        self.header = HeaderBar(id="header")
        self.title_bar = LineBar(id="title")
        self.footer = FooterBar(id="footer")
        self._read_at: float | None = None
        self._connected = True

    # --- its parts -------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.title_bar
        yield from self.body()
        if self.filter_hint:
            field = CleanInput(id="filter", placeholder=self.filter_hint, compact=True, select_on_focus=False)
            field.cursor_blink = False
            field.display = False
            yield field
        yield self.footer

    def body(self) -> Iterable[Any]:
        """The widgets between title and footer."""
        raise NotImplementedError

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        """Draws the body from what is in memory; called often, so it must be quick."""
        raise NotImplementedError

    @property
    def reread_s(self) -> float | None:
        """How long what was read stays good; None is until something is done."""
        return self.read_every_s

    async def read(self) -> None:
        """Fetches what the body shows; drawn afterwards."""

    def title_info(self) -> Sequence[Segment]:
        """What stands beside the title."""
        return ()

    def hints(self) -> tuple[Hint, ...]:
        """The keys of the footer: the way back, the place's own, and some of everywhere."""
        centre, keys = self.centre, self.centre.keys
        own = tuple(
            Hint(
                keys.shown(f"{self.place}.{action.name}"),
                self.label_of(action),
                f"{self.place}.{action.name}",
                grey=bool(self.centre.why_not(f"{self.place}.{action.name}")),
            )
            for action in self.actions
            if action.footer and keys.of(f"{self.place}.{action.name}")
        )
        filtering = (centre.hint("filter"),) if self.filter_hint else ()
        shared = (centre.hint(name) for name in self.shared_hints)
        return (Hint("esc", "back", "back"), *own, *filtering, *shared, *self.stop_hint())

    def stop_hint(self) -> tuple[Hint, ...]:
        """The key that stops the request in sight, while it runs: behind the others, which stay where they are."""
        runs = self.request is not None and self.request.status is Status.RUNNING
        return (self.centre.hint("cancel_request"),) if runs and self.centre.keys.of("cancel_request") else ()

    def explanations(self) -> list[tuple[str, str]]:
        """What ``?`` says of the place: titles and texts."""
        return [(self.title_words, self.explanation)]

    def label_of(self, action: PlaceAction) -> str:
        """What the footer calls an action now."""
        return action.label

    def why_not(self, action: PlaceAction) -> str:
        """Why an action cannot be done now: it is greyed then, and its key says the reason. Empty where it can."""
        return ""

    # --- drawing and reading ---------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        for name, choices in self.chosen.items():
            kept = self.centre.remembered.get(f"{self.place}.{name}", "")
            setattr(self, name, kept if kept in choices else getattr(self, name))
        self.read_again()

    def choose(self, name: str, value: str) -> None:
        """Sets one of :attr:`chosen`, for the next time too."""
        setattr(self, name, value)
        self.centre.remembered.set(f"{self.place}.{name}", value)

    def on_rows_moved(self, event: Rows.Moved) -> None:
        event.stop()
        self.redraw()

    async def on_rows_chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        self.centre.action_do("detail")

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.redraw)

    def beat(self, snapshot: Snapshot | None, link: Link, look: Look, now: float) -> None:
        """Draws everything, and reads again when it is time. ``now`` is the loop's time in seconds."""
        if not self._is_whole:
            return
        every, is_back = self.reread_s, link.connected and not self._connected
        self._connected = link.connected
        if is_back or (every is not None and self._read_at is not None and now - self._read_at >= every):
            self.read_again()
        self.draw_bars(snapshot, link, look)
        self.draw(snapshot, look)

    def draw_bars(self, snapshot: Snapshot | None, link: Link, look: Look) -> None:
        """Header, title and footer; only what has changed is painted."""
        width = self.size.width
        self.header.update(snapshot, link, look)
        words = [text_segment(f" {self.title_words} ", FOCUS_TITLE_STYLE), *self.title_info()]
        self.title_bar.show((between(width, words, self.centre.signposts(self.place, width - segments_width(words))),))
        self.footer.update(self.hints())

    def redraw(self) -> None:
        """Draws now, after something in the place itself has changed."""
        if self._is_whole:
            self.draw_bars(self.centre.snapshot, self.centre.link, self.centre.look())
            self.draw(self.centre.snapshot, self.centre.look())

    @property
    def _is_whole(self) -> bool:
        """Whether its parts are there: not yet while it is made, no more while it is taken down."""
        return self.is_mounted and self.header.is_attached and self.footer.is_attached

    def read_again(self) -> None:
        """Reads in the background, and draws; a read that goes on is given up."""
        self._read_at = self.centre.loop_time()
        self.run_worker(self._read_and_draw, name="read", group="read", exclusive=True)  # type: ignore[arg-type]

    async def _read_and_draw(self) -> None:
        await self.read()
        self._read_at = self.centre.loop_time()
        self.redraw()

    # --- what is under the cursor ----------------------------------------------------------------------------------

    @property
    def request(self) -> RequestRow | None:
        """The request under the cursor, or the one that is shown."""
        return None

    @property
    def cached_request(self) -> str:
        """The id of the request under the cursor if a cache answered it, else empty."""
        return self.request.id if self.request and self.request.cache.is_hit else ""

    @property
    def judged(self) -> tuple[str, str]:
        """The id of the request under the cursor or shown, and the thumb it has; empty where there is none."""
        return (self.request.id, self.request.thumb) if self.request else ("", "")

    def was_judged(self, request_id: str, thumb: str) -> None:
        """A request was given a thumb here, or has none any more: what is in memory is brought up to date."""

    @property
    def local_model(self) -> str:
        """The name of the local model under the cursor, or that is shown; empty where there is none."""
        return ""

    @property
    def unfinished_pull(self) -> str:
        """The model of the pull under the cursor if a new pull goes on with it, else empty."""
        return ""

    def copied_text(self) -> tuple[str, str]:
        """What ``y`` copies here, and its name; empty when there is nothing."""
        return ("", "")

    async def beside(self, row: RequestRow, by: int) -> RequestRow | None:
        """The request ``by`` rows further down the list of requests as it is now; the cursor goes along. None at its
        ends, and where there is no such list."""
        return None

    async def open_selected(self) -> None:
        """What ``enter`` does."""
        if self.request is None:
            self.centre.say(CommandResult(False, "There is nothing to open here."))
        else:
            await self.centre.show_detail(self.request.id)

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Clears the filter; without one, leaves."""
        if self.filter_hint and (self.filter_field.display or self.searched):
            self.filter_field.value = ""
            self._close_filter()
            self._search("")
        else:
            self.leave()

    def leave(self) -> None:
        self.dismiss()

    def came_to(self) -> None:
        """It was gone to, from elsewhere; what it showed and where its cursors were stays."""

    def action_read_again(self) -> None:
        self.read_again()
        self.centre.say(CommandResult(True, f"{self.title_words}: read again."))

    def toggle_maximised(self) -> str:
        """Gives the focused pane the whole screen, or gives it back; says which."""
        return f"{self.title_words} already has the whole screen."

    def start_filter(self) -> None:
        """Opens the filter's field."""
        if self.filter_hint:
            self.filter_field.display = True
            self.filter_field.focus()
        else:
            self.centre.say(CommandResult(False, f"There is nothing to filter in {self.title_words}."))

    def set_filter(self, text: str) -> None:
        """Filters by ``text``, as if it had been typed."""
        self.filter_field.put(text)
        self._search(text)

    def filter_changed(self) -> None:
        """The filter's text, :attr:`searched`, is another."""
        self.read_again()

    @property
    def filter_field(self) -> CleanInput:
        return self.query_one("#filter", CleanInput)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self._search(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self._close_filter()

    def _search(self, text: str) -> None:
        if text != self.searched:
            self.searched = text
            self.filter_changed()
            self.redraw()

    def _close_filter(self) -> None:
        self.filter_field.display = False
        self.focus_body()
        self.call_after_refresh(self.redraw)

    def focus_body(self) -> None:
        """Gives the keys back to the body after the filter."""
        self.set_focus(next((widget for widget in self.focus_chain if widget.id != "filter"), None))

    async def on_footer_bar_chosen(self, event: FooterBar.Chosen) -> None:
        event.stop()
        if event.action == "back":
            self.action_back()
        else:
            self.centre.action_do(event.action)

    @property
    def centre(self) -> ControlCentre:
        return cast("ControlCentre", self.app)


def tabs(names: Mapping[str, str], here: str) -> list[Segment]:
    """The parts of a place by their names, the one in sight lit; a click on another calls ``action_turn_to``."""
    words = []
    for name, told in names.items():
        if name == here:
            words.append(text_segment(f" [{told}] ", BRIGHT_STYLE))
        else:
            words.append(clicked(text_segment(f"  {told}  ", MUTED_STYLE), f"screen.turn_to('{name}')"))
    return words


def counted(shown: int, total: int, name: str) -> Segment:
    """``12 of 340 requests``, for a title."""
    of = f" of {total:,}" if shown < total else ""
    return text_segment(f"{shown:,}{of} {name}{'' if total == 1 else 's'}", MUTED_STYLE)
