"""``/v1/catalog`` and ``/v1/usage``, as OpenClaw's bundled ``clawrouter`` plugin reads them.

Written against the plugin in OpenClaw 2026.9.6 (``provider-catalog`` and ``usage`` of its extension, and its page
docs/providers/clawrouter.md). It calls a model over chat completions where the catalog says ``llm.chat``.
"""

from __future__ import annotations

from aiohttp import web

from gateway_core.gateway import Gateway
from gateway_core.http.replies import reply
from gateway_core.model import JsonObject
from gateway_core.offers import Offer


def routes(gateway: Gateway) -> list[web.RouteDef]:
    """The plugin's routes for ``gateway``."""

    async def catalog(_: web.Request) -> web.Response:
        return reply(make_catalog(gateway))

    async def usage(_: web.Request) -> web.Response:
        return reply(make_usage(gateway))

    return [web.get("/v1/catalog", catalog), web.get("/v1/usage", usage)]


def make_catalog(gateway: Gateway) -> JsonObject:
    """One provider with the models that chat. A path under ``/v1/native/`` is asked for and never called."""
    most = gateway.settings.max_output_tokens
    provider = {
        "id": "llmgw",
        "displayName": "llmgw",
        "openaiCompatible": True,
        "nativeBaseUrl": "/v1/native/llmgw",
        "routes": [],
        "models": [_model(offer, most) for offer in gateway.offers() if not offer.embeds],
    }
    return {"providers": [provider]}


def _model(offer: Offer, max_output_tokens: int) -> JsonObject:
    return {
        "id": offer.id,
        "displayName": offer.id,
        "upstream": offer.id,
        "capabilities": ["llm.chat", "llm.stream"],
        "pricing": {
            "inputMicrosPerMillion": offer.input_price,
            "outputMicrosPerMillion": offer.output_price,
            "cachedInputMicrosPerMillion": offer.cache_read_price,
            "cacheWrite5mInputMicrosPerMillion": offer.cache_write_price,
            "maxInputTokens": offer.context_tokens,
            "defaultMaxOutputTokens": min(max_output_tokens, offer.context_tokens // 2),
        },
    }


def make_usage(gateway: Gateway) -> JsonObject:
    """Today's requests and tokens, and the ledger's spend against the daily limit, which is the one that stops.

    The plugin calls every budget "Monthly budget", and takes a reset only from a ``windowKey`` that ends in a month:
    one that ends in a day gets no wrong one.
    """
    now = gateway.snapshot(rows=0)
    budget = now.budget
    served = [tier for tier in now.tiers if tier.name != "cache"]
    summary = {
        "requestCount": now.requests_today,
        "totalTokens": sum(tier.input_tokens + tier.output_tokens for tier in served),
        "actualCostMicros": budget.spent_microusd,
    }
    return {
        "usage": {"summary": summary},
        "budget": {
            "configured": budget.hard_microusd > 0,
            "limitMicros": budget.hard_microusd,
            "spentMicros": budget.spent_microusd,
            "windowKey": f"day/{budget.day}",
        },
    }
