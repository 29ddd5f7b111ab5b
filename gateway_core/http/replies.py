"""Answers as JSON, and refusals in the envelope their reader knows."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web

from gateway_core.clock import new_request_id
from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.errors import anthropic_error, openai_error

_FINAL = ("budget_exceeded", "kill_switch", "no_provider", "stopped_by_hand")


def reply(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """``content`` (dataclasses too) as JSON."""
    return web.Response(
        body=orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def refuse(refusal: Refusal, headers: Mapping[str, str] | None = None, body: JsonObject | None = None) -> web.Response:
    """A refusal with Retry-After where waiting helps; ``body`` is OpenAI's error envelope unless it is given.

    ``x-should-retry`` keeps both SDKs from trying again what a person has to change first.
    """
    more = dict(headers or {})
    if refusal.code in _FINAL:
        more["x-should-retry"] = "false"
    if refusal.retry_after_s is not None:
        more["Retry-After"] = str(refusal.retry_after_s)
    return reply(body or openai_error(refusal), status=refusal.http_status, headers=more)


def refuse_in_kind(request: web.Request, refusal: Refusal) -> web.Response:
    """A refusal that no handler of a protocol answers, in the envelope of the address it was sent to."""
    if not speaks_anthropic(request):
        return refuse(refusal)
    request_id = new_request_id()
    return refuse(refusal, {"request-id": request_id}, anthropic_error(refusal, request_id))


def speaks_anthropic(request: web.Request) -> bool:
    """Whether a caller speaks Anthropic's protocol. Both lists of models have the same address."""
    path = request.path
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return "anthropic-version" in request.headers
    return path == "/v1/messages" or path.startswith("/v1/messages/")


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(type(value).__name__)
