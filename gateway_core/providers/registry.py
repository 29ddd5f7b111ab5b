"""The paid providers that the settings have keys for, and the user's own. The local server is composed where its kind
is known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pydantic import SecretStr

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.dialect import own_dialect
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.pool import Blueprint
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.prompt_check import ContextBook
from gateway_core.settings import ProviderEntry, Settings


def blueprints(
    settings: Settings,
    simulated: bool = False,
    pricing: Pricing | None = None,
    contexts: Mapping[str, ContextBook] | None = None,
) -> dict[str, Blueprint]:
    """How to make ``anthropic``, ``groq`` and ``openai``, each only with a key, and the user's own.

    ``simulated`` marks the demo's stand-ins. ``pricing`` decides which prompt cache pays; without it list prices do.
    ``contexts`` are the books, by name, of the user's own servers that may cut a prompt.
    """
    waits = {"first_byte_s": settings.upstream_first_byte_s, "idle_s": settings.upstream_idle_s}
    made: dict[str, Blueprint] = {}
    key, token = _open(settings.anthropic_api_key), _open(settings.anthropic_setup_token)
    if key or token:
        given = {"base_url": settings.anthropic_base_url, "api_key": key, "setup_token": token, **waits}
        made["anthropic"] = _blueprint(AnthropicProvider, {**given, "simulated": simulated, "pricing": pricing})
    compatible = (
        ("groq", settings.groq_base_url, settings.groq_api_key),
        ("openai", settings.openai_base_url, settings.openai_api_key),
    )
    for name, url, secret in compatible:
        if key := _open(secret):
            given = {"name": name, "kind": name, "base_url": url, "api_key": key, **waits}
            made[name] = _blueprint(
                _openai() if name == "openai" else OpenAICompatible, {**given, "simulated": simulated}
            )
    for entry in settings.providers:
        made.pop(entry.name, None)
        if entry.lacks_key is None:
            made[entry.name] = _own(entry, settings, pricing, (contexts or {}).get(entry.name))
    return made


def key_name(entry: ProviderEntry) -> str:
    """The setting that holds the key of a provider of the user's own, for people."""
    return entry.api_key_env or f"api_key of {entry.name} in providers"


def _own(entry: ProviderEntry, settings: Settings, pricing: Pricing | None, contexts: ContextBook | None) -> Blueprint:
    first_byte_s = settings.local_first_byte_s if entry.tier == "local" else settings.upstream_first_byte_s
    given: dict[str, object] = {
        "name": entry.name,
        "base_url": entry.base_url,
        "api_key": _open(entry.api_key),
        "first_byte_s": first_byte_s,
        "idle_s": max(settings.upstream_idle_s, first_byte_s) if entry.tier == "local" else settings.upstream_idle_s,
        "key_setting": key_name(entry),
    }
    if entry.api == "messages":
        return _blueprint(AnthropicProvider, {**given, "pricing": pricing})
    longest = {model.name: model.max_output_tokens for model in entry.models if model.max_output_tokens}
    dialect = own_dialect(
        strict=entry.strict,
        free=entry.free,
        limit=entry.output_limit,
        drop=entry.drop,
        longest=longest,
        headers=entry.headers,
        query=entry.query,
    )
    more = {"kind": "compatible", "free": entry.free, "dialect": dialect, "contexts": contexts}
    return _blueprint(OpenAICompatible, {**given, **more})


def _openai() -> type[OpenAICompatible]:
    from gateway_core.providers.openai_responses import OpenAIProvider

    return OpenAIProvider


def _blueprint(kind: type[AnthropicProvider] | type[OpenAICompatible], given: dict[str, object]) -> Blueprint:
    return Blueprint((kind, given), partial(kind, **given))  # type: ignore[arg-type]


def _open(secret: SecretStr | None) -> str | None:
    return (secret.get_secret_value().strip() or None) if secret else None
