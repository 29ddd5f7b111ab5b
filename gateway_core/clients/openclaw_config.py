"""What ``llmgw connect openclaw`` puts into OpenClaw's configuration, and how it gets there without harm.

Written against OpenClaw 2026.9.6: its schema, and the rules by which it finds ``openclaw.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway_core.clients.config_file import ConfigError, replace_file
from gateway_core.model import JsonObject

PROVIDER = "llmgw"
PRIMARY, LOCAL, BACKGROUND = f"{PROVIDER}/gateway-auto", f"{PROVIDER}/gateway-local", f"{PROVIDER}/gateway-background"
CONTEXT_TOKENS = 131_072
"""What every model may be sent: the gateway takes a request to a model that can hold it."""
MAX_OUTPUT_TOKENS = 8192
_NAMES = ("openclaw.json", "clawdbot.json")


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What became of the file. ``backup`` is None where there was nothing to keep; ``notes`` are for a person."""

    path: Path
    changed: bool
    backup: Path | None
    notes: tuple[str, ...]


# --- the block -------------------------------------------------------------------------------------------------


def provider_block(base_url: str, api_key: str, *, local_context_tokens: int | None = None) -> JsonObject:
    """The settings that make OpenClaw use the gateway at ``base_url`` (with ``/v1``).

    Prices are 0 because the gateway reports ``usage.cost``, which wins. ``local_context_tokens`` is the local model's
    context where it is known: OpenClaw then shortens a conversation in time when it talks to that model alone.
    """
    local = local_context_tokens or CONTEXT_TOKENS
    models = [
        _model("gateway-auto", "llmgw (automatic)", CONTEXT_TOKENS, images=True),
        _model("gateway-local", "llmgw local", local),
        _model("gateway-cheap", "llmgw cheap", CONTEXT_TOKENS),
        _model("gateway-premium", "llmgw premium", CONTEXT_TOKENS, images=True),
        _model("gateway-background", "llmgw background", CONTEXT_TOKENS),
    ]
    provider = {"baseUrl": base_url, "apiKey": api_key, "api": "openai-completions", "models": models}
    return {
        "models": {"mode": "merge", "providers": {PROVIDER: provider}},
        "agents": {
            "defaults": {
                "model": {"primary": PRIMARY, "fallbacks": [LOCAL]},
                "utilityModel": BACKGROUND,
                "heartbeat": {"model": BACKGROUND},
            }
        },
    }


def _model(id_: str, name: str, context_tokens: int, *, images: bool = False) -> JsonObject:
    return {
        "id": id_,
        "name": name,
        "reasoning": False,
        "input": ["text", "image"] if images else ["text"],
        "contextWindow": context_tokens,
        "maxTokens": min(MAX_OUTPUT_TOKENS, context_tokens // 2),
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "compat": {
            "supportsUsageInStreaming": True,
            "sendSessionAffinityHeaders": True,
            "supportsPromptCacheKey": True,
        },
    }


def render(block: JsonObject) -> str:
    """The block as it can be pasted, or given to ``openclaw config patch --stdin``."""
    return json.dumps(block, indent=2, ensure_ascii=False) + "\n"


# --- the file --------------------------------------------------------------------------------------------------


def default_path(env: Mapping[str, str], home: Path) -> Path:
    """The configuration that OpenClaw uses with this environment; ``home`` is the account's own home folder."""
    own_home = _set(env, "OPENCLAW_HOME") or _set(env, "HOME")
    base = _expand(own_home, home) if own_home else home
    if override := _set(env, "OPENCLAW_CONFIG_PATH"):
        return _expand(override, base)
    state = _set(env, "OPENCLAW_STATE_DIR")
    folders = [_expand(state, base)] if state else [base / ".openclaw", base / ".clawdbot"]
    candidates = [folder / name for folder in folders for name in _NAMES]
    return next((path for path in candidates if path.exists()), candidates[0])


def merge(path: Path, block: JsonObject, *, env: Mapping[str, str], now: datetime) -> MergeResult:
    """Puts the block into the file, keeping every other setting and the order of the keys.

    Whatever was there is kept beside it first, by the time ``now``. A file that already says it is left alone.
    Raises :class:`ConfigError` when the file is not plain JSON (OpenClaw also reads JSON5, whose comments would be
    lost), when it is managed from outside, or when it cannot be read or written.
    """
    if env.get("OPENCLAW_CONFIG_READONLY") == "1" or env.get("OPENCLAW_NIX_MODE") == "1":
        raise ConfigError(f"{path} is managed from outside (OPENCLAW_CONFIG_READONLY or OPENCLAW_NIX_MODE is set).")
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = b""
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    config = _parse(path, before)
    notes = _put(config, block)
    if config == _parse(path, before):
        return MergeResult(path, False, None, notes)
    after = json.dumps(config, indent=_indent(before), ensure_ascii=False) + "\n"
    try:
        content = after.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigError(f"{path} holds text that is not valid Unicode.") from None
    return MergeResult(path, True, replace_file(path, before, content, now), notes)


def _parse(path: Path, content: bytes) -> JsonObject:
    if not content.strip():
        return {}
    try:
        config = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{path} is not plain JSON (OpenClaw reads JSON5 too; its comments would be lost). Add the block yourself, "
            "or save it to a file and run: openclaw config patch --file FILE"
        ) from None
    if not isinstance(config, dict):
        raise ConfigError(f"{path} does not hold settings.")
    return config


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _not_json(constant: str) -> Any:
    raise ValueError(constant)


def _indent(content: bytes) -> int | str:
    """The indentation of the file's first indented line; OpenClaw's own two spaces where there is none."""
    for line in content.splitlines()[1:]:
        if spaces := line[: len(line) - len(line.lstrip())]:
            return spaces.decode() if b"\t" in spaces else len(spaces)
    return 2


def _set(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    return "" if value in ("undefined", "null") else value


def _expand(value: str, home: Path) -> Path:
    if value == "~" or value.startswith(("~/", "~\\")):
        return home / value[2:]
    return Path(value).absolute()


# --- merging ---------------------------------------------------------------------------------------------------


def _put(config: JsonObject, block: JsonObject) -> tuple[str, ...]:
    """Merges the block into ``config`` and returns what a person should know about it."""
    notes: list[str] = []
    models, wanted = _object(config, "models"), block["models"]
    models.setdefault("mode", wanted["mode"])
    _put_provider(_object(_object(models, "providers"), PROVIDER), wanted["providers"][PROVIDER], notes)
    agents = _object(config, "agents")
    defaults, asked = _object(agents, "defaults"), block["agents"]["defaults"]
    _put_model(defaults, asked["model"], notes)
    _put_reference(defaults, "utilityModel", asked["utilityModel"], "utility model", notes)
    entries = agents.get("entries")
    agents_by_id = entries if isinstance(entries, dict) else {}
    if "heartbeat" in defaults or len(agents_by_id) <= 1:
        # For several agents without one, a heartbeat block would switch heartbeats on.
        heartbeat = _object(defaults, "heartbeat")
        _put_reference(heartbeat, "model", asked["heartbeat"]["model"], "heartbeat model", notes)
    policy = defaults.get("modelPolicy")
    allowed = policy.get("allow") if isinstance(policy, dict) else None
    if isinstance(allowed, list) and allowed and f"{PROVIDER}/*" not in allowed:
        allowed.append(f"{PROVIDER}/*")
        notes.append(f"{PROVIDER}/* was added to the models that may be selected (modelPolicy.allow).")
    for name, agent in agents_by_id.items():
        if isinstance(agent, dict) and agent.get("model"):
            notes.append(f"The agent {name} has a model of its own and keeps it.")
    return tuple(notes)


def _put_provider(provider: JsonObject, wanted: JsonObject, notes: list[str]) -> None:
    key = provider.get("apiKey")
    by_reference = isinstance(key, dict) or (isinstance(key, str) and key.startswith("$"))
    for name in ("baseUrl", "apiKey", "api"):
        if not (name == "apiKey" and by_reference):
            provider[name] = wanted[name]
    if by_reference:
        notes.append("The key stays the reference it is; see that it yields the gateway's key.")
    known = provider.get("models")
    models = list(known) if isinstance(known, list) else []
    by_id = {str(model.get("id")): model for model in models if isinstance(model, dict)}
    for model in wanted["models"]:
        if model["id"] in by_id:
            by_id[model["id"]].update(model)
        else:
            models.append(json.loads(json.dumps(model)))
    provider["models"] = models


def _put_model(defaults: JsonObject, wanted: JsonObject, notes: list[str]) -> None:
    """Makes the gateway the primary model. Fallbacks of the user's own stay, behind the gateway's."""
    current = defaults.get("model")
    model: JsonObject = (
        {"primary": current} if isinstance(current, str) else current if isinstance(current, dict) else {}
    )
    primary, fallbacks = model.get("primary"), model.get("fallbacks")
    if primary and primary != wanted["primary"]:
        notes.append(f"The primary model was {primary}; it is {wanted['primary']} now.")
    kept = [entry for entry in fallbacks if entry not in wanted["fallbacks"]] if isinstance(fallbacks, list) else []
    for entry in kept:
        if not _is_ours(entry):
            notes.append(f"The fallback {entry} does not go through llmgw: no limit of llmgw holds for it.")
    model["primary"] = wanted["primary"]
    model["fallbacks"] = [*wanted["fallbacks"], *kept]
    defaults["model"] = model


def _put_reference(settings: JsonObject, name: str, wanted: str, what: str, notes: list[str]) -> None:
    """Sets a model reference unless the user has chosen one (an empty one means that they want none)."""
    current = settings.get(name)
    if current is None or _is_ours(current):
        settings[name] = wanted
    elif current:
        notes.append(f"The {what} stays {current}: it does not go through llmgw.")


def _is_ours(reference: Any) -> bool:
    return isinstance(reference, str) and reference.startswith(f"{PROVIDER}/")


def _object(parent: JsonObject, name: str) -> JsonObject:
    """The object of that name, made where it is missing. What is included from another file is not ours to override."""
    child = parent.setdefault(name, {})
    if not isinstance(child, dict):
        raise ConfigError(f"“{name}” in OpenClaw's configuration is not an object.")
    if "$include" in child or "$include" in parent:
        raise ConfigError(
            f"“{name}” in OpenClaw's configuration comes from another file ($include). Add the block there."
        )
    return child
