"""What a request can cost beyond its own tokens at the list price: server tools, faster or nearer inference, audio.

Read from the body alone, a chat completion's or a Messages one, so that the money can be set aside before it is sent.
"""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, JsonObject
from gateway_core.wire.json_values import is_integer, positive

MOST_ROUNDS = 10
"""How often Anthropic goes on by itself with the results of server tools before it pauses the turn: ten by default
(anthropic-sdk-python#1237, 2026; "default 10 iterations", startdebugging.net, 2026-05-30). Every round reads the whole
prompt again."""

_RESULT_TOKENS = {
    "web_search": 15_000,
    "web_fetch": 125_000,
    "code_execution": 10_000,
    "tool_search": 10_000,
    "advisor": 10_000,
    "mcp": 25_000,
}
"""What one use can add to the prompt, by the tool's kind. Assumed: generous bounds that were
chosen, not measured, that of a fetch for a long paper."""
_SERVICE_TIERS = ("priority", "fast")
_PRICED = frozenset(("speed", "inference_geo", "service_tier"))
"""Fields of a body that other prices go with."""


@frozen
class Extras:
    """The most a request can ask for, never what it will use."""

    web_searches: int = 0
    rounds: int = 1
    """How often the provider may read the prompt for one answer."""
    result_tokens: int = 0
    """What the results of server tools can add to the prompt by the last round."""
    fast: bool = False
    us_only: bool = False
    service_tier: str = ""
    audio: bool = False

    def prompt_tokens(self, ceiling: int, context_window: int | None) -> int:
        """Prompt tokens billed over all rounds for a prompt of at most ``ceiling`` tokens, in so large a window."""
        total = self.rounds * ceiling + self.result_tokens * (self.rounds + 1) // 2
        return total if context_window is None else min(total, self.rounds * max(ceiling, context_window))


_PLAIN = Extras()


def extras_of(request: ChatRequest, default_uses: int) -> Extras:
    """What ``request`` asks for. A server tool without a limit counts ``default_uses`` times."""
    body, native, asked = request.body, request.native, request.asked
    if native is None and not asked.server_tools and not asked.audio and _PRICED.isdisjoint(body):
        return _PLAIN
    searches = total = result_tokens = 0
    for kind, tool in (request.asked_natively or asked).server_tools:
        number = _uses(tool, default_uses)
        total += number
        result_tokens += number * _result_tokens(kind, tool)
        if kind == "web_search":
            searches += number
    fast, us_only, service_tier = False, False, ""
    for said in (body, native) if native else (body,):
        fast = fast or said.get("speed") == "fast"
        us_only = us_only or said.get("inference_geo") == "us"
        if not service_tier and (tier := said.get("service_tier")) in _SERVICE_TIERS:
            service_tier = str(tier)
    return Extras(
        web_searches=searches,
        rounds=1 + min(total, MOST_ROUNDS),
        result_tokens=result_tokens,
        fast=fast,
        us_only=us_only,
        service_tier=service_tier,
        audio=asked.audio or (request.asked_natively is not None and request.asked_natively.audio),
    )


def has_server_tools(request: ChatRequest) -> bool:
    """Whether the provider may run tools of its own for ``request``, and read its prompt more than once."""
    natively = request.asked_natively
    return bool(request.asked.server_tools or (natively is not None and natively.server_tools))


def _uses(tool: JsonObject, default: int) -> int:
    limit = tool.get("max_uses")
    return limit if is_integer(limit) and limit >= 0 else default


def _result_tokens(kind: str, tool: JsonObject) -> int:
    return min(positive(tool.get("max_content_tokens")) or _RESULT_TOKENS[kind], _RESULT_TOKENS[kind])
