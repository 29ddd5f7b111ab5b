"""What Anthropic's API refuses of a request with a setup token: seen in OpenClaw 2026.9.6 and claude-code#40515."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.script import JsonObject

OPENING = "You are Claude Code, Anthropic's official CLI for Claude."


def is_token(key: str) -> bool:
    return key.startswith("sk-ant-oat01-")


def refusal(key: str, headers: Mapping[str, str], body: JsonObject | None) -> tuple[int, str] | None:
    """Status and words for a request that a token does not open; None for one it does, or with a plain key."""
    if not is_token(key):
        return None
    if headers.get("x-api-key"):
        return 401, "invalid x-api-key"
    if "oauth-2025-04-20" not in headers.get("anthropic-beta", "").split(","):
        return 401, "OAuth authentication is currently not supported."
    if body is None or "haiku" in str(body.get("model")):
        return None
    system = body.get("system")
    first = system[0].get("text") if isinstance(system, list) and system else system
    opens = first == OPENING if isinstance(system, list) else str(first).startswith(OPENING)
    return None if opens and "claude-code-20250219" in headers["anthropic-beta"].split(",") else (400, "Error")
