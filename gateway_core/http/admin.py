"""The control surface: what the gateway knows, and the commands, over HTTP."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from gateway_core.gateway import VERSION, Gateway
from gateway_core.http.bodies import json_object, read_body
from gateway_core.http.replies import refuse, reply
from gateway_core.model import BudgetStatus, JsonObject, Refusal, Savings, SemanticStats, Snapshot
from gateway_core.wire import errors


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The routes of the control surface for ``gateway``."""
    admin = Admin(gateway)
    return [
        web.get("/health", admin.health),
        web.get("/api/metrics", admin.metrics),
        web.get("/api/budget", admin.budget),
        web.post("/api/commands/{name}", admin.command),
        web.post("/admin/kill-switch", admin.kill_switch),
    ]


class Admin:
    """Handlers of the control surface."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def health(self, _: web.Request) -> web.Response:
        """Whether it lives: no key needed, so nothing but that is told."""
        state = self._gateway.snapshot(rows=0).state
        return reply({"status": "ok", "state": state, "service": "llmgw", "version": VERSION})

    async def metrics(self, _: web.Request) -> web.Response:
        """Today's counts and sums."""
        return reply(metrics_json(self._gateway.snapshot(rows=0)))

    async def budget(self, _: web.Request) -> web.Response:
        """Today's spend against the limits, in US dollars; a limit of null is off."""
        return reply(budget_json(self._gateway.snapshot(rows=0).budget))

    async def command(self, request: web.Request) -> web.Response:
        """Runs a command by name; the body holds its arguments."""
        raw = await read_body(request, self._gateway.settings.max_body_bytes)
        arguments = raw if isinstance(raw, Refusal) else json_object(raw or b"{}")
        if isinstance(arguments, Refusal):
            return refuse(arguments)
        result = await self._gateway.commands.run(request.match_info["name"], arguments, _by(request))
        return reply(result, status=200 if result.ok else 400)

    async def kill_switch(self, request: web.Request) -> web.Response:
        """``?action=enable|disable|status``."""
        action = request.query.get("action", "status")
        if action in ("enable", "disable"):
            name = "kill" if action == "enable" else "release"
            result = await self._gateway.commands.run(name, {"by": "api"}, "api")
            if not result.ok:
                return refuse(errors.invalid_request(result.message))
        elif action != "status":
            return refuse(errors.invalid_request("action is enable, disable or status.", "action"))
        kill = self._gateway.snapshot(rows=0).kill
        return reply({"enabled": kill.on, "since": kill.since, "by": kill.by})


def metrics_json(now: Snapshot) -> JsonObject:
    """Today's counts and sums."""
    return {
        "requests_today": now.requests_today,
        "requests_per_minute": now.requests_per_minute,
        "in_flight": now.in_flight,
        "spent_usd": now.budget.spent_microusd / 1e6,
        "saved_usd": now.saved_today_microusd / 1e6,
        "cache": {
            "exact_hits": now.cache.exact_hits,
            "semantic_hits": now.cache.semantic_hits,
            "misses": now.cache.misses,
            "bypassed": now.cache.bypassed,
            "hit_rate": now.cache.hit_rate,
            "entries": now.cache.entries,
            "saved_usd": now.cache.saved_microusd / 1e6,
            "saved_s": now.cache.today.total.ms / 1e3,
            "saved_today": _savings(now.cache.today),
            "saved_ever": _savings(now.cache.ever),
            "semantic": _semantic(now.cache.semantic),
            "prompt_cache_read_tokens": now.cache.prompt_cache_read_tokens,
            "prompt_cache_write_tokens": now.cache.prompt_cache_write_tokens,
        },
        "tiers": {
            tier.name: {
                "requests": tier.requests,
                "input_tokens": tier.input_tokens,
                "output_tokens": tier.output_tokens,
                "cost_usd": tier.cost_microusd / 1e6,
                "target": tier.target,
            }
            for tier in now.tiers
        },
        "kill_switch": now.kill.on,
        "forced_tier": now.forced_tier,
        "uptime_s": now.at - now.started_at,
    }


def budget_json(budget: BudgetStatus) -> JsonObject:
    """Today's spend against the limits, in US dollars; a limit of null is off.

    ``background`` is the part of it that nobody waited for, against its own limit, which is never above the hard one.
    """
    hard, own = budget.hard_microusd, budget.background
    return {
        "day": budget.day,
        "spent_usd": budget.spent_microusd / 1e6,
        "reserved_usd": budget.reserved_microusd / 1e6,
        "soft_usd": budget.soft_microusd / 1e6 or None,
        "medium_usd": budget.medium_microusd / 1e6 or None,
        "hard_usd": hard / 1e6 or None,
        "remaining_usd": max(0, hard - budget.committed_microusd) / 1e6 if hard else None,
        "level": budget.level,
        "resets_at": budget.resets_at,
        "ledger_ok": budget.ledger_ok,
        "background": {
            "spent_usd": own.spent_microusd / 1e6,
            "reserved_usd": own.reserved_microusd / 1e6,
            "limit_usd": own.limit_microusd / 1e6 or None,
            "remaining_usd": max(0, own.limit_microusd - own.committed_microusd) / 1e6 if own.limit_microusd else None,
            "reached": own.reached,
        },
    }


def _by(request: web.Request) -> str:
    """Whose hand a command is, for the log; a word of the caller's, no proof."""
    return "attached" if request.headers.get("x-llmgw-by") == "attached" else "api"


def _savings(savings: Savings) -> JsonObject:
    return {
        name: {"hits": saved.hits, "saved_usd": saved.microusd / 1e6, "saved_s": saved.ms / 1e3}
        for name, saved in (("exact", savings.exact), ("semantic", savings.semantic), ("total", savings.total))
    }


def _semantic(stats: SemanticStats) -> JsonObject:
    """How the semantic cache stands, with the measured share of wrong hits and its interval."""
    return {**asdict(stats), "grey_judged": stats.grey_judged, "shadow_unchecked": stats.shadow_unchecked}
