"""OpenAI's Responses: answers streamed and not, and those that are kept."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from weakref import proxy

from aiohttp import web

from gateway_core.frozen import frozen
from gateway_core.gateway import Gateway
from gateway_core.http.bodies import json_object, read_body
from gateway_core.http.completions import Completions
from gateway_core.http.guards import CALLER
from gateway_core.http.incoming import ARRIVED, EXTRAS, MEASURED_IN_A_THREAD_BYTES, Understood, understand
from gateway_core.http.replies import refuse, reply
from gateway_core.http.responses_history import forgotten, listed_input, recall
from gateway_core.model import ApiKind, ChatRequest, JsonObject, Refusal, Refused
from gateway_core.providers.base import Piece
from gateway_core.store.errors import StoreError
from gateway_core.store.responses import KeptResponse
from gateway_core.wire import sse
from gateway_core.wire.errors import openai_error
from gateway_core.wire.json_values import as_object
from gateway_core.wire.responses_native import TERMINAL
from gateway_core.wire.responses_request import to_chat
from gateway_core.wire.responses_shell import failed, responses_usage, shell
from gateway_core.wire.responses_stream import ResponseWriter, response_of
from gateway_core.wire.responses_tools import tools_of

log = logging.getLogger(__name__)

_PAGE = re.compile("[1-9][0-9]?|100")
PROVIDER = "openai"
"""The provider that answers in Responses itself."""


@frozen
class _Asked:
    """A request as it came, without the gateway's extras; ``input`` is its own, references resolved."""

    body: JsonObject
    input: object
    stored: bool


class Turn(Completions):
    """One request for a response: its own face, since what is kept of it depends on what came before."""

    api = ApiKind.RESPONSES

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, proxy(self))  # by itself it would keep body and answer until garbage is collected
        self._asked = _Asked({}, None, stored=False)
        self._answer: JsonObject | None = None
        """The Response object, once it is whole."""
        self._by = ""

    # --- the request -------------------------------------------------------------------------------------------

    async def receive(self, request: web.Request) -> ChatRequest | Refusal:
        """The request with the turns before it, which ``previous_response_id`` names."""
        settings = self._gateway.settings
        request[ARRIVED] = time.monotonic()
        raw = await read_body(request, settings.max_body_bytes)
        if isinstance(raw, Refusal):
            return raw
        large = len(raw) > MEASURED_IN_A_THREAD_BYTES
        body = await asyncio.to_thread(json_object, raw) if large else json_object(raw)
        if isinstance(body, Refusal):
            return body
        keeps = settings.keep_bodies_days > 0
        recalled = await recall(
            self._gateway.responses, request[CALLER], body, keeps=keeps, limit_bytes=settings.max_body_bytes
        )
        if isinstance(recalled, Refusal):
            return recalled
        asked = {name: value for name, value in body.items() if name not in EXTRAS}
        self._asked = _Asked(asked, recalled.own, stored=keeps and body.get("store") is not False)
        if large or recalled.body is not body:
            parsed = await asyncio.to_thread(understand, recalled.body, request, self, len(raw))
        else:
            parsed = understand(recalled.body, request, self, len(raw))
        if isinstance(parsed, Refusal) or recalled.kept_by != PROVIDER:
            return parsed
        return replace(parsed, native={**asked, "input": recalled.own})

    def understand(self, body: JsonObject, headers: Mapping[str, str]) -> Understood | Refusal:
        try:
            return Understood(to_chat(body))
        except Refused as refused:
            return refused.refusal

    # --- the answer --------------------------------------------------------------------------------------------

    def whole(self, request: ChatRequest, answer: Piece) -> JsonObject:
        if answer.native:
            self._by = PROVIDER
            made = self._own(answer.native[0], answer.body)
        else:
            made = response_of(answer.body, self._shell(request), tools_of(self._asked.body), int(time.time()))
        self._answer = made
        return made

    def stream(self, request: ChatRequest) -> _Stream:
        return _Stream(self, request)

    def error(self, refusal: Refusal, request_id: str | None) -> JsonObject:
        return openai_error(refusal)

    def headers(self, request_id: str) -> Mapping[str, str]:
        return {}

    def writer(self, request: ChatRequest) -> ResponseWriter:
        """Turns chunks into events; :meth:`ended` is told the Response at the end."""
        return ResponseWriter(self._shell(request), tools_of(self._asked.body))

    def ended(self, response: JsonObject, by: str = "") -> None:
        self._answer, self._by = response, by

    def _own(self, response: JsonObject, body: JsonObject) -> JsonObject:
        return own(response, self._asked.body, body.get("usage"))

    def own_event(self, event: JsonObject, usage: object) -> JsonObject:
        """An event of the provider's, with what the gateway knows better about its response."""
        response = event.get("response")
        if not isinstance(response, dict):
            return event
        return {**event, "response": own(response, self._asked.body, usage)}

    def _shell(self, request: ChatRequest) -> JsonObject:
        response_id = f"resp_{request.id.removeprefix('req_')}"
        return shell(self._asked.body, response_id, int(request.received_at), request.model, self._asked.stored)

    async def before_the_end(self, request: ChatRequest) -> None:
        """Keeps the response, so that the caller's very next request finds it."""
        response, asked = self._answer, self._asked
        if response is None or not asked.stored or not isinstance(response.get("id"), str):
            return
        previous = asked.body.get("previous_response_id")
        items = tuple(listed_input(asked.input, response["id"]))
        kept = KeptResponse(response["id"], previous or None, self._by, request.received_at, items, response)
        try:
            await self._gateway.responses.put(request.caller, kept)
        except StoreError as error:
            log.warning("a response was not kept: %s", error)


def own(response: JsonObject, asked: JsonObject, usage: object) -> JsonObject:
    """OpenAI's Response as the caller gets it: with our counts and the cost, and with the response it was to follow."""
    made = dict(response)
    if asked.get("previous_response_id"):
        made["previous_response_id"] = asked["previous_response_id"]
    if ours := responses_usage(usage):
        made["usage"] = {**as_object(made.get("usage")), **ours}
    return made


class _Stream:
    """Events of one stream: the provider's own where it speaks Responses, else made of chunks.

    Where the wait for the first words was so long that a stream of our own had begun, it goes on as our own.
    """

    def __init__(self, turn: Turn, request: ChatRequest) -> None:
        self._turn = turn
        self._writer = turn.writer(request)
        self._native = False
        self._number = -1
        self._response: JsonObject = self._writer.response
        self._done: list[JsonObject] = []
        self._last: list[JsonObject] = []

    def feed(self, piece: Piece) -> bytes:
        if not self._native and (self._writer.begun or not piece.native):
            return sse.encode_typed(self._writer.feed(piece.body))
        self._native = True
        events: list[JsonObject] = []
        for event in piece.native:
            event = self._turn.own_event(event, piece.body.get("usage"))
            number = event.get("sequence_number")
            self._number = number if isinstance(number, int) else self._number + 1
            self._response = event.get("response", self._response)
            if event.get("type") == "response.output_item.done":
                self._done.append(event["item"])
            (self._last if event.get("type") in TERMINAL else events).append(event)
        return sse.encode_typed(events)

    def end(self) -> bytes:
        if self._native:
            self._turn.ended(self._response, PROVIDER)
            return sse.encode_typed(self._last)
        events = self._writer.finish(int(time.time()))
        self._turn.ended(self._writer.response)
        return sse.encode_typed(events)

    def fail(self, refusal: Refusal) -> bytes:
        if not self._native:
            return sse.encode_typed(self._writer.fail(refusal))
        response = failed(self._response, self._done, refusal)
        return sse.encode_typed(
            [{"type": "response.failed", "sequence_number": self._number + 1, "response": response}]
        )


class Kept:
    """The responses that can be asked for again, each caller's own."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def get(self, request: web.Request) -> web.Response:
        if request.query.get("stream", "false").lower() == "true":
            text = "stream: a kept response is given whole; leave stream out."
            return refuse(Refusal("invalid_request", text, 400, param="stream"))
        kept = await self._find(request)
        return refuse(kept) if isinstance(kept, Refusal) else reply(kept.response)

    async def delete(self, request: web.Request) -> web.Response:
        response_id = request.match_info["id"]
        if not await self._gateway.responses.delete(request[CALLER], response_id):
            return refuse(forgotten(response_id, self._keeps, status=404))
        return reply({"id": response_id, "object": "response", "deleted": True})

    async def input_items(self, request: web.Request) -> web.Response:
        kept = await self._find(request)
        if isinstance(kept, Refusal):
            return refuse(kept)
        order, after, limit = (request.query.get(name) for name in ("order", "after", "limit"))
        items = list(kept.input) if order == "asc" else list(reversed(kept.input))
        if order not in (None, "asc", "desc"):
            return refuse(Refusal("invalid_request", "order is asc or desc.", 400, param="order"))
        if limit is not None and not _PAGE.fullmatch(limit):
            return refuse(Refusal("invalid_request", "limit is an integer from 1 to 100.", 400, param="limit"))
        ids = [item["id"] for item in items]
        start = ids.index(after) + 1 if after in ids else 0
        page = items[start : start + int(limit or 20)]
        return reply(
            {
                "object": "list",
                "data": page,
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
                "has_more": start + len(page) < len(items),
            }
        )

    @property
    def _keeps(self) -> bool:
        return self._gateway.settings.keep_bodies_days > 0

    async def _find(self, request: web.Request) -> KeptResponse | Refusal:
        response_id = request.match_info["id"]
        kept = await self._gateway.responses.get(request[CALLER], response_id)
        return kept or forgotten(response_id, self._keeps, status=404)
