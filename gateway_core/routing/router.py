"""Chooses the target of a request, and says why.

What is certain decides first: what was said explicitly, then the lane, then the session, then the difficulty; whatever
is chosen must be feasible. Free tiers are never blocked by money.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway_core.model import ApiKind, ChatRequest, Decision, Lane, Reason, Refusal, Target, Tier
from gateway_core.routing.difficulty import EASY_BELOW, HARD_FROM, Difficulty, difficulty
from gateway_core.routing.feasibility import fits, obstacle
from gateway_core.routing.landscape import Landscape
from gateway_core.wire import errors

LOCAL = "local"
UPWARD = (Tier.LOCAL, Tier.CHEAP, Tier.PREMIUM)
NAMED_TIERS = {
    "gateway-local": Tier.LOCAL,
    "gateway-cheap": Tier.CHEAP,
    "gateway-premium": Tier.PREMIUM,
}
AUTO_MODELS = ("gateway-auto", "auto")
BACKGROUND_MODEL = "gateway-background"
MODEL_FAMILIES = {"claude-": "anthropic", "gpt-": "openai"}
CLAUDE_FAMILIES = {"haiku": Tier.CHEAP, "opus": Tier.PREMIUM, "fable": Tier.PREMIUM, "mythos": Tier.PREMIUM}
MODEL_IDS = ("gateway-auto", *NAMED_TIERS, BACKGROUND_MODEL)


@dataclass(frozen=True, slots=True)
class Wish:
    """The tier a rule asks for. ``binding`` wishes are refused rather than sent elsewhere."""

    tier: Tier
    route: str
    reason: str
    binding: bool = False
    target: Target | None = None
    """One model exactly, or the one a tool loop is on."""


def route(request: ChatRequest, landscape: Landscape, session_target: Target | None = None) -> Decision | Refusal:
    """The decision for ``request``: where it goes, what is tried next, and why; a refusal when no tier can take it."""
    hard = difficulty(request.view.user_text)
    wish = _explicit(request, landscape)
    if isinstance(wish, Refusal):
        return wish
    wish = (
        wish
        or _lane(request)
        or _session(request, session_target, landscape)
        or _family(request, hard, landscape)
        or _by_difficulty(hard, landscape)
    )
    return _feasible(request, wish, landscape, hard)


def _explicit(request: ChatRequest, landscape: Landscape) -> Wish | Refusal | None:
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
        if isinstance(named, Wish) or not _stands_for_a_family(request):
            return named
    if landscape.forced:
        return Wish(landscape.forced, "forced:operator", "the operator forces the tier", binding=True)
    if "/" in request.model:
        known = ", ".join(sorted(landscape.named)) or "none"
        return errors.model_not_found(request.model, f"No provider of that name is set up. Known: {known}.")
    return None


def _exact_model(provider: str, model: str, landscape: Landscape) -> Wish:
    tier = landscape.named[provider]
    served = landscape.option(tier).target
    free = tier is Tier.LOCAL or bool(served and served.provider == provider and served.free)
    if tier is Tier.LOCAL:
        provider = LOCAL  # the server's kind is a name for it, too
    target = Target(tier, provider, model, free)
    return Wish(tier, "forced:model", f"the request names {provider}/{model}", binding=True, target=target)


def _bare_model(model: str, landscape: Landscape) -> Wish | Refusal:
    """A model id without a provider: one that a tier serves, or a family that only one provider has."""
    for tier in UPWARD:
        target = landscape.option(tier).target
        if target and target.model == model:
            return Wish(tier, "forced:model", f"the request names {model}", binding=True)
    for prefix, provider in MODEL_FAMILIES.items():
        if model.startswith(prefix) and provider in landscape.named:
            return _exact_model(provider, model, landscape)
    return errors.model_not_found(model, f"Use {', '.join(MODEL_IDS)}, or <provider>/<model>.")


def _lane(request: ChatRequest) -> Wish | None:
    if request.view.lane is Lane.BACKGROUND or request.model == BACKGROUND_MODEL:
        what = request.view.purpose if request.view.purpose != "chat" else "background work"
        return Wish(Tier.LOCAL, f"background:{request.view.purpose}", f"{what}: nobody waits for it")
    return None


def _session(request: ChatRequest, target: Target | None, landscape: Landscape) -> Wish | None:
    """A tool loop stays on its model: another one would have to read the whole conversation again."""
    if not request.view.in_tool_loop or target is None:
        return None
    if landscape.option(target.tier).target != target:
        return None
    return Wish(target.tier, "session:tool-loop", f"the tool loop is on {target.model}", target=target)


def _stands_for_a_family(request: ChatRequest) -> bool:
    """Whether a Claude is asked for by a client that knows no other models: without Anthropic, others stand in."""
    return request.api is ApiKind.MESSAGES and request.model.startswith("claude-")


def _family(request: ChatRequest, hard: Difficulty, landscape: Landscape) -> Wish | None:
    """What stands in for a Claude that nobody serves: small families for CHEAP, large ones for PREMIUM."""
    if not _stands_for_a_family(request):
        return None
    found = next((tier for family, tier in CLAUDE_FAMILIES.items() if family in request.model), None)
    why = f"{request.model} is asked for and Anthropic is not set up"
    if found is None:
        usual = _by_difficulty(hard, landscape)
        return replace(usual, reason=f"{why}: it counts as gateway-auto; {usual.reason}")
    return Wish(found, f"family:{found}", f"{why}: the {found} tier stands in for its family")


def _by_difficulty(hard: Difficulty, landscape: Landscape) -> Wish:
    why = ", ".join(f"{name} {weight:+.2f}" for name, weight in hard.features) or "nothing stands out"
    if hard.score < EASY_BELOW:
        return Wish(Tier.LOCAL, "simple", f"difficulty {hard.score:.2f}: {why}")
    if hard.score >= HARD_FROM:
        return Wish(Tier.PREMIUM, "hard", f"difficulty {hard.score:.2f}: {why}")
    return Wish(landscape.default_tier, "default", f"difficulty {hard.score:.2f} is unclear: {why}")


def _feasible(request: ChatRequest, wish: Wish, landscape: Landscape, hard: Difficulty) -> Decision | Refusal:
    reasons = [Reason(wish.route.partition(":")[0], wish.reason)]
    blocked = _obstacle(request, wish, landscape)
    if blocked and wish.binding and not _medium_moves(wish, landscape):
        return _refuse(request, wish, blocked, landscape)
    targets: list[Target] = []
    last_resorts: list[Target] = []
    for tier in _order(wish):
        problem = blocked if tier is wish.tier else obstacle(request.size, tier, landscape)
        if problem:
            reasons.append(Reason("feasibility", f"not {tier}: {problem}"))
            continue
        option = landscape.option(tier)
        target = wish.target if tier is wish.tier and wish.target else option.target
        if target is None or any(_same_model(target, other) for other in (*targets, *last_resorts)):
            continue
        (last_resorts if option.stands_in and not wish.binding else targets).append(target)
    if targets and last_resorts:
        reasons.append(Reason("feasibility", f"{last_resorts[0].model} answers only where no other tier can"))
    targets += last_resorts
    if not targets:
        return _refuse(request, wish, blocked or "nothing serves it", landscape)
    chosen, *rest = targets
    moved = chosen.tier is not wish.tier
    name = f"{wish.route}>{chosen.tier}" if moved else wish.route
    if moved and _medium_moves(wish, landscape):
        name = f"budget:medium>{chosen.tier}"
    reasons.append(Reason("target", f"{chosen.provider}/{chosen.model} as {chosen.tier}"))
    fallbacks = () if wish.binding else tuple(rest)
    return Decision(chosen, fallbacks, name, hard.score, tuple(reasons), wish.binding)


def _same_model(one: Target, other: Target) -> bool:
    return (one.provider, one.model) == (other.provider, other.model)


def _obstacle(request: ChatRequest, wish: Wish, landscape: Landscape) -> str | None:
    """Why the wish cannot be met. A model named exactly is tried whatever is known of the tier's usual model."""
    if not (wish.target and wish.binding):
        return obstacle(request.size, wish.tier, landscape)
    if wish.target.free:
        return None
    if landscape.paid_refusal:
        return "paid tiers are stopped"
    if wish.tier is Tier.PREMIUM and landscape.premium_blocked:
        return "the medium daily limit is reached"
    return None


def _medium_moves(wish: Wish, landscape: Landscape) -> bool:
    """The medium limit sends even explicit premium wishes to a cheaper tier; the hard limit refuses them."""
    return wish.tier is Tier.PREMIUM and landscape.premium_blocked and not landscape.paid_refusal


def _order(wish: Wish) -> tuple[Tier, ...]:
    """The wished tier, then the better ones, then the cheaper ones from the best down."""
    at = UPWARD.index(wish.tier)
    return (wish.tier, *UPWARD[at + 1 :], *reversed(UPWARD[:at]))


def _refuse(request: ChatRequest, wish: Wish, blocked: str, landscape: Landscape) -> Refusal:
    """The refusal that helps most: money, if money alone stands in the way; the context, if the prompt is too long."""
    tiers = (wish.tier,) if wish.binding else UPWARD
    options = [option for tier in tiers if (option := landscape.option(tier)).target]
    if landscape.paid_refusal and (any(not o.target.free for o in options if o.target) or _is_paid(wish)):
        return landscape.paid_refusal
    contexts = [o.can.context_tokens for o in options if o.can.context_tokens and not fits(request.size, o)]
    if contexts:
        return errors.context_length_exceeded(request.size.input_tokens, max(contexts))
    if wish.binding:
        return errors.no_provider(f"The {wish.tier} tier cannot take this request: {blocked}.")
    each = "; ".join(f"{tier}: {obstacle(request.size, tier, landscape)}" for tier in UPWARD)
    return errors.no_provider(
        f"No tier can take this request. {each}. "
        "Start Ollama, or set ANTHROPIC_API_KEY, GROQ_API_KEY or OPENAI_API_KEY."
    )


def _is_paid(wish: Wish) -> bool:
    return wish.target is not None and not wish.target.free
