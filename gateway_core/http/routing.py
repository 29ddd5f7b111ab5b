"""The router over HTTP: who serves each tier and how they do, and where a prompt would go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.bodies import json_object, read_body
from gateway_core.http.replies import refuse, reply
from gateway_core.learning.lines import line_of
from gateway_core.model import Refusal
from gateway_core.store.errors import StoreError
from gateway_core.store.labels import Label
from gateway_core.wire.errors import invalid_request


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the router of ``gateway``."""

    async def routing(_: web.Request) -> web.Response:
        """Line-up, health, route reasons of the newest requests, and the newest decisions."""
        return reply(gateway.routing.status())

    async def learning(_: web.Request) -> web.Response:
        """Labels, what was learned from them, and what is in force."""
        try:
            return reply(await gateway.learning.status())
        except StoreError as error:
            return _unavailable(error)

    async def labels(_: web.Request) -> web.Response:
        """The labels in force as lines of JSON, newest first; the command ``import_labels`` takes them again."""
        try:
            found = await gateway.learning.labels()
        except StoreError as error:
            return _unavailable(error)
        return web.Response(body=await asyncio.to_thread(_lines, found), content_type="application/jsonl")

    async def trial(request: web.Request) -> web.Response:
        """Where ``{"prompt"}`` would go now, and why. Calls nothing, stores nothing."""
        from gateway_core.routing_view import LONGEST_PROMPT

        raw = await read_body(request, gateway.settings.max_body_bytes)
        body = raw if isinstance(raw, Refusal) else json_object(raw)
        if isinstance(body, Refusal):
            return refuse(body)
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or len(prompt) > LONGEST_PROMPT:
            return refuse(invalid_request(f"prompt is a text of at most {LONGEST_PROMPT:,} characters.", "prompt"))
        return reply(await gateway.routing.try_out(prompt))

    return [
        web.get("/api/routing", routing),
        web.post("/api/routing/trial", trial),
        web.get("/api/routing/learning", learning),
        web.get("/api/routing/labels", labels),
    ]


def _lines(labels: Sequence[Label]) -> bytes:
    """5,000 labels of long prompts are 40 MB: to be made off the event loop."""
    return b"".join(orjson.dumps(line_of(label), option=orjson.OPT_APPEND_NEWLINE) for label in labels)


def _unavailable(error: StoreError) -> web.Response:
    return refuse(Refusal("store_unavailable", str(error), 503, retry_after_s=3))
