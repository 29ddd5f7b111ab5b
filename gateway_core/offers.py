"""What can be asked for now, for clients that list models: names, contexts, prices."""

from __future__ import annotations

from collections.abc import Iterable

from gateway_core.frozen import frozen
from gateway_core.model import Target, Tier, Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.routing.landscape import Landscape, Option
from gateway_core.routing.wishes import MODEL_IDS, NAMED_TIERS

CONTEXT_TOKENS = 131_072
"""What is said of a model whose context nobody knows."""
_EMBEDDING_CONTEXT_TOKENS = 8_192
_SAMPLE_TOKENS = 100_000
"""Prices are taken from a prompt of this size: below every threshold from which a model is dearer."""


@frozen
class Offer:
    """A model as a list of models shows it. Prices are micro-dollars for a million tokens; 0 where nobody pays.

    For ``gateway-auto`` and ``gateway-background`` they are those of the dearest tier: what it costs at most.
    """

    id: str
    owner: str
    context_tokens: int
    input_price: int = 0
    output_price: int = 0
    cache_read_price: int = 0
    cache_write_price: int = 0
    embeds: bool = False


def list_offers(landscape: Landscape, embedding_models: Iterable[str], pricing: Pricing) -> tuple[Offer, ...]:
    """The gateway's own ids, then each tier's models as ``provider/model``, then the embedding models."""
    by_tier = {
        tier: [_of_target(option.target, option, pricing) for option in landscape.serving((tier,)) if option.target]
        for tier in Tier
    }
    chat = [offer for offers in by_tier.values() for offer in offers]
    offers = []
    for name in MODEL_IDS:
        tier = NAMED_TIERS.get(name)
        offers.append(_at_most(name, by_tier[tier] if tier else chat))
    offers += chat
    offers += [_of_embedding(name, pricing) for name in embedding_models]
    return tuple({offer.id: offer for offer in offers}.values())


def _at_most(name: str, behind: list[Offer]) -> Offer:
    """One of the gateway's ids: the largest context of what can serve it, and the dearest price."""
    dearest = max(behind, key=lambda offer: offer.output_price, default=None)
    context = max((offer.context_tokens for offer in behind), default=CONTEXT_TOKENS)
    if dearest is None:
        return Offer(name, "llmgw", context)
    prices = (dearest.input_price, dearest.output_price, dearest.cache_read_price, dearest.cache_write_price)
    return Offer(name, "llmgw", context, *prices)


def _of_target(target: Target, option: Option, pricing: Pricing) -> Offer:
    context = option.can.context_tokens or CONTEXT_TOKENS
    return Offer(f"{target.provider}/{target.model}", target.provider, context, *_prices(target, pricing))


def _of_embedding(name: str, pricing: Pricing) -> Offer:
    provider, slash, model = name.partition("/")
    if not slash or provider in ("ollama", "local"):
        return Offer(name, provider if slash else "llmgw", _EMBEDDING_CONTEXT_TOKENS, embeds=True)
    context = pricing.context_window(provider, model) or _EMBEDDING_CONTEXT_TOKENS
    price = _price(pricing, provider, model, Usage(input_tokens=_SAMPLE_TOKENS))
    return Offer(name, provider, context, input_price=price, embeds=True)


def _prices(target: Target, pricing: Pricing) -> tuple[int, int, int, int]:
    if target.free:
        return (0, 0, 0, 0)
    read, written, output = (
        _price(pricing, target.provider, target.model, usage)
        for usage in (
            Usage(cache_read_tokens=_SAMPLE_TOKENS),
            Usage(cache_write_5m_tokens=_SAMPLE_TOKENS),
            Usage(output_tokens=_SAMPLE_TOKENS),
        )
    )
    given = _price(pricing, target.provider, target.model, Usage(input_tokens=_SAMPLE_TOKENS))
    return (given, output, read, written)


def _price(pricing: Pricing, provider: str, model: str, usage: Usage) -> int:
    return pricing.cost_microusd(provider, model, usage) * (1_000_000 // _SAMPLE_TOKENS)
