"""The paid providers that the settings have keys for. The local server is composed where its kind is known."""

from __future__ import annotations

from pydantic import SecretStr

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.base import Provider
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.openai_responses import OpenAIProvider
from gateway_core.settings import Settings


def build_providers(settings: Settings, simulated: bool = False) -> dict[str, Provider]:
    """Providers by name: ``anthropic``, ``groq`` and ``openai``, each only with a key.

    ``simulated`` marks the demo's stand-ins.
    """
    first_byte_s, idle_s = settings.upstream_first_byte_s, settings.upstream_idle_s
    providers: dict[str, Provider] = {}
    key, token = _open(settings.anthropic_api_key), _open(settings.anthropic_setup_token)
    if key or token:
        providers["anthropic"] = AnthropicProvider(
            base_url=settings.anthropic_base_url,
            api_key=key,
            setup_token=token,
            first_byte_s=first_byte_s,
            idle_s=idle_s,
            simulated=simulated,
        )
    compatible = (
        ("groq", settings.groq_base_url, settings.groq_api_key),
        ("openai", settings.openai_base_url, settings.openai_api_key),
    )
    for name, url, secret in compatible:
        if key := _open(secret):
            made = OpenAIProvider if name == "openai" else OpenAICompatible
            providers[name] = made(
                name=name,
                kind=name,
                base_url=url,
                api_key=key,
                first_byte_s=first_byte_s,
                idle_s=idle_s,
                simulated=simulated,
            )
    return providers


def _open(secret: SecretStr | None) -> str | None:
    return (secret.get_secret_value().strip() or None) if secret else None
