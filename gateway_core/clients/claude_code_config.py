"""What makes Claude Code use the gateway: two variables, in the ``env`` of its user settings.

From Anthropic's page on gateways for Claude Code (code.claude.com/docs/en/llm-gateway-connect, 2026-11): the base URL
has no ``/v1``, and ``ANTHROPIC_AUTH_TOKEN`` is sent as a bearer and goes before an ``apiKeyHelper`` and a login.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.json_config import MergeResult, change_json
from gateway_core.model import JsonObject

_NOT_PLAIN = ". Mend it, or add the block yourself."


def settings_block(root: str, api_key: str) -> JsonObject:
    """The settings for the gateway at ``root`` (without ``/v1``)."""
    return {"env": {"ANTHROPIC_BASE_URL": root, "ANTHROPIC_AUTH_TOKEN": api_key}}


def default_path(env: Mapping[str, str], home: Path) -> Path:
    """The user's settings, which are not shared with a project; ``CLAUDE_CONFIG_DIR`` moves them."""
    folder = env.get("CLAUDE_CONFIG_DIR", "").strip()
    return (Path(folder).expanduser() if folder else home / ".claude") / "settings.json"


def merge(path: Path, block: JsonObject, *, now: datetime) -> MergeResult:
    """Puts the block into the file, see :func:`change_json`. Raises :class:`ConfigError`."""
    return change_json(path, lambda settings: _put(settings, block), now, otherwise=_NOT_PLAIN)


def _put(settings: JsonObject, block: JsonObject) -> tuple[str, ...]:
    notes = []
    env = settings.setdefault("env", {})
    if not isinstance(env, dict):
        raise ConfigError("“env” in Claude Code's settings is not an object.")
    before = env.get("ANTHROPIC_BASE_URL")
    if before and before != block["env"]["ANTHROPIC_BASE_URL"]:
        notes.append(f"ANTHROPIC_BASE_URL was {before}.")
    env.update(block["env"])
    if env.get("ANTHROPIC_API_KEY"):
        notes.append("ANTHROPIC_API_KEY is set beside it: remove it, Claude Code warns of two keys.")
    for name in ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"):
        if env.get(name):
            notes.append(f"{name} is set: Claude Code does not use the gateway until it is removed.")
    return tuple(notes)
