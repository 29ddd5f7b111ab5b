"""What Anthropic's Messages API wants of a request that comes with a token of ``claude setup-token`` instead of a key.

The token is an OAuth bearer of a Claude subscription (``sk-ant-oat01-``, valid a year). Seen in OpenClaw 2026.9.6 and
in anthropics/claude-code#40515 (2026-03): without the two betas the API answers 401 or 403, and for all models but
Haiku 400 unless the system prompt begins with Claude Code's own sentence, as a block of its own. Nothing else of
Claude Code is claimed: the ``User-Agent`` stays ours. What the terms allow is in the README.
"""

from __future__ import annotations

from gateway_core.model import JsonObject

TOKEN_PREFIX = "sk-ant-oat"
KEY_SETTING = "ANTHROPIC_SETUP_TOKEN; `claude setup-token` makes a new one"
"""Completes "Check …" where the token is refused."""
BETAS = ("claude-code-20250219", "oauth-2025-04-20")
OPENING = "You are Claude Code, Anthropic's official CLI for Claude."


def is_setup_token(secret: str | None) -> bool:
    """Whether a credential is a setup token, wherever it was pasted."""
    return bool(secret and secret.startswith(TOKEN_PREFIX))


def with_opening(body: JsonObject) -> JsonObject:
    """A Messages body whose system prompt begins as the token wants it; the caller's follows, unchanged."""
    system = body.get("system") or []
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else list(system)
    first = blocks[0].get("text") if blocks and isinstance(blocks[0], dict) else None
    if first == OPENING:
        return body
    return {**body, "system": [{"type": "text", "text": OPENING}, *blocks]}
