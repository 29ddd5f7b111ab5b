"""What asks for a tier before the difficulty does: the caller's and the operator's word, the lane, the session."""

from __future__ import annotations

from gateway_core.clients import BACKGROUND_MODEL
from gateway_core.frozen import frozen
from gateway_core.model import ApiKind, ChatRequest, Lane, Refusal, Target, Tier
from gateway_core.routing.landscape import UPWARD, Landscape
from gateway_core.routing.lineup import LOCAL
from gateway_core.wire import errors

NAMED_TIERS = {
    "gateway-local": Tier.LOCAL,
    "gateway-cheap": Tier.CHEAP,
    "gateway-premium": Tier.PREMIUM,
}
AUTO_MODELS = ("gateway-auto", "auto")
MODEL_FAMILIES = {"claude-": "anthropic", "gpt-": "openai"}
CLAUDE_FAMILIES = {"haiku": Tier.CHEAP, "opus": Tier.PREMIUM, "fable": Tier.PREMIUM, "mythos": Tier.PREMIUM}
MODEL_IDS = ("gateway-auto", *NAMED_TIERS, BACKGROUND_MODEL)


@frozen
class Wish:
    """The tier a rule asks for. ``binding`` wishes are refused rather than sent elsewhere."""

    tier: Tier
    route: str
    reason: str
    binding: bool = False
    target: Target | None = None
    """One model exactly, or the one a conversation is on."""
    at_least: bool = False
    """A turn that is harder goes higher by itself."""


def explicit(request: ChatRequest, landscape: Landscape) -> Wish | Refusal | None:
    """What the caller or the operator named. The caller's own word goes before the operator's forced tier."""
    if request.force_tier:
        return Wish(request.force_tier, "forced:request", "the request names the tier", binding=True)
    if tier := NAMED_TIERS.get(request.model):
        return Wish(tier, "forced:model", f"{request.model} names the tier", binding=True)
    if "/" in request.model:
        provider, _, model = request.model.partition("/")
        if provider in landscape.named:
            return _exact_model(provider, model, landscape)
    elif request.model not in (*AUTO_MODELS, BACKGROUND_MODEL):
        named = _bare_model(request.model, landscape)
        if isinstance(named, Wish) or not stands_for_a_family(request):
            return named
    if landscape.forced:
        return Wish(landscape.forced, "forced:operator", "the operator forces the tier", binding=True)
    if "/" in request.model:
        known = ", ".join(sorted(landscape.named)) or "none"
        return errors.model_not_found(request.model, f"No provider of that name is set up. Known: {known}.")
    return None


def _exact_model(provider: str, model: str, landscape: Landscape) -> Wish:
    asked = f"{provider}/{model}"
    tier = landscape.named[provider]
    if tier is Tier.LOCAL and provider not in landscape.rooms and provider in ("ollama", LOCAL):
        provider = LOCAL  # the server's kind is a name for it, too
    served = [option.target for option in landscape.serving() if option.target]
    known = next((target for target in served if (target.provider, target.model) == (provider, model)), None)
    target = known or Target(tier, provider, model, provider in landscape.free)
    return Wish(target.tier, "forced:model", f"the request names {asked}", binding=True, target=target)


def _bare_model(model: str, landscape: Landscape) -> Wish | Refusal:
    """A model id without a provider: one that a tier serves, or a family that only one provider has."""
    for option in landscape.serving(UPWARD):
        if option.target and option.target.model == model:
            wish = f"the request names {model}"
            return Wish(option.target.tier, "forced:model", wish, binding=True, target=option.target)
    for prefix, provider in MODEL_FAMILIES.items():
        if model.startswith(prefix) and provider in landscape.named:
            return _exact_model(provider, model, landscape)
    return errors.model_not_found(model, f"Use {', '.join(MODEL_IDS)}, or <provider>/<model>.")


def lane(request: ChatRequest) -> Wish | None:
    """What nobody waits for is answered locally, where that can be."""
    if request.view.lane is Lane.BACKGROUND:
        what = request.view.purpose if request.view.purpose != "chat" else "background work"
        return Wish(Tier.LOCAL, f"background:{request.view.purpose}", f"{what}: nobody waits for it")
    return None


def stands_for_a_family(request: ChatRequest) -> bool:
    """Whether a Claude is asked for by a client that knows no other models: without Anthropic, others stand in."""
    return request.api is ApiKind.MESSAGES and request.model.startswith("claude-")


def family_tier(request: ChatRequest) -> Tier | None:
    """What stands in for the family of a Claude that nobody serves."""
    if not stands_for_a_family(request):
        return None
    return next((tier for family, tier in CLAUDE_FAMILIES.items() if family in request.model), None)
