"""Who serves each tier, in which order, as the settings say: the built-in providers and the user's own."""

from __future__ import annotations

from collections.abc import Iterator

from gateway_core.frozen import frozen
from gateway_core.model import Target, Tier
from gateway_core.routing.landscape import Capabilities
from gateway_core.settings import BUILTIN_PROVIDERS, Settings

LOCAL = "local"
DEFAULT_CHEAP_MODELS = {"groq": "openai/gpt-oss-120b", "openai": "gpt-5.4-nano"}
"""Groq's production model list and OpenAI's smallest current model, 2026-11."""
KEY_NAMES = {"anthropic": "ANTHROPIC_API_KEY", "groq": "GROQ_API_KEY", "openai": "OPENAI_API_KEY"}
_TIER_OF_BUILTIN = {"anthropic": Tier.PREMIUM, "groq": Tier.CHEAP, "openai": Tier.CHEAP}


@frozen
class Place:
    """One model of one provider in a tier. ``missing`` is the setting without which it cannot be used."""

    target: Target
    can: Capabilities = Capabilities()
    missing: str | None = None
    order: int = 0

    @property
    def name(self) -> str:
        return f"{self.target.provider}/{self.target.model}"


@frozen
class Switched:
    """The models that the operator switched tiers to: a bare name, or ``provider/model``. None is as configured."""

    cheap: str | None = None
    premium: str | None = None


AS_CONFIGURED = Switched()


def lineup(settings: Settings, switched: Switched = AS_CONFIGURED) -> dict[Tier, tuple[Place, ...]]:
    """The places of each tier, the first choice first. LOCAL and a CHEAP tier on the local server are left to those
    who know that server: a place of provider ``local`` only says where in the order it stands.

    Places without a key are left out where another place of the tier has one.
    """
    places = {tier: list(_own(settings, tier)) for tier in Tier}
    if settings.local_llm_enabled or not places[Tier.LOCAL]:
        places[Tier.LOCAL].append(Place(Target(Tier.LOCAL, LOCAL, settings.local_llm_model or "", free=True)))
    places[Tier.CHEAP] += _builtin_cheap(settings, bool(places[Tier.CHEAP]))
    if settings.provider_entry("anthropic") is None:
        missing = None if has_key(settings, "anthropic") else KEY_NAMES["anthropic"]
        target = Target(Tier.PREMIUM, "anthropic", settings.premium_model, free=False)
        places[Tier.PREMIUM].append(Place(target, missing=missing))
    first = settings.cheap_provider
    ordered = {
        tier: sorted(found, key=lambda place: (place.target.provider != first and tier is Tier.CHEAP, place.order))
        for tier, found in places.items()
    }
    if settings.cheap_model and first and settings.provider_entry(first):
        ordered[Tier.CHEAP] = _switch(ordered[Tier.CHEAP], f"{first}/{settings.cheap_model}")
    ordered[Tier.CHEAP] = _switch(ordered[Tier.CHEAP], switched.cheap)
    ordered[Tier.PREMIUM] = _switch(ordered[Tier.PREMIUM], switched.premium)
    return {tier: tuple(_usable(found)) for tier, found in ordered.items()}


def named_providers(settings: Settings) -> dict[str, Tier]:
    """The tier of each provider that ``<provider>/<model>`` may name; the local server also by its kind."""
    own = {entry.name: Tier(entry.tier) for entry in settings.providers if entry.lacks_key is None}
    builtin = {name: _TIER_OF_BUILTIN[name] for name in BUILTIN_PROVIDERS if has_key(settings, name)}
    return {LOCAL: Tier.LOCAL, "ollama": Tier.LOCAL, **builtin, **own}


def has_key(settings: Settings, name: str) -> bool:
    """Whether a built-in provider can be used."""
    secrets = [getattr(settings, f"{name}_api_key")]
    if name == "anthropic":
        secrets.append(settings.anthropic_setup_token)
    return any(secret and secret.get_secret_value().strip() for secret in secrets)


def _own(settings: Settings, tier: Tier) -> Iterator[Place]:
    for entry in settings.providers:
        for model in entry.models:
            if entry.tier_of(model) == tier:
                target = Target(tier, entry.name, model.name, entry.free)
                can = Capabilities(model.context_tokens, model.tools, model.vision, model.structured)
                yield Place(target, can, entry.lacks_key, entry.order)


def _builtin_cheap(settings: Settings, others: bool) -> Iterator[Place]:
    """The one that CHEAP_PROVIDER names, else all that have a key, else the local server unless others are there."""
    asked = settings.cheap_provider
    names = [name for name in ("groq", "openai") if settings.provider_entry(name) is None]
    own = bool(asked and settings.provider_entry(asked))
    if asked is None or own:
        chosen = [name for name in names if has_key(settings, name)] or ([] if others else [LOCAL])
    else:
        chosen = [asked]
    for index, name in enumerate(chosen):
        model = (settings.cheap_model if index == 0 and not own else None) or DEFAULT_CHEAP_MODELS.get(name, "")
        missing = KEY_NAMES.get(name) if name != LOCAL and not has_key(settings, name) else None
        yield Place(Target(Tier.CHEAP, name, model, free=name == LOCAL), missing=missing)


def _switch(places: list[Place], wanted: str | None) -> list[Place]:
    """The operator's model first: one of the tier's places, else a model of one of their providers, else of the first.

    A model that is not listed takes the place of its provider's own.
    """
    if not wanted or not places:
        return places
    provider, _, model = wanted.partition("/")
    for place in places:
        if wanted in (place.name, place.target.model):
            return [place, *(other for other in places if other is not place)]
    before = next((place for place in places if place.target.provider == provider and model), None)
    if before is None:
        before, model = places[0], wanted
    target = Target(before.target.tier, before.target.provider, model, before.target.free)
    return [Place(target, missing=before.missing), *(other for other in places if other is not before)]


def _usable(places: list[Place]) -> list[Place]:
    return [place for place in places if place.missing is None] or places[:1]
