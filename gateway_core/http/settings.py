"""The settings over HTTP: what is in force, and where each came from."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import reply


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of the settings of ``gateway``."""

    async def settings(_: web.Request) -> web.Response:
        """All settings, secrets masked."""
        return reply(await gateway.settings_report())

    return [web.get("/api/settings", settings)]
