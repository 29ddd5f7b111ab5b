"""OpenAI's chat completions, streamed and not, and the list of models."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.anthropic import model_info, model_page
from gateway_core.http.completions import Completions
from gateway_core.http.incoming import Understood
from gateway_core.http.replies import refuse_in_kind, reply, speaks_anthropic
from gateway_core.model import ApiKind, ChatRequest, JsonObject, Refusal
from gateway_core.providers.base import Piece
from gateway_core.wire import errors, sse
from gateway_core.wire.errors import openai_error
from gateway_core.wire.openai_chat import make_chunk


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of this protocol for ``gateway``."""
    completions = Completions(gateway, ChatFace())

    async def models(request: web.Request) -> web.Response:
        listed = list_models(gateway)
        return reply(model_page(listed) if speaks_anthropic(request) else {"object": "list", "data": listed})

    async def model(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = next((one for one in list_models(gateway) if one["id"] == name), None)
        if found is None:
            return refuse_in_kind(request, errors.model_not_found(name, "GET /v1/models lists those there are."))
        return reply(model_info(found) if speaks_anthropic(request) else found)

    return [
        web.post("/v1/chat/completions", completions.handle),
        web.get("/v1/models", models),
        web.get("/v1/models/{name:.+}", model),
    ]


def list_models(gateway: Gateway) -> list[JsonObject]:
    """The models in OpenAI's format, and what well-known clients read besides.

    ``context_length`` is OpenRouter's, and OpenClaw's discovery (2026.9.6) and LibreChat read it; LibreChat's
    ``processModelData`` also wants ``pricing`` for every model, in US dollars a token, as text.
    """
    created = int(gateway.started_at)
    return [
        {
            "id": offer.id,
            "object": "model",
            "created": created,
            "owned_by": offer.owner,
            "context_length": offer.context_tokens,
            "pricing": {"prompt": _usd(offer.input_price), "completion": _usd(offer.output_price)},
        }
        for offer in gateway.offers()
    ]


def _usd(microusd_for_a_million: int) -> str:
    """US dollars a token, without an exponent."""
    return f"{microusd_for_a_million / 1e12:.12f}".rstrip("0").rstrip(".")


class ChatFace:
    """Chat completions: the protocol every room speaks, so that nothing is translated."""

    api = ApiKind.CHAT

    def understand(self, body: JsonObject, headers: Mapping[str, str]) -> Understood:
        return Understood(body)

    def whole(self, request: ChatRequest, answer: Piece) -> JsonObject:
        return answer.body

    def stream(self, request: ChatRequest) -> ChatWriter:
        return ChatWriter(request)

    def error(self, refusal: Refusal, request_id: str | None) -> JsonObject:
        return openai_error(refusal)

    def headers(self, request_id: str) -> Mapping[str, str]:
        return {}


class ChatWriter:
    """A stream of chunks, ended by ``[DONE]``. Fields that a chunk must have and an upstream left out are added."""

    def __init__(self, request: ChatRequest) -> None:
        shell = make_chunk(request.id, request.model, {}, created=int(request.received_at))
        self._head: JsonObject = {**shell, "choices": []}

    def feed(self, piece: Piece) -> bytes:
        return sse.encode({**self._head, **piece.body})

    def end(self) -> bytes:
        return sse.DONE

    def fail(self, refusal: Refusal) -> bytes:
        return sse.encode(openai_error(refusal))
