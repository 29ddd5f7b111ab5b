"""The local models over HTTP: the server with its models and pulls, and whether a model would fit."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.wire.errors import invalid_request

LONGEST_NAME = 200


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the local models of ``gateway``."""
    local = Local(gateway)
    return [web.get("/api/local/models", local.models), web.get("/api/local/fit", local.fit)]


class Local:
    """Handlers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def models(self, _: web.Request) -> web.Response:
        """The local server and its models, as ``gateway_core.local_values.LocalServer``."""
        return reply(self._gateway.local.server)

    async def fit(self, request: web.Request) -> web.Response:
        """Whether ``model`` would fit, pulled or not, as ``gateway_core.local_values.Fit``."""
        model = request.query.get("model", "").strip()
        if not model or len(model) > LONGEST_NAME:
            return refuse(invalid_request("model is the name of a model, for example qwen3:8b.", "model"))
        return reply(await self._gateway.local.fit(model))
