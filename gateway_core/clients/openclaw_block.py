"""The settings that make OpenClaw use the gateway, over each protocol it can speak.

Written against OpenClaw 2026.9.6: its schema, its bundled ``clawrouter`` plugin, and what each of its transports sends
of the session (``@openclaw/ai``: chat completions three headers, Responses one and the cache key, Anthropic one).
"""

from __future__ import annotations

from enum import StrEnum

from gateway_core.model import JsonObject

PROVIDER, CLAWROUTER = "llmgw", "clawrouter"
CONTEXT_TOKENS = 131_072
"""What every model may be sent: the gateway takes a request to a model that can hold it."""
MAX_OUTPUT_TOKENS = 8192
EMBEDDING_MODEL = "gateway-embed"
MIN_SCORE = 0.2
"""OpenClaw's own 0.35 is for models whose cosines are higher. A note found in words that it does not share scored 0.28
with the built-in model, notes about other things at most 0.09 (a cosine counts 0.7 in its score; measured 2026-11)."""


class OpenClawApi(StrEnum):
    """How OpenClaw speaks to the gateway. ``CLAWROUTER`` asks the gateway for its models and its usage."""

    COMPLETIONS = "openai-completions"
    RESPONSES = "openai-responses"
    MESSAGES = "anthropic-messages"
    CLAWROUTER = "clawrouter"

    @property
    def provider(self) -> str:
        return CLAWROUTER if self is OpenClawApi.CLAWROUTER else PROVIDER


_COMPAT: dict[OpenClawApi, JsonObject] = {
    OpenClawApi.COMPLETIONS: {
        "supportsUsageInStreaming": True,
        "sendSessionAffinityHeaders": True,
        "supportsPromptCacheKey": True,
    },
    OpenClawApi.RESPONSES: {"sendSessionIdHeader": True, "supportsPromptCacheKey": True},
    OpenClawApi.MESSAGES: {"sendSessionAffinityHeaders": True},
}


def provider_block(
    base_url: str,
    api_key: str,
    *,
    api: OpenClawApi = OpenClawApi.COMPLETIONS,
    local_context_tokens: int | None = None,
    memory: bool = False,
) -> JsonObject:
    """The settings for the gateway at ``base_url`` (with ``/v1``).

    Prices are 0 because the gateway reports ``usage.cost``, which wins. ``local_context_tokens`` is the local model's
    context where it is known: OpenClaw then shortens a conversation in time when it talks to that model alone.
    ``memory`` has the memory search embed with the gateway, too.
    """
    root = base_url.removesuffix("/v1")
    provider: JsonObject = {"baseUrl": base_url, "apiKey": api_key}
    if api in (OpenClawApi.MESSAGES, OpenClawApi.CLAWROUTER):
        provider["baseUrl"] = root
    if api is not OpenClawApi.CLAWROUTER:
        provider |= {"api": api.value, "models": _models(api, local_context_tokens or CONTEXT_TOKENS)}
    background = f"{api.provider}/gateway-background"
    block: JsonObject = {
        "models": {"mode": "merge", "providers": {api.provider: provider}},
        "agents": {
            "defaults": {
                "model": {"primary": f"{api.provider}/gateway-auto", "fallbacks": [f"{api.provider}/gateway-local"]},
                "utilityModel": background,
                "heartbeat": {"model": background},
            }
        },
    }
    if api is OpenClawApi.CLAWROUTER:
        block["plugins"] = {"entries": {CLAWROUTER: {"enabled": True}}}
    if memory:
        search = {
            "provider": "openai-compatible",
            "model": EMBEDDING_MODEL,
            "remote": {"baseUrl": f"{root}/v1", "apiKey": api_key},
            "query": {"minScore": MIN_SCORE},
        }
        block["memory"] = {"search": search}
    return block


def _models(api: OpenClawApi, local_tokens: int) -> list[JsonObject]:
    known = (
        ("gateway-auto", "llmgw (automatic)", CONTEXT_TOKENS, True),
        ("gateway-local", "llmgw local", local_tokens, False),
        ("gateway-cheap", "llmgw cheap", CONTEXT_TOKENS, False),
        ("gateway-premium", "llmgw premium", CONTEXT_TOKENS, True),
        ("gateway-background", "llmgw background", CONTEXT_TOKENS, False),
    )
    return [
        {
            "id": id_,
            "name": name,
            "reasoning": False,
            "input": ["text", "image"] if images else ["text"],
            "contextWindow": tokens,
            "maxTokens": min(MAX_OUTPUT_TOKENS, tokens // 2),
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "compat": dict(_COMPAT[api]),
        }
        for id_, name, tokens, images in known
    ]
