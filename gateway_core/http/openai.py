"""OpenAI's protocol: chat completions, streamed and not, and the list of models."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace

import orjson
from aiohttp import web

from gateway_core.clients import read_client
from gateway_core.clock import new_request_id
from gateway_core.gateway import Gateway
from gateway_core.http.guards import CALLER
from gateway_core.http.replies import refuse, reply, where
from gateway_core.model import CacheMode, ChatRequest, ClientView, JsonObject, Lane, Refusal, Refused, Tier
from gateway_core.pipeline import Answer
from gateway_core.routing.router import MODEL_IDS
from gateway_core.wire import errors, sse
from gateway_core.wire.errors import openai_error
from gateway_core.wire.tokens import measure
from gateway_core.wire.validation import validate

log = logging.getLogger(__name__)

EXTRAS = ("force_tier", "context", "idempotency_key")
BACKGROUND_CONTEXTS = ("background", "heartbeat", "cron", "recap", "title")
SPARE_LEVELS = 32
MEASURED_IN_A_THREAD_BYTES = 1_000_000
"""Larger bodies are parsed and measured off the event loop: 1 MB takes some 10 ms."""


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of this protocol for ``gateway``."""
    chat = ChatCompletions(gateway)
    return [web.post("/v1/chat/completions", chat.handle), web.get("/v1/models", chat.models)]


class ChatCompletions:
    """``POST /v1/chat/completions`` and ``GET /v1/models``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def models(self, _: web.Request) -> web.Response:
        """The gateway's own ids, then each tier's model as ``provider/model``."""
        now = self._gateway.snapshot(rows=0)
        names = [*MODEL_IDS, *(tier.target for tier in now.tiers if tier.target)]
        models = [
            {
                "id": name,
                "object": "model",
                "created": int(now.started_at),
                "owned_by": "llmgw" if "/" not in name else name.split("/")[0],
            }
            for name in dict.fromkeys(names)
        ]
        return reply({"object": "list", "data": models})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await _read(request, self._gateway.settings.max_body_bytes)
        if isinstance(raw, Refusal):
            return refuse(raw)
        if len(raw) > MEASURED_IN_A_THREAD_BYTES:
            parsed = await asyncio.to_thread(parse, raw, request)
        else:
            parsed = parse(raw, request)
        if isinstance(parsed, Refusal):
            return refuse(parsed)
        id_header = {"x-llmgw-request-id": parsed.id}
        response: web.StreamResponse | None = None
        try:
            async with self._gateway.pipeline.answer(parsed) as answer:
                if isinstance(answer, Refusal):
                    return refuse(answer, id_header)
                if answer.chunks is None:
                    return reply(answer.body, headers=_headers(answer))
                response = await _begin(request, answer)
                async for chunk in answer.chunks:
                    await response.write(sse.encode(chunk))
                await response.write(sse.DONE)
        except Refused as refused:
            if response is None:
                return refuse(refused.refusal, id_header)
            await _last_word(response, refused.refusal)
        except ConnectionError:
            if response is None:
                raise
        except Exception as error:
            if response is None:
                raise
            log.error("a stream failed: %s", where(error))
            await _last_word(response, errors.internal_error())
        return response


async def _last_word(response: web.StreamResponse, refusal: Refusal) -> None:
    """Ends a stream with why it ends, if anybody still listens."""
    with suppress(ConnectionError):
        await response.write(sse.encode(openai_error(refusal)))


async def _read(request: web.Request, limit_bytes: int) -> bytes | Refusal:
    """The body, read no further than the limit."""
    if (request.content_length or 0) > limit_bytes:
        return errors.body_too_large(limit_bytes)
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > limit_bytes:
            return errors.body_too_large(limit_bytes)
    return bytes(body)


def parse(raw: bytes, request: web.Request) -> ChatRequest | Refusal:
    """The request as a value, or what is wrong with it."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return errors.invalid_request(f"The body is not valid JSON: {error.msg} at line {error.lineno}.")
    if not isinstance(body, dict):
        return errors.invalid_request("The body must be a JSON object.")
    if _too_deep(body):
        return errors.invalid_request("The body is nested too deeply.")
    extras = {name: body.pop(name) for name in EXTRAS if name in body}
    if refusal := validate(body):
        return refusal
    return _with_extras(body, extras, request, len(raw))


def _too_deep(body: JsonObject) -> bool:
    """What can be read may be too deep to be written again: upstream, into the log, into an identity.

    orjson reads 1,024 levels and writes 254; a few are left for what is put around the parts of a body.
    """
    wrapped: object = body
    for _ in range(SPARE_LEVELS):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return True
    return False


def _with_extras(body: JsonObject, extras: JsonObject, request: web.Request, body_bytes: int) -> ChatRequest | Refusal:
    tier, context = extras.get("force_tier"), extras.get("context")
    key = extras.get("idempotency_key", request.headers.get("Idempotency-Key"))
    mode = request.headers.get("x-llmgw-cache", CacheMode.USE.value).strip().lower()
    if tier is not None and tier not in [known.value for known in Tier]:
        return errors.invalid_request("force_tier is local, cheap or premium.", "force_tier")
    if context is not None and not isinstance(context, str):
        return errors.invalid_request("context is a string.", "context")
    if key is not None and (not isinstance(key, str) or not key):
        return errors.invalid_request("idempotency_key is a string that is not empty.", "idempotency_key")
    if mode not in [known.value for known in CacheMode]:
        return errors.invalid_request("x-llmgw-cache is no-store, bypass or refresh.", "x-llmgw-cache")
    view = read_client(body, request.headers)
    if context in BACKGROUND_CONTEXTS:
        view = _in_background(view, context)
    return ChatRequest(
        id=new_request_id(),
        received_at=time.time(),
        caller=request[CALLER],
        body=body,
        model=body["model"],
        stream=body.get("stream") is True,
        view=view,
        size=measure(body, body_bytes),
        force_tier=Tier(tier) if tier else None,
        cache_mode=CacheMode(mode),
        idempotency_key=key,
        context=context,
    )


def _in_background(view: ClientView, purpose: str) -> ClientView:
    return replace(view, lane=Lane.BACKGROUND, purpose="chat" if purpose == "background" else purpose)


def _headers(answer: Answer) -> dict[str, str]:
    headers = {
        "x-llmgw-request-id": answer.request_id,
        "x-llmgw-tier": answer.tier,
        "x-llmgw-model": header_text(answer.model),
        "x-llmgw-cache": answer.cache.value,
        "x-llmgw-route": header_text(answer.route),
    }
    if answer.cost_microusd is not None:
        headers["x-llmgw-cost-usd"] = f"{answer.cost_microusd / 1e6:.6f}"
    return headers


def header_text(text: str) -> str:
    """Text that may stand in a header: a model's name is foreign, and must not smuggle another header in."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:200]


async def _begin(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={**_headers(answer), "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    return response
