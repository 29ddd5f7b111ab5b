"""What of a request is sent when it is asked for: headers and bodies as on the wire, what was left out, its replays."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from gateway_core.clients.messages import SYSTEM_ROLES
from gateway_core.gateway import Gateway
from gateway_core.http.replies import refuse, reply
from gateway_core.model import JsonObject, LeftOut, Refusal, RequestDetail

NOT_KEPT = (
    "Nothing of that request's wire is kept: it is unknown, still running, older than KEEP_BODIES_DAYS, or was "
    "answered while that was 0."
)
WENT_WHOLE = "Nothing was left out of a request of that id, or there is no such mark in it."
NO_REPLAY = "There is no replay of that id since llmgw started."


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the parts of requests of ``gateway``."""

    async def upstream(request: web.Request) -> web.Response:
        """``gateway_core.traces.RequestParts``."""
        parts = await gateway.parts(request.match_info["id"])
        return refuse(Refusal("not_found", NOT_KEPT, 404)) if parts is None else reply(parts)

    async def left_out(request: web.Request) -> web.Response:
        """What context compaction left out: each gap by the id of its ``mark``, with the messages as they were."""
        detail = await gateway.detail(request.match_info["id"])
        gaps = detail.compacted.left_out if detail and detail.compacted else ()
        wanted = request.query.get("mark")
        gaps = tuple(gap for gap in gaps if wanted in (None, gap.id))
        if detail is None or not gaps:
            return refuse(Refusal("not_found", WENT_WHOLE, 404))
        if not detail.messages:
            return refuse(Refusal("not_found", NOT_KEPT, 404))
        return reply([{**asdict(gap), "id": gap.id, "messages": _gone(detail, gap)} for gap in gaps])

    async def offers(request: web.Request) -> web.Response:
        """What running it again would cost at most, as ``gateway_core.replay_values.ReplayOffers``."""
        return reply(await gateway.replays.offers(request.match_info["id"]))

    async def progress(request: web.Request) -> web.Response:
        """How far a replay has come, as ``gateway_core.replay_values.ReplayProgress``."""
        found = gateway.replays.progress(request.match_info["id"])
        return refuse(Refusal("not_found", NO_REPLAY, 404)) if found is None else reply(found)

    return [
        web.get("/api/requests/{id}/upstream", upstream),
        web.get("/api/requests/{id}/left-out", left_out),
        web.get("/api/requests/{id}/replays", offers),
        web.get("/api/replays/{id}", progress),
    ]


def _gone(detail: RequestDetail, gap: LeftOut) -> list[JsonObject]:
    """The messages of a gap; system messages stay wherever they are."""
    return [one for one in detail.messages[gap.first : gap.last + 1] if one.get("role") not in SYSTEM_ROLES]
