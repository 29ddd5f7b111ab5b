"""``/api/status``: what a prompt, a status bar or an alarm wants to know, in one small answer."""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.admin import budget_json, metrics_json
from gateway_core.http.replies import reply
from gateway_core.model import JsonObject, Snapshot


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The route of the status for ``gateway``."""

    async def status(_: web.Request) -> web.Response:
        return reply(status_json(gateway.snapshot(rows=0)))

    return [web.get("/api/status", status)]


def status_json(now: Snapshot) -> JsonObject:
    """The gateway in a few words. ``down`` names each provider that is not called, and why; ``forced_tier`` is null
    while the router chooses; ``metrics`` and ``budget`` are as at ``/api/metrics`` and ``/api/budget``."""
    return {
        "state": now.state,
        "state_detail": now.state_detail,
        "version": now.version,
        "at": now.at,
        "uptime_s": now.at - now.started_at,
        "simulated": now.simulated,
        "read_only": now.read_only,
        "kill": {"on": now.kill.on, "since": now.kill.since, "by": now.kill.by},
        "forced_tier": now.forced_tier,
        "down": [{"name": one.name, "why": one.detail} for one in now.providers if one.state == "down"],
        "metrics": metrics_json(now),
        "budget": budget_json(now.budget),
    }
