"""A completion request as it comes in, whatever its protocol: read within bounds, checked, made a value."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Protocol

from aiohttp import web

from gateway_core.clients import read_client
from gateway_core.clock import new_request_id
from gateway_core.frozen import frozen
from gateway_core.http.bodies import json_object, read_body
from gateway_core.http.guards import CALLER
from gateway_core.model import ApiKind, CacheMode, ChatRequest, ClientView, JsonObject, Lane, Received, Refusal, Tier
from gateway_core.recording import masked_headers
from gateway_core.wire import errors
from gateway_core.wire.context import read_context
from gateway_core.wire.tokens import measure
from gateway_core.wire.validation import validate

EXTRAS = ("force_tier", "context", "idempotency_key")
BACKGROUND_CONTEXTS = ("background", "heartbeat", "cron", "recap", "title")
LANE_HEADER = "x-llmgw-lane"
"""Whether a person waits, from who knows it: it goes before the model, the body and what the request looks like."""
ARRIVED = web.RequestKey("arrived", float)
"""``time.monotonic()`` when the reading of the body began."""
MEASURED_IN_A_THREAD_BYTES = 1_000_000
"""Larger bodies are parsed and measured off the event loop: 1 MB takes some 10 ms."""
_TIERS = {tier.value: tier for tier in Tier}
_MODES = {mode.value: mode for mode in CacheMode}
_LANES = {lane.value: lane for lane in Lane}


@frozen
class Understood:
    """A body in the format every room speaks, and the headers that go upstream where its own protocol is spoken."""

    chat: JsonObject
    native_headers: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """What is special about a protocol's requests."""

    api: ApiKind

    def understand(self, body: JsonObject, headers: Mapping[str, str]) -> Understood | Refusal:
        """The request as a chat completion, or what is wrong with it in the words of its own protocol."""
        ...


async def incoming(request: web.Request, reader: Reader, limit_bytes: int) -> ChatRequest | Refusal:
    """The request as a value, or why it is none. The body is read no further than ``limit_bytes``."""
    request[ARRIVED] = time.monotonic()
    raw = await read_body(request, limit_bytes)
    if isinstance(raw, Refusal):
        return raw
    if len(raw) > MEASURED_IN_A_THREAD_BYTES:
        return await asyncio.to_thread(parse, raw, request, reader)
    return parse(raw, request, reader)


def parse(raw: bytes, request: web.Request, reader: Reader) -> ChatRequest | Refusal:
    """The request as a value, or what is wrong with it."""
    body = json_object(raw)
    return body if isinstance(body, Refusal) else understand(body, request, reader, len(raw))


def understand(body: JsonObject, request: web.Request, reader: Reader, body_bytes: int) -> ChatRequest | Refusal:
    """The same for a body that is parsed; the gateway's own extras are taken out of it."""
    extras = {name: body.pop(name) for name in EXTRAS if name in body}
    understood = reader.understand(body, request.headers)
    if isinstance(understood, Refusal):
        return understood
    if refusal := validate(understood.chat):
        return refusal
    native = None if reader.api is ApiKind.CHAT else body
    return _with_extras(understood, native, extras, request, body_bytes, reader.api)


def _with_extras(
    understood: Understood,
    native: JsonObject | None,
    extras: JsonObject,
    request: web.Request,
    body_bytes: int,
    api: ApiKind,
) -> ChatRequest | Refusal:
    body = understood.chat
    headers, tier = request.headers, extras.get("force_tier")
    context, key = read_context(extras.get("context")), idempotency_key(extras, request)
    asked = headers.get("x-llmgw-cache")
    mode = CacheMode.USE if asked is None else _MODES.get(asked.strip().lower())
    if tier is not None and not (isinstance(tier, str) and tier in _TIERS):
        return errors.invalid_request("force_tier is local, cheap or premium.", "force_tier")
    if isinstance(context, Refusal):
        return context
    if isinstance(key, Refusal):
        return key
    if mode is None:
        return errors.invalid_request("x-llmgw-cache is no-store, bypass or refresh.", "x-llmgw-cache")
    lane = headers.get(LANE_HEADER, "").strip().lower()
    if lane and lane not in _LANES:
        return errors.invalid_request(f"{LANE_HEADER} is interactive or background.", LANE_HEADER)
    view = read_client(body, headers)
    if isinstance(context, str) and context in BACKGROUND_CONTEXTS:
        view = _in_background(view, context)
    if lane:
        view = replace(view, lane=_LANES[lane])
    return ChatRequest(
        id=new_request_id(),
        received_at=time.time(),
        caller=request[CALLER],
        body=body,
        model=body["model"],
        stream=body.get("stream") is True,
        view=view,
        size=measure(body, body_bytes),
        force_tier=_TIERS[tier] if tier else None,
        cache_mode=mode,
        idempotency_key=key,
        context=context,
        api=api,
        native=native,
        native_headers=understood.native_headers,
        received=received(request, api),
    )


def idempotency_key(extras: JsonObject, request: web.Request) -> str | Refusal | None:
    """The caller's key, in the body or as a header; None without one."""
    header = request.headers.get("Idempotency-Key")
    key = extras.get("idempotency_key", header)
    if header is not None and key != header:
        text = "idempotency_key and the header Idempotency-Key differ: send one of them."
        return errors.invalid_request(text, "idempotency_key")
    if key is not None and (not isinstance(key, str) or not key):
        return errors.invalid_request("idempotency_key is a string that is not empty.", "idempotency_key")
    return key


def received(request: web.Request, api: ApiKind) -> Received:
    """How the request came, secrets masked."""
    read_ms = (time.monotonic() - request[ARRIVED]) * 1000
    return Received(
        request.method, request.path, masked_headers(request.headers.items()), round(read_ms, 3), api, request[CALLER]
    )


def _in_background(view: ClientView, purpose: str) -> ClientView:
    return replace(view, lane=Lane.BACKGROUND, purpose="chat" if purpose == "background" else purpose)
