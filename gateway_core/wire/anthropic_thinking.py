"""Claude's thinking: which blocks it takes back, and what switches it on (API version 2026-10-21)."""

from __future__ import annotations

from typing import Any

from gateway_core.model import JsonObject
from gateway_core.wire import claude_models
from gateway_core.wire.json_values import as_list
from gateway_core.wire.messages_requests import THINKING, UNSIGNED

_BUDGETS = {"low": 1024, "medium": 4096, "high": 12_288, "xhigh": 16_384, "max": 16_384}


def thinking_of(message: JsonObject) -> list[JsonObject]:
    """The thinking of an assistant message that Claude wrote and signed, as it came."""
    blocks = message.get("thinking_blocks")
    return [block for block in as_list(blocks) if is_signed(block)]


def is_signed(block: Any) -> bool:
    """Whether a block is thinking that Anthropic takes back."""
    if not isinstance(block, dict):
        return False
    if block.get("type") == "redacted_thinking":
        return isinstance(block.get("data"), str)
    signature = block.get("signature")
    signed = isinstance(signature, str) and signature not in ("", UNSIGNED)
    return block.get("type") == "thinking" and isinstance(block.get("thinking"), str) and signed


def thinking_for(body: JsonObject, messages: list[JsonObject], model: str, max_tokens: int, forced: bool) -> JsonObject:
    """``thinking`` and effort for OpenAI's ``reasoning_effort``; nothing where it was not given.

    ``messages`` are the Messages turns that are sent; ``forced`` says that a tool must be called, which bars thinking.
    """
    own = body.get("thinking")
    wish = body.get("reasoning_effort")
    if isinstance(own, dict):
        stated = isinstance(wish, str) and wish in _BUDGETS and claude_models.takes_effort(model)
        return {"thinking": own, **({"output_config": {"effort": wish}} if stated else {})}
    if not isinstance(wish, str):
        return {}
    effort = {"none": "low", "minimal": "low", "xhigh": claude_models.highest_effort(model)}.get(wish, wish)
    if effort not in _BUDGETS:
        return {}
    thinks = wish not in ("none", "minimal") and not forced
    if claude_models.takes_effort(model):
        made: JsonObject = {"output_config": {"effort": effort}}
        return {**made, "thinking": {"type": "adaptive", "display": "summarized"}} if thinks else made
    budget = min(_BUDGETS[effort], max_tokens - 1024)
    if not thinks or budget < 1024 or not _may_think(messages):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _may_think(messages: list[JsonObject]) -> bool:
    """In a tool loop, models with a budget must be given back the thinking that their turn began with."""
    if messages[-1]["content"][0]["type"] != "tool_result":
        return True
    return messages[-2]["content"][0]["type"] in THINKING
