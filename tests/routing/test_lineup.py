"""Who serves each tier, as the settings say."""

from __future__ import annotations

from typing import Any

from gateway_core.model import Tier
from gateway_core.routing.lineup import Switched, lineup, named_providers
from gateway_core.settings import Settings


def names(tier: Tier, switched: Switched | None = None, **given: Any) -> list[str]:
    keys = {"anthropic_api_key": None, "anthropic_setup_token": None, "groq_api_key": None, "openai_api_key": None}
    settings = Settings.model_validate({**keys, **given})
    return [place.name for place in lineup(settings, switched or Switched())[tier]]


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "base_url": "http://127.0.0.1:1/v1", "model": "m", **more}


def test_without_a_key_the_local_server_is_the_cheap_tier() -> None:
    assert names(Tier.CHEAP) == ["local/"]
    assert names(Tier.CHEAP, providers=[entry("lan", free=True)]) == ["lan/m"]


def test_every_key_counts_and_a_named_provider_stands_alone() -> None:
    both: dict[str, Any] = {"groq_api_key": "k", "openai_api_key": "k", "cheap_model": "x"}
    assert names(Tier.CHEAP, **both) == ["groq/x", "openai/gpt-5.4-nano"]
    assert names(Tier.CHEAP, **both, cheap_provider="openai") == ["openai/x"]


def test_order_places_the_users_own_around_the_built_in_ones() -> None:
    providers = [entry("later"), entry("first", order=-1), entry("soon", order=5, models=["a", "b"])]
    expected = ["first/m", "groq/openai/gpt-oss-120b", "soon/a", "soon/b", "later/m"]
    assert names(Tier.CHEAP, groq_api_key="k", providers=providers) == expected
    chosen = names(Tier.CHEAP, groq_api_key="k", providers=providers, cheap_provider="later", cheap_model="z")
    assert chosen[:2] == ["later/z", "first/m"]


def test_a_model_may_serve_another_tier_than_its_provider() -> None:
    models = [{"name": "small"}, {"name": "big", "tier": "premium"}]
    assert names(Tier.PREMIUM, providers=[entry("openrouter", models=models)]) == ["openrouter/big"]
    assert names(Tier.CHEAP, providers=[entry("openrouter", models=models)]) == ["openrouter/small"]


def test_premium_is_whoever_has_a_key() -> None:
    own = [entry("gpt", tier="premium")]
    assert names(Tier.PREMIUM) == ["anthropic/claude-sonnet-5-5"]
    assert names(Tier.PREMIUM, providers=own) == ["gpt/m"]
    assert names(Tier.PREMIUM, providers=own, anthropic_api_key="k") == ["anthropic/claude-sonnet-5-5", "gpt/m"]


def test_a_provider_whose_key_is_not_set_is_not_used() -> None:
    keyless = [entry("openrouter", api_key_env="NOT_SET_ANYWHERE")]
    settings = Settings.model_validate({"groq_api_key": "k", "providers": keyless})
    assert [place.target.provider for place in lineup(settings)[Tier.CHEAP]] == ["groq"]
    assert "openrouter" not in named_providers(settings)


def test_an_override_takes_the_place_of_the_built_in_provider() -> None:
    own = [entry("anthropic", override=True, tier="premium", api="messages")]
    assert names(Tier.PREMIUM, anthropic_api_key="k", providers=own) == ["anthropic/m"]


def test_switching_takes_a_place_a_provider_or_the_first_ones_other_model() -> None:
    own: dict[str, Any] = {"groq_api_key": "k", "providers": [entry("router", models=["a", "b"])]}
    default = ["groq/openai/gpt-oss-120b", "router/a", "router/b"]
    assert names(Tier.CHEAP, Switched(cheap="router/b"), **own) == ["router/b", default[0], "router/a"]
    assert names(Tier.CHEAP, Switched(cheap="router/c"), **own) == ["router/c", default[0], "router/b"]
    assert names(Tier.CHEAP, Switched(cheap="qwen"), **own) == ["groq/qwen", "router/a", "router/b"]
    assert names(Tier.CHEAP, Switched(cheap="openai/gpt-oss-120b"), **own) == default
    assert names(Tier.PREMIUM, Switched(premium="claude-opus-5-5"), **own) == ["anthropic/claude-opus-5-5"]
