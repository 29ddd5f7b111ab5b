"""Finds who takes a request: the first model that can, those to try after it, or the refusal that helps most."""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.model import (
    ChatRequest,
    Considered,
    Reason,
    Refusal,
    Target,
    Tier,
)
from gateway_core.routing.compacting import compaction_reason, with_advice, with_least_size
from gateway_core.routing.feasibility import (
    Look,
    considered,
    displaces,
    fits,
    limit_refusal,
    money_obstacle,
    obstacle,
    prompt_tokens,
    survey,
)
from gateway_core.routing.landscape import UPWARD, Landscape, Option, in_order
from gateway_core.routing.wishes import Wish
from gateway_core.wire import errors


@frozen
class Choice:
    """Who takes a request, as in :class:`~gateway_core.model.Decision`."""

    target: Target
    fallbacks: tuple[Target, ...]
    route: str
    reasons: tuple[Reason, ...]
    considered: tuple[Considered, ...]


def choose(request: ChatRequest, wish: Wish, landscape: Landscape) -> Choice | Refusal:
    """The first target that can, and those to try after it: of the same tier, then of the others. A tier that was
    named keeps to itself, and so does a model."""
    request = with_least_size(request, landscape, fits)
    reasons = [Reason(wish.route.partition(":")[0], wish.reason)]
    moves = _medium_moves(wish, landscape)
    targets: list[Target] = []
    if wish.target and wish.binding:
        if refusal := _exact_refusal(request, wish.target, landscape, moves):
            return refusal
        targets += [] if moves else [wish.target]
    tiers = in_order(wish.tier) if moves or not wish.binding else () if wish.target else (wish.tier,)
    looks, able = survey(request, landscape), []
    for tier in tiers:
        for look in _first(wish.target, looks[tier]):
            if look.obstacle:
                reasons.append(Reason("feasibility", f"not {_name(tier, look.option, landscape)}: {look.obstacle}"))
            elif look.option.target:
                able.append(look)
    passed: dict[Target, str] = {}
    ordered = able if wish.binding else _as_things_stand(able, wish, reasons, passed)
    for look in ordered:
        target = look.option.target
        if target and not _is_among(target, targets):
            targets.append(target)
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
    return Choice(chosen, fallbacks, name, tuple(reasons), considered(request, looks, landscape, passed))


def _as_things_stand(able: list[Look], wish: Wish, reasons: list[Reason], passed: dict[Target, str]) -> list[Look]:
    """Those that can, in the order that what is loaded and how long each takes leave of the tiers': a model that would
    push out another of them, which is in use, comes after that one; slow ones come after all others, and the stand-in
    last. What a tool loop is on keeps its place. ``passed`` gets why others lost theirs."""
    slow = [look for look in able if look.slow and look.option.target != wish.target]
    slow.sort(key=lambda look: look.option.stands_in)
    stand_ins = [look for look in able if look.option.stands_in and look not in slow]
    usual = [look for look in able if look not in slow and look not in stand_ins]
    ordered: list[Look] = []
    for look in usual:
        target = look.option.target
        instead = _in_memory_for(look, usual) if target != wish.target else None
        if target and instead is not None:
            passed[target] = displaces(look.option)
            reasons.append(Reason("memory", passed[target]))
        ordered += [one for one in (instead, look) if one is not None and one not in ordered]
    if ordered or stand_ins:
        passed.update({look.option.target: look.slow for look in slow if look.option.target})
        reasons += [Reason("speed", f"{_model(look)} comes last: {look.slow}") for look in slow]
    if ordered and stand_ins:
        reasons.append(Reason("feasibility", f"{_model(stand_ins[0])} answers only where no other tier can"))
    return [*ordered, *slow, *stand_ins]


def _in_memory_for(look: Look, able: list[Look]) -> Look | None:
    """The one among them that ``look`` would push out of the same server's memory: only of that server's models anybody
    knows whether they are loaded."""
    out = look.option.memory.pushes_out
    found = (one for one in able if out and one.option.memory.loaded is not None and _model(one) == out)
    return next(found, None)


def _is_among(target: Target, targets: list[Target]) -> bool:
    """Whether one of ``targets`` is the same model."""
    return any(target.is_same_model(other) for other in targets) if targets else False


def _model(look: Look) -> str:
    return look.option.target.model if look.option.target else ""


def _first(target: Target | None, looks: tuple[Look, ...]) -> list[Look]:
    """The options of a tier, a tool loop's own target before the others."""
    if target is None:
        return list(looks)
    return sorted(looks, key=lambda look: look.option.target != target)


def _name(tier: Tier, option: Option, landscape: Landscape) -> str:
    """An option for people: its tier, and its provider where the tier has several."""
    if option.target is None or len(landscape.all(tier)) == 1:
        return str(tier)
    return f"{tier} ({option.target.provider}/{option.target.model})"


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
    too_small = [option for option in options if not fits(request.size, option)]
    if too_small and len(too_small) == len(options):
        return with_advice(_too_long(request, too_small), request, options)
    full = [o.target for o in options if o.target and not money_obstacle(o.target, landscape) and fits(request.size, o)]
    if limits := [refusal for target in full if (refusal := limit_refusal(request.size, target, landscape))]:
        return min(limits, key=lambda refusal: refusal.retry_after_s or float("inf"))
    if too_small:
        return with_advice(_too_long(request, too_small), request, options)
    if wish.binding:
        blocked = "; ".join(_problems(request, wish.tier, landscape))
        return errors.no_provider(f"The {wish.tier} tier cannot take this request: {blocked}.")
    each = "; ".join(f"{tier}: {', '.join(_problems(request, tier, landscape))}" for tier in UPWARD)
    return errors.no_provider(
        f"No tier can take this request. {each}. "
        "Start a local server, or set ANTHROPIC_API_KEY, GROQ_API_KEY or OPENAI_API_KEY."
    )


def _too_long(request: ChatRequest, options: list[Option]) -> Refusal:
    """The refusal of a prompt that none of ``options`` holds, in the figures of the largest, as it counts."""
    largest = max(options, key=lambda option: option.can.context_tokens or 0)
    return errors.context_length_exceeded(prompt_tokens(request.size, largest), largest.can.context_tokens)


def _problems(request: ChatRequest, tier: Tier, landscape: Landscape) -> list[str]:
    """Each without a full stop, for they become parts of a sentence."""
    found = [obstacle(request.size, option, landscape) for option in landscape.all(tier)]
    return [problem.rstrip(".") for problem in found if problem]
