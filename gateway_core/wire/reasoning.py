"""Which models think where nobody sees it, and how much they can have thought in a given time.

Needed where a stream is cut: thinking is billed as output and counted only at the end, and what arrived of the answer
says nothing of it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gateway_core.model import ChatRequest
from gateway_core.wire import claude_models

TOKENS_PER_S = 500
"""A bound that was chosen, not measured: that no model of Anthropic or OpenAI writes faster, fast modes included."""
_FASTER = {"groq": 3_000, "cerebras": 3_000}
"""Bounds that were chosen, too."""
_REASONERS = re.compile(
    r"\bo[1-9]\b|gpt-[5-9]|gpt-oss|codex|deepseek-r|reason|think|qwq|qwen-?3|magistral|grok-[3-9]|glm"
)
_NO_EFFORT = ("none", "minimal")


def hides_reasoning(provider: str, model: str, request: ChatRequest) -> bool:
    """Whether the answer can have cost output that does not arrive: in doubt it can."""
    asked = refused = False
    for body in (request.body, request.native or {}):
        effort, thinking = body.get("reasoning_effort"), body.get("thinking")
        refused = refused or effort == "none"
        asked = asked or (isinstance(effort, str) and effort not in _NO_EFFORT)
        asked = asked or (isinstance(thinking, dict) and thinking.get("type") != "disabled")
    if provider == "anthropic":
        return asked or not claude_models.takes_forced_tools(model)
    return asked or (not refused and _is_reasoner(model))


@lru_cache(maxsize=256)
def _is_reasoner(model: str) -> bool:
    return _REASONERS.search(model.lower()) is not None


def most_tokens(provider: str, seconds: float) -> int:
    """Tokens that a model of ``provider`` cannot have passed in so many seconds."""
    return int(seconds * _FASTER.get(provider, TOKENS_PER_S))
