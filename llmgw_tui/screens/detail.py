"""The detail screen: one request in full, its wire, and what can be done with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from gateway_core.model import CommandResult, RequestDetail, RequestParts, RequestRow, Status
from gateway_core.replay_values import ReplayOffer
from llmgw_tui.exports.call import FORMATS, NothingKept
from llmgw_tui.exports.exported import Export, export, write
from llmgw_tui.panes.detail import detail_document
from llmgw_tui.panes.details import CUT_CHARACTERS
from llmgw_tui.panes.footer import Hint
from llmgw_tui.panes.parts import Document
from llmgw_tui.panes.wire import headers_document, readable, upstream_document
from llmgw_tui.private_files import EXPORTS
from llmgw_tui.screens.compare import CompareScreen
from llmgw_tui.screens.document import MATCHES, DocumentScreen
from llmgw_tui.screens.one_thing import WHOLE
from llmgw_tui.screens.place import Place, PlaceAction
from llmgw_tui.slices import Steps
from llmgw_tui.text import clean, dollars, message_text

_BY_NAME = "another model, by its name"
_AT_THE_END = {1: "This is the last request of the list.", -1: "This is the first request of the list."}
_NO_LIST = "This request was not opened from a list of requests: there is no next one."
_TITLES = {"": "Request", "headers": "Request: headers", "upstream": "Request: upstream"}


class DetailScreen(DocumentScreen):
    """Decision, timing, cost, messages and answer, scrollable. A running request is read again every second."""

    place: ClassVar[str] = "request"
    title_words = "Request"
    explanation = "One request in full: where it went and why, time, cost, question and answer."
    actions: ClassVar[tuple[PlaceAction, ...]] = (
        WHOLE,
        PlaceAction("headers", "h", "headers", "Request headers, and those of the upstream answers"),
        PlaceAction("upstream", "u", "upstream", "The exact upstream requests, with keys masked"),
        PlaceAction("replay", "e", "run again", "Run it again on another tier and compare the answers", changes=True),
        PlaceAction("compare", "v", "compare", "Compare a re-run with the original request", footer=False),
        PlaceAction("export", "x", "export", "Export as curl, Python or JSON, and copy it"),
        PlaceAction("copy_what", "Y", "copy …", "Copy the answer, the question, the id, curl or JSON", footer=False),
        PlaceAction(
            "previous_request", "left_square_bracket,left", "previous", "The request above in the list", footer=False
        ),
        PlaceAction(
            "next_request", "right_square_bracket,right", "next", "The request below in the list", footer=False
        ),
        *MATCHES,
    )
    shared_hints = ("copy", "mark_wrong", "kill_switch", "help", "thumb_up")
    read_every_s = 1.0

    def __init__(self, detail: RequestDetail, opened_from: Place | None = None) -> None:
        super().__init__()
        self.detail = detail
        self._opened_from = opened_from
        self._parts: RequestParts | None = None
        self._showing = ""
        """The view: ``headers``, ``upstream``, or empty for the request itself."""

    def named(self) -> str:
        return self.detail.row.id + _TITLES[self._showing].removeprefix("Request")

    @property
    def request(self) -> RequestRow | None:
        return self.detail.row

    def was_judged(self, request_id: str, thumb: str) -> None:
        if request_id == self.detail.row.id:
            self.detail = replace(self.detail, row=replace(self.detail.row, thumb=thumb))
            self.remake()

    def copied_text(self) -> tuple[str, str]:
        """The answer's text; while there is none, the request's id."""
        answer = clean(message_text(self.detail.answer)) if self.detail.answer else ""
        return (answer, "the answer") if answer else (self.detail.row.id, "the request's id")

    async def read(self) -> None:
        if self.detail.row.status is not Status.RUNNING:
            return
        detail = await self.centre.source.detail(asked := self.detail.row.id)
        if detail is not None and detail != self.detail and asked == self.detail.row.id:
            self.detail = detail
            self._parts = None
            self.remake()

    def document(self, width: int) -> Steps[Document]:
        look = self.centre.look()
        if self._showing == "headers":
            return headers_document(self._parts, look, width)
        if self._showing == "upstream":
            return upstream_document(self._parts, look, width, self.ink, whole=self.whole)
        return detail_document(self.detail, look, width, self.ink, whole=self.whole)

    def weight(self) -> int:
        if self._showing:
            sent = self._parts.upstream if self._parts and self._showing == "upstream" else ()
            return sum(len(one.body) for one in sent) if self.whole else 0
        texts = (message_text(message) for message in (*self.detail.messages, self.detail.answer or {}))
        return sum(len(text) if self.whole else min(len(text), CUT_CHARACTERS) for text in texts)

    def hints(self) -> tuple[Hint, ...]:
        """What can be done with this request first; the way to the next one before what is for any of them."""
        place, keys = f"{self.place}.", self.centre.keys
        steps = [keys.shown(place + name) for name in ("previous_request", "next_request")]
        stop = self.stop_hint()
        back, *rest = (
            hint
            for hint in super().hints()
            if hint not in stop and (hint.action != "mark_wrong" or self.cached_request)
        )
        at = next((number for number, hint in enumerate(rest) if hint.action == "filter"), len(rest))
        step = (Hint(" ".join(steps), "next", f"{place}next_request"),) if self._opened_from else ()
        return (back, *stop, *rest[:at], *step, *rest[at:])

    def label_of(self, action: PlaceAction) -> str:
        return "the request" if action.name == self._showing else super().label_of(action)

    def action_back(self) -> None:
        if self._showing and not self.searched and not self.filter_field.display:
            self._show("")
        else:
            super().action_back()

    # --- the next one ----------------------------------------------------------------------------------------------

    async def do_previous_request(self) -> None:
        await self._step(-1)

    async def do_next_request(self) -> None:
        await self._step(1)

    async def _step(self, by: int) -> None:
        """To the next request of the list that this one was opened from, in the view that is open."""
        row: RequestRow | None = self.detail.row
        detail = None
        while row and detail is None:
            row = await self._opened_from.beside(row, by) if self._opened_from else None
            detail = await self.centre.source.detail(row.id) if row else None
        if detail is None:
            self.centre.say(CommandResult(False, _AT_THE_END[by] if self._opened_from else _NO_LIST))
            return
        parts = await self._fetched(detail.row.id) if self._showing else None
        self.detail, self._parts = detail, parts
        self._show(self._showing)

    # --- the wire --------------------------------------------------------------------------------------------------

    async def do_headers(self) -> None:
        await self._toggle("headers")

    async def do_upstream(self) -> None:
        await self._toggle("upstream")

    async def _toggle(self, view: str) -> None:
        await self._wire()
        self._show("" if self._showing == view else view)

    def _show(self, view: str) -> None:
        self._showing = view
        self.remake(from_the_top=True)

    async def _wire(self) -> RequestParts | None:
        """Fetched when it is wanted first, and kept while the request is shown."""
        if self._parts is None:
            parts = await self._fetched(asked := self.detail.row.id)
            if asked != self.detail.row.id:
                return parts
            self._parts = parts
        return self._parts

    async def _fetched(self, request_id: str) -> RequestParts | None:
        """With its bodies made readable, which takes a moment, off the loop."""
        parts = await self.centre.source.parts(request_id)
        for sent in parts.upstream if parts else ():
            await asyncio.to_thread(readable, sent.body)
        return parts

    # --- copies and exports ----------------------------------------------------------------------------------------

    async def do_copy_what(self) -> None:
        options = [("answer", "the answer"), ("question", "the last question"), ("id", "the request's id")]
        what = await self.centre.choose("Copy what?", [*options, ("curl", "a curl command"), ("json", "all as JSON")])
        if what in FORMATS:
            if made := await self._export(what):
                await self.centre.to_clipboard(made.text, f"{self.detail.row.id} as {what}")
        elif what is not None:
            text, name = self._text_of(what)
            if text:
                await self.centre.to_clipboard(text, name)
            else:
                self.centre.say(CommandResult(False, f"There is no {what} to copy; it was not kept."))

    def _text_of(self, what: str) -> tuple[str, str]:
        if what == "id":
            return self.detail.row.id, "the request's id"
        if what == "question":
            asked = [message for message in self.detail.messages if message.get("role") == "user"]
            return (clean(message_text(asked[-1])) if asked else ""), "the last question"
        return (clean(message_text(self.detail.answer)) if self.detail.answer else ""), "the answer"

    async def do_export(self) -> None:
        """Asks for the format, writes the file and copies it."""
        shown = {"curl": "a curl command", "python": "a Python script", "json": "JSON, all that is kept"}
        form = await self.centre.choose("Export as", [(name, shown[name]) for name in FORMATS])
        if form is None or (made := await self._export(form)) is None:
            return
        folder = self.centre.folder
        if folder is None:
            self.centre.say(CommandResult(False, "Exports have no folder here."))
            return
        try:
            path = await asyncio.to_thread(write, made, folder / EXPORTS)
        except OSError as error:
            self.centre.say(CommandResult(False, f"The export could not be written: {error.strerror or error}"))
            return
        self.centre.say(CommandResult(True, f"Exported to {path}"))
        await self.centre.to_clipboard(made.text, f"it as {form}")

    async def _export(self, form: str) -> Export | None:
        """The export, made in a thread; None after it was said why there is none."""
        address = self.centre.snapshot.address if self.centre.snapshot else ""
        parts = await self._wire()
        try:
            return await asyncio.to_thread(export, self.detail, parts, address, form)
        except NothingKept as error:
            self.centre.say(CommandResult(False, str(error)))
            return None

    # --- run again -------------------------------------------------------------------------------------------------

    async def do_replay(self) -> None:
        """Asks for the tier, says what it can cost, runs it and shows both answers."""
        found = await self.centre.source.replay_offers(self.detail.row.id)
        if found.problem:
            self.centre.say(CommandResult(False, found.problem))
            return
        options = [(offer.tier, _described(offer)) for offer in found.offers]
        tier = await self.centre.choose("Run it again on", [*options, (_BY_NAME, _BY_NAME)])
        offer = next((offer for offer in found.offers if offer.tier == tier), None)
        if tier == _BY_NAME:
            tier = await self.centre.ask("Run it again on", "a model's id, for example anthropic/claude-sonnet-5-5")
        if tier is None:
            return
        if offer is not None and offer.problem:
            self.centre.say(CommandResult(False, offer.problem))
            return
        if (offer is None or offer.most_microusd) and not await self._agreed(tier, offer):
            return
        begun = await self.centre.command("replay", request_id=self.detail.row.id, tier=tier)
        if begun.ok and begun.value:
            await self.centre.push_screen(CompareScreen(self.detail, begun.value))

    async def _agreed(self, tier: str, offer: ReplayOffer | None) -> bool:
        most = f"at most {dollars(offer.most_microusd)}" if offer else "what that model costs"
        return await self.centre.confirm(f"Run it again on {tier}?", f"It is charged like any request: {most}.")

    async def do_compare(self) -> None:
        """For a request that was itself run again: with the one it repeats."""
        first = await self.centre.source.detail(self.detail.row.replay_of) if self.detail.row.replay_of else None
        if first is None:
            self.centre.say(CommandResult(False, "There is nothing to compare yet: e runs it again on another tier."))
            return
        await self.centre.push_screen(CompareScreen(first, self.detail.row.id))


def _described(offer: ReplayOffer) -> str:
    if offer.problem:
        return f"{offer.tier:<8} cannot: {offer.problem}"
    cost = f"at most {dollars(offer.most_microusd)}" if offer.most_microusd else "free"
    return f"{offer.tier:<8} {cost:<16} {offer.target}"
