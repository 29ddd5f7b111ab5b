"""Finds who takes a request: the first model that can, those to try after it, or the refusal that helps most."""

from __future__ import annotations

from gateway_core.model import (
    ChatRequest,
    Decision,
    DecisionRecord,
    Difficulty,
    Reason,
    Refusal,
    Target,
    Tier,
)
from gateway_core.routing.compacting import compaction_reason, with_advice, with_least_size
from gateway_core.routing.feasibility import considered, fits, limit_refusal, money_obstacle, obstacle
from gateway_core.routing.landscape import UPWARD, Landscape, Option, in_order
from gateway_core.routing.wishes import Wish
from gateway_core.wire import errors


def choose(request: ChatRequest, wish: Wish, landscape: Landscape, hard: Difficulty) -> Decision | Refusal:
    """The first target that can, and those to try after it: of the same tier, then of the others. A tier that was
    named keeps to itself, and so does a model."""
    request = with_least_size(request, landscape, fits)
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
    reasons += compaction_reason(request.size, chosen, landscape, fits)
    reasons.append(Reason("target", f"{chosen.provider}/{chosen.model} as {chosen.tier}"))
    fallbacks = () if wish.binding and moved else tuple(rest)
    record = DecisionRecord(hard, considered(request.size, landscape))
    return Decision(chosen, fallbacks, name, hard.score, tuple(reasons), wish.binding, record)


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
        return with_advice(errors.context_length_exceeded(request.size.input_tokens, max(contexts)), request, options)
    full = [o.target for o in options if o.target and not money_obstacle(o.target, landscape) and fits(request.size, o)]
    if limits := [refusal for target in full if (refusal := limit_refusal(request.size, target, landscape))]:
        return min(limits, key=lambda refusal: refusal.retry_after_s or float("inf"))
    if contexts:
        return with_advice(errors.context_length_exceeded(request.size.input_tokens, max(contexts)), request, options)
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
