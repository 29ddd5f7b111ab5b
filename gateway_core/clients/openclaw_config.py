"""How ``llmgw connect openclaw`` gets its block into OpenClaw's configuration without harm.

Written against OpenClaw 2026.9.6: its schema, and the rules by which it finds ``openclaw.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.json_config import MergeResult, change_json
from gateway_core.clients.openclaw_block import CLAWROUTER, PROVIDER
from gateway_core.model import JsonObject

_NAMES = ("openclaw.json", "clawdbot.json")
_NOT_PLAIN = (
    " (OpenClaw reads JSON5 too; its comments would be lost). Add the block yourself, or save it to a file and run: "
    "openclaw config patch --file FILE"
)


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
    """Puts the block into the file, see :func:`change_json`.

    Raises :class:`ConfigError` when the file is not plain JSON (OpenClaw also reads JSON5, whose comments would be
    lost), when it is managed from outside, or when it cannot be read or written.
    """
    if env.get("OPENCLAW_CONFIG_READONLY") == "1" or env.get("OPENCLAW_NIX_MODE") == "1":
        raise ConfigError(f"{path} is managed from outside (OPENCLAW_CONFIG_READONLY or OPENCLAW_NIX_MODE is set).")
    return change_json(path, lambda config: _put(config, block), now, otherwise=_NOT_PLAIN)


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
    ((provider, settings),) = wanted["providers"].items()
    current = _object(_object(models, "providers"), provider)
    _put_provider(provider, current, settings, notes)
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
    if isinstance(allowed, list) and allowed and f"{provider}/*" not in allowed:
        allowed.append(f"{provider}/*")
        notes.append(f"{provider}/* was added to the models that may be selected (modelPolicy.allow).")
    for name, agent in agents_by_id.items():
        if isinstance(agent, dict) and agent.get("model"):
            notes.append(f"The agent {name} has a model of its own and keeps it.")
    for name in block.get("plugins", {}).get("entries", {}):
        _put_plugin(_object(config, "plugins"), name, notes)
    if "memory" in block:
        search = _object(_object(config, "memory"), "search")
        _put_memory(search, block["memory"]["search"], current["apiKey"], notes)
    return tuple(notes)


def _put_provider(name: str, provider: JsonObject, wanted: JsonObject, notes: list[str]) -> None:
    before = provider.get("baseUrl")
    if name == CLAWROUTER and provider and _host(before) != _host(wanted["baseUrl"]):
        raise ConfigError(
            f"The provider {CLAWROUTER} is set up for {before or 'ClawRouter itself'} already, and its name is fixed. "
            "Remove it first, or choose another --api."
        )
    key = provider.get("apiKey")
    by_reference = isinstance(key, dict) or (isinstance(key, str) and key.startswith("$"))
    for field in ("baseUrl", "apiKey", "api"):
        if field in wanted and not (field == "apiKey" and by_reference):
            provider[field] = wanted[field]
    if by_reference:
        notes.append("The key stays the reference it is; see that it yields the gateway's key.")
    if "models" not in wanted:
        return
    known = provider.get("models")
    models = list(known) if isinstance(known, list) else []
    by_id = {str(model.get("id")): model for model in models if isinstance(model, dict)}
    for model in wanted["models"]:
        if model["id"] in by_id:
            by_id[model["id"]].update(model)
        else:
            models.append(json.loads(json.dumps(model)))
    provider["models"] = models


def _host(base_url: Any) -> str | None:
    try:
        return urlsplit(base_url).hostname if isinstance(base_url, str) else None
    except ValueError:
        return None


def _put_plugin(plugins: JsonObject, name: str, notes: list[str]) -> None:
    _object(_object(plugins, "entries"), name)["enabled"] = True
    allowed = plugins.get("allow")
    if isinstance(allowed, list) and allowed and name not in allowed:
        allowed.append(name)
        notes.append(f"{name} was added to the plugins that may run (plugins.allow).")


def _put_memory(search: JsonObject, wanted: JsonObject, api_key: Any, notes: list[str]) -> None:
    """Makes the memory search embed with the gateway. Settings that would ask it for other vectors go."""
    before = {name: search.get(name) for name in ("provider", "model")}
    if search.get("enabled") is False:
        search["enabled"] = True
        notes.append("The memory search was off; it is on now.")
    search.update(provider=wanted["provider"], model=wanted["model"])
    _object(search, "query").setdefault("minScore", wanted["query"]["minScore"])
    remote = _object(search, "remote")
    remote.update(wanted["remote"], apiKey=api_key)
    for name in ("outputDimensionality", "inputType", "queryInputType", "documentInputType"):
        if search.pop(name, None) is not None:
            notes.append(f"memory.search.{name} was removed: {wanted['model']} has no such choice.")
    if before != {name: wanted[name] for name in before}:
        if before["provider"]:
            notes.append(f"The memory search used {before['provider']} {before['model'] or ''}".rstrip() + ".")
        notes.append("Run `openclaw memory index --force` once: vectors of another model cannot be compared.")


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
    return isinstance(reference, str) and reference.startswith((f"{PROVIDER}/", f"{CLAWROUTER}/gateway-"))


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
