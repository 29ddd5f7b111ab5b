"""The routes of OpenAI's Responses. What answers them is imported with the first request that speaks it."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of this protocol for ``gateway``."""

    async def create(request: web.Request) -> web.StreamResponse:
        from gateway_core.http.responses_turns import Turn

        return await Turn(gateway).handle(request)

    async def get(request: web.Request) -> web.Response:
        from gateway_core.http.responses_turns import Kept

        return await Kept(gateway).get(request)

    async def delete(request: web.Request) -> web.Response:
        from gateway_core.http.responses_turns import Kept

        return await Kept(gateway).delete(request)

    async def input_items(request: web.Request) -> web.Response:
        from gateway_core.http.responses_turns import Kept

        return await Kept(gateway).input_items(request)

    return [
        web.post("/v1/responses", create),
        web.get("/v1/responses/{id}", get),
        web.delete("/v1/responses/{id}", delete),
        web.get("/v1/responses/{id}/input_items", input_items),
    ]
