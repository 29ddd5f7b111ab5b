"""Every route of the gateway, as the tests of its front door ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.server import ROOMS


def every_route(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """Method and path of each route, with a value in the place of every parameter."""
    yield "GET", "/metrics"
    for room in ROOMS:
        for route in room.routes(gateway):
            assert isinstance(route, web.RouteDef)
            yield route.method, re.sub(r"\{[^}]*\}", "x", route.path)
