"""The models screen: what the local server has, what is being pulled, and the model under the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.containers import Container
from textual.strip import Strip

from gateway_core.model import CommandResult, Fit, FitVerdict, LocalModel, LocalServer, PullStatus, Snapshot
from llmgw_tui.model_actions import unable
from llmgw_tui.panes.draw import Look, text_segment
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.model_info import about_model, absent_lines, cannot_lines, no_models
from llmgw_tui.panes.models import ORDERS, legend, models_list, ordered, served_tiers, summary
from llmgw_tui.panes.pulls import PullLines, pull_lines
from llmgw_tui.screens.local_model import LocalModelScreen
from llmgw_tui.screens.model_questions import asked_context, asked_delete, asked_pull, asked_unload_all
from llmgw_tui.screens.models_keys import ABILITIES, ACTIONS, EXPLANATIONS
from llmgw_tui.screens.models_layout import BESIDE_CELLS, BESIDE_FROM, Parts, arranged
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.text import clean, preview
from llmgw_tui.theme import MUTED_STYLE
from llmgw_tui.widgets.line_pane import LineBar, LinePane
from llmgw_tui.widgets.rows import Rows

FIT_KEPT_S = 60.0
"""Memory is another a while later."""
FIT_WAITED_S = 2.0
"""A question does not wait longer for a suggestion."""


class ModelsScreen(Place):
    """All of it is in the snapshot; only whether a model fits is asked for."""

    place = "models"
    key = "m"
    title_words = "Models"
    explanation = "Local models: capabilities, speed, what is loaded or being pulled; load, pin, switch."
    chosen = {"order": tuple(ORDERS)}
    filter_hint = "name, family, quantisation, capability, loaded, unused, newer"
    actions: ClassVar[tuple[PlaceAction, ...]] = ACTIONS
    shared_hints = ("detail", "kill_switch", "help")

    def __init__(self) -> None:
        super().__init__()
        self.order = next(iter(ORDERS))
        self.rows, self.pulls = Rows(id="models"), Rows(id="pulls")
        self._under = ""
        """The model under the cursor: the list moves under it as models are loaded."""
        self._pulling = PullLines((), ())
        self._under_pull = ("", 0)
        """The pull under its cursor, and which of its lines."""
        self._fits: dict[str, tuple[Fit, float]] = {}
        self._parts: Parts | None = None

    def body(self) -> Iterable[Any]:
        yield LineBar(id="summary")
        with Container(id="models-body"):
            yield self.rows
            with Container(id="models-more"):
                yield self.pulls
                yield LinePane(id="about")
        yield LineBar(id="legend")

    def on_mount(self) -> None:
        super().on_mount()
        self.rows.focus()

    def came_to(self) -> None:
        """The keys are the list's again, wherever they were."""
        self.rows.focus()

    def explanations(self) -> list[tuple[str, str]]:
        return [(self.title_words, self.explanation), *EXPLANATIONS]

    # --- drawing -----------------------------------------------------------------------------------------------------

    def draw(self, snapshot: Snapshot | None, look: Look) -> None:
        if snapshot is None:
            return
        width, height = self.size
        beside = width >= BESIDE_FROM
        right = BESIDE_CELLS if beside else width
        models = self._put_cursors(snapshot)
        self._pulling = pull_lines(snapshot.local.pulls, look, right, self._pull_keys())
        about = self._about(snapshot, look, right)
        left = width - right - 1 if beside else width
        pull_key = self.centre.keys.shown("pull")
        nothing = () if models else no_models(snapshot.local, look, left, searched=self.searched, pull_key=pull_key)
        pulling = len(self._pulling.lines) + 1 if self._pulling.lines else 0
        room = height - 1 if self.filter_field.display else height
        self._arrange(arranged(width, room, max(len(models), len(nothing)), pulling, len(about)))
        self.query_one("#summary", LineBar).show(summary(snapshot.local, look, width))
        self.query_one("#legend", LineBar).show((legend(width),))
        self.query_one("#about", LinePane).show(about)
        look = self.centre.look(focused=self.rows.has_focus)
        self.rows.show_rows(models_list(snapshot, models, look, left, nothing))
        self._under = models[self.rows.cursor].name if models else ""
        self._draw_pulls(right)

    def _draw_pulls(self, width: int) -> None:
        at = self._pulling.place_of(*self._under_pull)
        self.pulls.cursor = self.pulls.cursor if at is None else at
        look = self.centre.look(focused=self.pulls.has_focus)
        self.pulls.show_rows(self._pulling.listing(look, width))
        self._under_pull = self._pulling.at(self.pulls.cursor)

    def _put_cursors(self, snapshot: Snapshot) -> tuple[LocalModel, ...]:
        """The models as listed; the cursor stays on the model it was on."""
        models = ordered(snapshot.local.models, self.order, self.searched)
        names = [model.name for model in models]
        if self._under in names:
            self.rows.cursor = names.index(self._under)
        elif models:
            self.rows.cursor = min(self.rows.cursor, len(models) - 1)
            self._under = names[self.rows.cursor]
        return models

    def _about(self, snapshot: Snapshot, look: Look, width: int) -> tuple[Strip, ...]:
        model = self.selected
        if model is None:
            return ()
        kept, at = self._fits.get(model.name, (None, 0.0))
        fit = kept if self.centre.loop_time() - at < FIT_KEPT_S else None
        server, tiers = snapshot.local, served_tiers(snapshot).get(model.name, ())
        about = about_model(model, server, tiers, fit, look, width)
        return (*absent_lines(server, look, width), *about, *cannot_lines(server, look, width))

    def _pull_keys(self) -> str:
        keys = self.centre.keys
        go_on, forget = keys.shown("pull"), keys.shown("models.stop_pull")
        where = "" if self.pulls.has_focus else "tab moves to the pulls; there "
        return f"{where}{go_on} resumes the one under the cursor, {forget} removes it from the list"

    def _arrange(self, parts: Parts) -> None:
        """Gives the parts their places; only what changed is laid out again."""
        if parts == self._parts:
            return
        self._parts = parts
        more = self.query_one("#models-more")
        self.query_one("#models-body").set_class(parts.beside, "-beside")
        more.display = bool(parts.pulls or parts.about)
        more.styles.width = BESIDE_CELLS if parts.beside else "1fr"
        self.rows.styles.height = parts.list_rows or "1fr"
        self.pulls.display = bool(parts.pulls)
        self.pulls.styles.height = parts.pulls
        self.query_one("#about").display = bool(parts.about)
        self.query_one("#legend").display = parts.legend
        if self.pulls.has_focus and not parts.pulls:
            self.rows.focus()
        self.call_after_refresh(self.redraw)

    def title_info(self) -> Sequence[Segment]:
        server = self._server
        total = len(server.models) if server else 0
        found = len(ordered(server.models, self.order, self.searched)) if server else 0
        shown = f"{found} of {total}" if self.searched else str(total)
        searched = f"  /{preview(self.searched)}" if self.searched else ""
        order = f"{self.order} first" if self.order == "loaded" else f"by {self.order}"
        return (text_segment(f"{shown}, {order}{searched}" if total else "none yet", MUTED_STYLE),)

    def hints(self) -> tuple[Hint, ...]:
        """The keys that models are got and used with first."""
        first = [self.centre.hint(name) for name in ("pull", "load", "switch")]
        back, *others = super().hints()
        return (back, *first, *others)

    # --- what is under the cursor ------------------------------------------------------------------------------------

    @property
    def _server(self) -> LocalServer | None:
        return self.centre.snapshot.local if self.centre.snapshot else None

    @property
    def selected(self) -> LocalModel | None:
        """The model under the cursor."""
        models = self._server.models if self._server else ()
        return next((model for model in models if model.name == self._under), None)

    @property
    def selected_pull(self) -> PullStatus | None:
        """The pull under the cursor, while that is in the pulls."""
        if not self.pulls.has_focus or self._server is None:
            return None
        return next((pull for pull in self._server.pulls if pull.model == self._under_pull[0]), None)

    @property
    def local_model(self) -> str:
        return self.selected.name if self.selected and not self.pulls.has_focus else ""

    @property
    def unfinished_pull(self) -> str:
        pull = self.selected_pull
        return pull.model if pull and pull.resumable else ""

    def copied_text(self) -> tuple[str, str]:
        """The model's name."""
        pull = self.selected_pull
        name = clean(pull.model if pull else self._under)
        return (name, "the model's name") if name else ("", "")

    async def open_selected(self) -> None:
        if pull := self.selected_pull:
            words = pull.error or f"{pull.model}: {self._pull_keys() if pull.resumable else pull.status or 'pulled'}."
            self.centre.say(CommandResult(not pull.error, words))
        elif self.selected is None:
            self.centre.say(CommandResult(False, "There are no models yet."))
        elif self.centre.screen is self:
            await self.centre.push_screen(LocalModelScreen(self.selected.name))

    def on_rows_moved(self, event: Rows.Moved) -> None:
        snapshot = self.centre.snapshot
        if event.rows is self.pulls:
            self._under_pull = self._pulling.at(event.cursor)
        elif snapshot is not None:
            models = ordered(snapshot.local.models, self.order, self.searched)
            self._under = models[min(event.cursor, len(models) - 1)].name if models else ""
        super().on_rows_moved(event)

    def on_descendant_focus(self) -> None:
        self.call_after_refresh(self.redraw)

    def filter_changed(self) -> None:
        """The snapshot holds all there is; nothing is to be read."""

    # --- keys --------------------------------------------------------------------------------------------------------

    def why_not(self, action: PlaceAction) -> str:
        if action.name == "stop_pull" and self._server and self._server.pulls:
            return ""
        return unable(self.centre, ABILITIES[action.name]) if action.name in ABILITIES else ""

    def label_of(self, action: PlaceAction) -> str:
        if action.name == "pin" and self.selected and self.selected.pinned:
            return "unpin"
        if action.name == "stop_pull" and self.selected_pull and not self.selected_pull.running:
            return "forget"
        return action.label

    def do_order(self) -> None:
        """The next order; the cursor goes to its first."""
        if self.selected is None:
            self.centre.say(CommandResult(False, "There are no models yet."))
            return
        orders = list(ORDERS)
        self.action_sort_by(orders[(orders.index(self.order) + 1) % len(orders)])

    def action_sort_by(self, order: str) -> None:
        self.choose("order", order)
        self._under, self.rows.cursor = "", 0
        self.redraw()

    async def do_pin(self) -> None:
        if model := self._asked_for("pin"):
            await self.centre.command("unpin" if model.pinned else "pin", model=model.name)

    async def do_num_ctx(self) -> None:
        if model := self._asked_for("set the context of"):
            tokens = await asked_context(self.centre, model, await self._fit_soon(model.name))
            if tokens is not None:
                await self.centre.command("set_context", model=model.name, num_ctx=tokens)

    async def do_delete(self) -> None:
        if (model := self._asked_for("delete")) and await asked_delete(self.centre, model):
            await self.centre.command("delete_model", model=model.name, even_in_use=model.in_flight > 0)

    async def do_unload_all(self) -> None:
        models = self._server.models if self._server else ()
        if not any(model.loaded for model in models):
            self.centre.say(CommandResult(False, "No model is loaded."))
        elif await asked_unload_all(self.centre, models):
            await self.centre.command("unload_all")

    async def do_stop_pull(self) -> None:
        """Cancels one that runs, takes one that ended from the list: the one under the cursor, or asks which."""
        pulls = self._server.pulls if self._server else ()
        running = [pull for pull in pulls if pull.running]
        if not pulls:
            self.centre.say(CommandResult(False, "No model is being pulled."))
        elif chosen := self.selected_pull or await asked_pull(self.centre, "Which pull?", running or pulls):
            await self.centre.command("cancel_pull" if chosen.running else "forget_pull", model=chosen.model)

    async def do_fit(self) -> None:
        """Says it, and shows the figures beside the model for a while."""
        pull = self.selected_pull
        if not (name := pull.model if pull else self._under):
            self.centre.say(CommandResult(False, "There is no model here to say it of."))
        else:
            fit = await self.centre.source.fit(name)
            self._fits[name] = (fit, self.centre.loop_time())
            bad = fit.verdict in (FitVerdict.NO, FitVerdict.TIGHT, FitVerdict.UNKNOWN)
            self.centre.say(CommandResult(not bad, f"{name}: {fit.why}"))
            self.redraw()

    async def do_versions(self) -> None:
        self.centre.say(CommandResult(True, "Asking the registry ..."))
        await self.centre.command("check_updates")

    def _asked_for(self, what: str) -> LocalModel | None:
        """The model under the cursor; where there is none, that is said."""
        if self.selected is None:
            self.centre.say(CommandResult(False, f"There is no model to {what}. Pull one first."))
        return self.selected

    async def _fit_soon(self, name: str) -> Fit | None:
        """For a suggestion; None if it takes long."""
        try:
            async with asyncio.timeout(FIT_WAITED_S):
                return await self.centre.source.fit(name)
        except TimeoutError:
            return None
