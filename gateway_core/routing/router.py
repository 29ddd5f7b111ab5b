"""Chooses the target of a request, and says why.

What is certain decides first: what was said explicitly, then the lane, then the session, then the difficulty; whatever
is chosen must be feasible. Free tiers are never blocked by money.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gateway_core.model import ApiKind, ChatRequest, Decision, Lane, Reason, Refusal, Target, Tier
from gateway_core.routing.difficulty import EASY_BELOW, HARD_FROM, Difficulty, difficulty
from gateway_core.routing.feasibility import fits, limit_refusal, money_obstacle, obstacle
from gateway_core.routing.landscape import UPWARD, Landscape, Option, in_order
from gateway_core.routing.lineup import LOCAL
from gateway_core.wire import errors

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


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model said of a prompt whose difficulty the rules leave open. ``judge`` names it, for people."""

    level: Literal["easy", "medium", "hard"]
    judge: str


def route(
    request: ChatRequest,
    landscape: Landscape,
    session_target: Target | None = None,
    judgement: Judgement | None = None,
) -> Decision | Refusal:
    """The decision for ``request``: where it goes, what is tried next, and why; a refusal when no tier can take it.

    ``judgement`` is only listened to where :func:`is_unclear`.
    """
    hard = difficulty(request.view.user_text)
    wish = _certain(request, landscape, session_target)
    if isinstance(wish, Refusal):
        return wish
    by_itself = _family(request, hard, landscape, judgement) or _by_difficulty(hard, landscape, judgement)
    return _feasible(request, wish or by_itself, landscape, hard)


def is_unclear(request: ChatRequest, landscape: Landscape, session_target: Target | None = None) -> bool:
    """Whether nothing but the difficulty decides, and the rules do not know it."""
    if _certain(request, landscape, session_target) is not None or _family_tier(request) is not None:
        return False
    return EASY_BELOW <= difficulty(request.view.user_text).score < HARD_FROM


def _certain(request: ChatRequest, landscape: Landscape, session_target: Target | None) -> Wish | Refusal | None:
    return _explicit(request, landscape) or _lane(request) or _session(request, session_target, landscape)


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


def _lane(request: ChatRequest) -> Wish | None:
    if request.view.lane is Lane.BACKGROUND or request.model == BACKGROUND_MODEL:
        what = request.view.purpose if request.view.purpose != "chat" else "background work"
        return Wish(Tier.LOCAL, f"background:{request.view.purpose}", f"{what}: nobody waits for it")
    return None


def _session(request: ChatRequest, target: Target | None, landscape: Landscape) -> Wish | None:
    """A tool loop stays on its model: another one would have to read the whole conversation again."""
    if not request.view.in_tool_loop or target is None:
        return None
    if target not in (option.target for option in landscape.all(target.tier)):
        return None
    return Wish(target.tier, "session:tool-loop", f"the tool loop is on {target.model}", target=target)


def _stands_for_a_family(request: ChatRequest) -> bool:
    """Whether a Claude is asked for by a client that knows no other models: without Anthropic, others stand in."""
    return request.api is ApiKind.MESSAGES and request.model.startswith("claude-")


def _family_tier(request: ChatRequest) -> Tier | None:
    """What stands in for the family of a Claude that nobody serves."""
    if not _stands_for_a_family(request):
        return None
    return next((tier for family, tier in CLAUDE_FAMILIES.items() if family in request.model), None)


def _family(request: ChatRequest, hard: Difficulty, landscape: Landscape, judgement: Judgement | None) -> Wish | None:
    """What stands in for a Claude that nobody serves: small families for CHEAP, large ones for PREMIUM."""
    if not _stands_for_a_family(request):
        return None
    found = _family_tier(request)
    why = f"{request.model} is asked for and Anthropic is not set up"
    if found is None:
        usual = _by_difficulty(hard, landscape, judgement)
        return replace(usual, reason=f"{why}: it counts as gateway-auto; {usual.reason}")
    return Wish(found, f"family:{found}", f"{why}: the {found} tier stands in for its family")


def _by_difficulty(hard: Difficulty, landscape: Landscape, judgement: Judgement | None) -> Wish:
    why = ", ".join(f"{name} {weight:+.2f}" for name, weight in hard.features) or "nothing stands out"
    if hard.score < EASY_BELOW:
        return Wish(Tier.LOCAL, "simple", f"difficulty {hard.score:.2f}: {why}")
    if hard.score >= HARD_FROM:
        return Wish(Tier.PREMIUM, "hard", f"difficulty {hard.score:.2f}: {why}")
    unclear = f"difficulty {hard.score:.2f} is unclear: {why}"
    if judgement is None:
        return Wish(landscape.default_tier, "default", unclear)
    tier = {"easy": Tier.LOCAL, "hard": Tier.PREMIUM}.get(judgement.level, landscape.default_tier)
    return Wish(tier, f"judged:{judgement.level}", f"{judgement.judge} says {judgement.level}; {unclear}")


def _feasible(request: ChatRequest, wish: Wish, landscape: Landscape, hard: Difficulty) -> Decision | Refusal:
    """The first target that can, and those to try after it: of the same tier, then of the others. A tier that was
    named keeps to itself, and so does a model."""
    reasons = [Reason(wish.route.partition(":")[0], wish.reason)]
    moves = _medium_moves(wish, landscape)
    targets: list[Target] = []
    last_resorts: list[Target] = []
    if wish.target and wish.binding:
        if refusal := _exact_refusal(request, wish.target, landscape, moves):
            return refusal
        targets += [] if moves else [wish.target]
    tiers = in_order(wish.tier) if moves or not wish.binding else () if wish.target else (wish.tier,)
    for tier in tiers:
        for option in _first(wish.target, landscape.all(tier)):
            if problem := obstacle(request.size, option, landscape):
                reasons.append(Reason("feasibility", f"not {_name(tier, option, landscape)}: {problem}"))
                continue
            target = option.target
            if target is None or any(_same_model(target, other) for other in (*targets, *last_resorts)):
                continue
            (last_resorts if option.stands_in and not wish.binding else targets).append(target)
    if targets and last_resorts:
        reasons.append(Reason("feasibility", f"{last_resorts[0].model} answers only where no other tier can"))
    targets += last_resorts
    if not targets:
        return _refuse(request, wish, landscape)
    chosen, *rest = targets
    moved = chosen.tier is not wish.tier
    name = f"{wish.route}>{chosen.tier}" if moved else wish.route
    if moved and moves:
        name = f"budget:medium>{chosen.tier}"
    reasons.append(Reason("target", f"{chosen.provider}/{chosen.model} as {chosen.tier}"))
    fallbacks = () if wish.binding and moved else tuple(rest)
    return Decision(chosen, fallbacks, name, hard.score, tuple(reasons), wish.binding)


def _first(target: Target | None, options: tuple[Option, ...]) -> list[Option]:
    """The options of a tier, a tool loop's own target before the others."""
    return sorted(options, key=lambda option: target is not None and option.target != target)


def _name(tier: Tier, option: Option, landscape: Landscape) -> str:
    """An option for people: its tier, and its provider where the tier has several."""
    if option.target is None or len(landscape.all(tier)) == 1:
        return str(tier)
    return f"{tier} ({option.target.provider}/{option.target.model})"


def _same_model(one: Target, other: Target) -> bool:
    return (one.provider, one.model) == (other.provider, other.model)


def _exact_refusal(request: ChatRequest, target: Target, landscape: Landscape, moves: bool) -> Refusal | None:
    """Why a model that was named exactly cannot be called. It is tried whatever is known of what it can do."""
    if landscape.paid_refusal and not target.free:
        return landscape.paid_refusal
    if not moves and (refusal := limit_refusal(request.size, target, landscape)):
        return refusal
    return None


def _medium_moves(wish: Wish, landscape: Landscape) -> bool:
    """The medium limit sends even explicit premium wishes to a cheaper tier; the hard limit refuses them."""
    if wish.tier is not Tier.PREMIUM or not landscape.premium_blocked or landscape.paid_refusal:
        return False
    targets = (wish.target,) if wish.target else tuple(option.target for option in landscape.all(wish.tier))
    return not any(target and target.free for target in targets)


def _refuse(request: ChatRequest, wish: Wish, landscape: Landscape) -> Refusal:
    """The refusal that helps most: money, if money alone stands in the way; a provider's own limit, if that does; the
    context, if the prompt is too long."""
    tiers = (wish.tier,) if wish.binding else UPWARD
    options = landscape.serving(tiers)
    if landscape.paid_refusal and any(option.target and not option.target.free for option in options):
        return landscape.paid_refusal
    contexts = [o.can.context_tokens for o in options if o.can.context_tokens and not fits(request.size, o)]
    if contexts and len(contexts) == len(options):
        return errors.context_length_exceeded(request.size.input_tokens, max(contexts))
    full = [o.target for o in options if o.target and not money_obstacle(o.target, landscape) and fits(request.size, o)]
    if limits := [refusal for target in full if (refusal := limit_refusal(request.size, target, landscape))]:
        return min(limits, key=lambda refusal: refusal.retry_after_s or float("inf"))
    if contexts:
        return errors.context_length_exceeded(request.size.input_tokens, max(contexts))
    if wish.binding:
        blocked = "; ".join(_problems(request, wish.tier, landscape))
        return errors.no_provider(f"The {wish.tier} tier cannot take this request: {blocked}.")
    each = "; ".join(f"{tier}: {', '.join(_problems(request, tier, landscape))}" for tier in UPWARD)
    return errors.no_provider(
        f"No tier can take this request. {each}. "
        "Start a local server, or set ANTHROPIC_API_KEY, GROQ_API_KEY or OPENAI_API_KEY."
    )


def _problems(request: ChatRequest, tier: Tier, landscape: Landscape) -> list[str]:
    """Each without a full stop, for they become parts of a sentence."""
    found = [obstacle(request.size, option, landscape) for option in landscape.all(tier)]
    return [problem.rstrip(".") for problem in found if problem]
