"""``/openapi.json``: what the addresses of the gateway take and give, for programs."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import reply


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of the document."""

    async def document(_: web.Request) -> web.Response:
        from gateway_core.http.openapi_document import make_document

        return reply(make_document(gateway.commands.arguments))

    return [web.get("/openapi.json", document)]
