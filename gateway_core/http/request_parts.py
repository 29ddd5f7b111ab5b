"""What of a request is only sent when it is asked for: its headers and bodies, as they went over the wire."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import Refusal

NOT_KEPT = (
    "Nothing of that request's wire is kept: it is unknown, still running, older than KEEP_BODIES_DAYS, or was "
    "answered while that was 0."
)


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the parts of requests of ``gateway``."""

    async def upstream(request: web.Request) -> web.Response:
        """``gateway_core.traces.RequestParts``."""
        parts = await gateway.parts(request.match_info["id"])
        return refuse(Refusal("not_found", NOT_KEPT, 404)) if parts is None else reply(parts)

    return [web.get("/api/requests/{id}/upstream", upstream)]
