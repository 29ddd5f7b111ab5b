"""The router over HTTP: who serves each tier and how they do, and where a prompt would go."""

from __future__ import annotations

import orjson
from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.routing_view import LONGEST_PROMPT
from gateway_core.wire.errors import invalid_request


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the router of ``gateway``."""

    async def routing(_: web.Request) -> web.Response:
        """Line-up, health, route reasons of the newest requests, and the newest decisions."""
        return reply(gateway.routing.status())

    async def trial(request: web.Request) -> web.Response:
        """Where ``{"prompt"}`` would go now, and why. Calls nothing, stores nothing."""
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return refuse(invalid_request("The body is not valid JSON."))
        prompt = body.get("prompt") if isinstance(body, dict) else None
        if not isinstance(prompt, str) or len(prompt) > LONGEST_PROMPT:
            return refuse(invalid_request(f"prompt is a text of at most {LONGEST_PROMPT:,} characters.", "prompt"))
        return reply(gateway.routing.trial(prompt))

    return [web.get("/api/routing", routing), web.post("/api/routing/trial", trial)]
