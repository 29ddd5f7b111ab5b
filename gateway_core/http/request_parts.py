"""What of a request is sent when it is asked for: headers and bodies as they went over the wire, and its replays."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import Refusal

NOT_KEPT = (
    "Nothing of that request's wire is kept: it is unknown, still running, older than KEEP_BODIES_DAYS, or was "
    "answered while that was 0."
)
NO_REPLAY = "There is no replay of that id since llmgw started."


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the parts of requests of ``gateway``."""

    async def upstream(request: web.Request) -> web.Response:
        """``gateway_core.traces.RequestParts``."""
        parts = await gateway.parts(request.match_info["id"])
        return refuse(Refusal("not_found", NOT_KEPT, 404)) if parts is None else reply(parts)

    async def offers(request: web.Request) -> web.Response:
        """What running it again would cost at most, as ``gateway_core.replay_values.ReplayOffers``."""
        return reply(await gateway.replays.offers(request.match_info["id"]))

    async def progress(request: web.Request) -> web.Response:
        """How far a replay has come, as ``gateway_core.replay_values.ReplayProgress``."""
        found = gateway.replays.progress(request.match_info["id"])
        return refuse(Refusal("not_found", NO_REPLAY, 404)) if found is None else reply(found)

    return [
        web.get("/api/requests/{id}/upstream", upstream),
        web.get("/api/requests/{id}/replays", offers),
        web.get("/api/replays/{id}", progress),
    ]
