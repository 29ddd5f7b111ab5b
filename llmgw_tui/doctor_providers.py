"""What the doctor finds of the providers: keys, prices, and terms."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretStr

from gateway_core.providers.anthropic_oauth import is_setup_token
from gateway_core.providers.pricing import Pricing
from gateway_core.routing.lineup import KEY_NAMES, has_key
from gateway_core.settings import BUILTIN_PROVIDERS, ProviderEntry, Settings
from llmgw_tui.doctor_network import unsendable
from llmgw_tui.findings import Finding

_PREFIXES = {
    **{"sk-ant-": "anthropic", "gsk_": "groq", "sk-or-v1-": "openrouter", "sk-proj-": "openai"},
    **{"sk-svcacct-": "openai", "AIza": "google", "xai-": "xai"},
}
"""How the keys of these providers are known to begin. No provider's own page says so; scanners for leaked keys do:
gitleaks's rules for Anthropic and OpenAI, what OpenClaw 2026.9.6 hides for Groq, Google and xAI, several for OpenRouter
(all read 2026-11-29). What begins otherwise may be anybody's: a proxy before a provider has keys of its own."""
SETUP_TOKEN_TERMS = (
    "a setup token of a Claude subscription is used: Anthropic means these for Claude Code and its own apps, and may "
    "refuse them elsewhere without notice (code.claude.com, Legal and compliance). An API key is always allowed."
)


def provider_findings(settings: Settings) -> Iterator[Finding]:
    """The built-in providers, the user's own, and who judges."""
    for provider, name in KEY_NAMES.items():
        if settings.provider_entry(provider) is None:
            yield _key(settings, provider, name)
    if any(is_setup_token(_open(key)) for key in (settings.anthropic_api_key, settings.anthropic_setup_token)):
        yield Finding("note", SETUP_TOKEN_TERMS)
    if is_setup_token(_open(settings.anthropic_api_key)):
        yield Finding("note", "ANTHROPIC_API_KEY holds a setup token: it is used as ANTHROPIC_SETUP_TOKEN, its place")
    for entry in settings.providers:
        yield from _own(settings, entry)
    judge = settings.router_provider
    if judge in BUILTIN_PROVIDERS and settings.provider_entry(judge) is None and not has_key(settings, judge):
        yield Finding("note", f"ROUTER_PROVIDER is {judge}, which has no key: the built-in rules decide")


def _key(settings: Settings, provider: str, name: str) -> Finding:
    key: SecretStr | None = getattr(settings, f"{provider}_api_key")
    if provider == "anthropic" and not key and settings.anthropic_setup_token:
        name, key = "ANTHROPIC_SETUP_TOKEN", settings.anthropic_setup_token
    if not key:
        return Finding("note", f"{name} is not set: {provider} is not used")
    if why := unsendable(key.get_secret_value()):
        return Finding("fail", f"{name} {why}: {provider} would refuse it. Copy it again.")
    if (owner := _owner(key.get_secret_value())) not in ("", provider):
        return Finding("fail", f"{name} holds what looks like a key of {owner}: {provider} would refuse it")
    return Finding("ok", f"{name} is set")


def _owner(key: str) -> str:
    """Whose key it looks like; empty where that cannot be told."""
    return next((owner for prefix, owner in _PREFIXES.items() if key.startswith(prefix)), "")


def _own(settings: Settings, entry: ProviderEntry) -> Iterator[Finding]:
    if entry.lacks_key:
        yield Finding("note", f"{entry.lacks_key} is not set: {entry.name} is not used")
        return
    if entry.api_key and (why := unsendable(entry.api_key.get_secret_value())):
        yield Finding("fail", f"the key of {entry.name} {why}: it would be refused. Copy it again.")
    yield Finding("ok", f"{entry.name} serves {entry.tier} with {', '.join(model.name for model in entry.models)}")
    if entry.free:
        return
    pricing = Pricing(settings.all_prices, settings.unknown_price)
    unpriced = [model.name for model in entry.models if not pricing.is_known(entry.name, model.name)]
    if unpriced:
        what = f"no price is known for {', '.join(unpriced)} of {entry.name}"
        yield Finding("note", f"{what}: it is charged at unknown_price. Give it a price under providers.")


def _open(key: SecretStr | None) -> str | None:
    return key.get_secret_value().strip() if key else None
