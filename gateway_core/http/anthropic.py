"""Anthropic's Messages, streamed and not, their count of tokens, and the list of models as Anthropic gives it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from gateway_core.clock import new_request_id
from gateway_core.gateway import Gateway
from gateway_core.http.completions import Completions
from gateway_core.http.incoming import Understood, incoming
from gateway_core.http.replies import refuse_in_kind, reply
from gateway_core.model import ApiKind, ChatRequest, JsonObject, Refusal
from gateway_core.providers.base import Piece
from gateway_core.wire import sse
from gateway_core.wire.anthropic_native import native_headers, with_betas
from gateway_core.wire.errors import anthropic_error
from gateway_core.wire.json_values import as_object
from gateway_core.wire.messages_answers import to_message, with_cost
from gateway_core.wire.messages_requests import to_chat
from gateway_core.wire.messages_stream import PING, MessageStream
from gateway_core.wire.messages_validation import validate_messages
from gateway_core.wire.openai_chat import finish_reason, has_content


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of this protocol for ``gateway``."""
    completions = Completions(gateway, MessagesFace())

    async def count(request: web.Request) -> web.Response:
        parsed = await incoming(request, CountFace(), gateway.settings.max_body_bytes)
        if isinstance(parsed, Refusal):
            return refuse_in_kind(request, parsed)
        tokens = await gateway.count_tokens(parsed)
        return reply({"input_tokens": tokens}, headers={"request-id": new_request_id()})

    return [web.post("/v1/messages", completions.handle), web.post("/v1/messages/count_tokens", count)]


def model_info(model: JsonObject) -> JsonObject:
    """A model of OpenAI's list as one of Anthropic's (types of anthropic 2.12)."""
    created = datetime.fromtimestamp(model["created"], UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": "model",
        "id": model["id"],
        "display_name": model["id"],
        "created_at": created,
        "lifecycle": "active",
    }


def model_page(models: list[JsonObject]) -> JsonObject:
    """All models as the one page of Anthropic's list."""
    ids = [model["id"] for model in models]
    ends = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    return {"data": [model_info(model) for model in models], "has_more": False, **ends}


class MessagesFace:
    """Anthropic's Messages: translated, or handed on as they are where Anthropic itself answers."""

    api = ApiKind.MESSAGES
    counts_only = False

    def understand(self, body: JsonObject, headers: Mapping[str, str]) -> Understood | Refusal:
        if refusal := validate_messages(body, counts_only=self.counts_only):
            return refusal
        return Understood(with_betas(to_chat(body), headers), native_headers(headers))

    def whole(self, request: ChatRequest, answer: Piece) -> JsonObject:
        if answer.native:
            return _with_cost(answer.native[0], answer.body)
        return to_message(answer.body, _message_id(request), mild=_is_mild(request))

    def stream(self, request: ChatRequest) -> MessagesWriter:
        return MessagesWriter(request)

    def error(self, refusal: Refusal, request_id: str | None) -> JsonObject:
        return anthropic_error(refusal, request_id)

    def headers(self, request_id: str) -> Mapping[str, str]:
        return {"request-id": request_id}


class CountFace(MessagesFace):
    """A Messages request whose tokens are asked for, not an answer."""

    counts_only = True


class MessagesWriter:
    """A stream of Messages events: Anthropic's own where it answers, else made from the chunks.

    Nothing but pings leaves before the answer has content: until then another model may be tried, and a stream can only
    begin once.
    """

    def __init__(self, request: ChatRequest) -> None:
        self._id = request.id
        self._made = MessageStream(_message_id(request), request.size.input_tokens, mild=_is_mild(request))
        self._held: list[JsonObject] = []
        self._passes = False

    def feed(self, piece: Piece) -> bytes:
        if piece.native:
            events = self._native(piece)
        elif self._passes:
            events = [PING] if not finish_reason(piece.body) else []
        else:
            events = self._made.feed(piece.body)
        return sse.encode_typed(events)

    def _native(self, piece: Piece) -> list[JsonObject]:
        self._passes = self._passes or has_content(piece.body) or finish_reason(piece.body) is not None
        pings: list[JsonObject] = []
        for event in piece.native:
            kind = event.get("type")
            if kind == "message_start":
                self._held = []
            if kind == "ping" and not self._passes:
                pings.append(event)
            else:
                self._held.append(_with_cost(event, piece.body) if kind == "message_delta" else event)
        if not self._passes:
            return pings
        events, self._held = self._held, []
        return events

    def end(self) -> bytes:
        return b""

    def fail(self, refusal: Refusal) -> bytes:
        return sse.encode(anthropic_error(refusal, self._id), "error")


def _with_cost(native: JsonObject, body: JsonObject) -> JsonObject:
    """A message or its last event with what the answer cost."""
    return {**native, "usage": with_cost(as_object(native.get("usage")), body)}


def _message_id(request: ChatRequest) -> str:
    return f"msg_{request.id}"


def _is_mild(request: ChatRequest) -> bool:
    """OpenClaw takes the stop reason ``refusal`` for a failure and hides the text (2026.9.6)."""
    return request.view.client == "openclaw"
