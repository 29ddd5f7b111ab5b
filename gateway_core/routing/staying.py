"""What a conversation asks for: to stay where its tool loop is, a tier more for what failed, or its warm cache."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.model import ChatRequest, SessionLook, Target, Tier
from gateway_core.routing.feasibility import obstacle
from gateway_core.routing.landscape import UPWARD, Landscape, Option, in_order
from gateway_core.routing.session import STRIKES, Standing
from gateway_core.routing.switching import FREE, Balance, Turn, balance
from gateway_core.routing.wishes import Wish, family_tier

_EXPECTED_OUTPUT = 400
"""Tokens of an answer, where the conversation had none."""


def tool_loop(request: ChatRequest, standing: Standing | None, landscape: Landscape) -> Wish | None:
    """A tool loop stays on its model, and on its tier where the model has gone: another one would have to read the
    whole conversation again, and may not follow what this one began. One that turns in circles goes a tier up, once."""
    if not request.view.in_tool_loop or standing is None or standing.target is None:
        return None
    target = standing.target
    if standing.looping and not standing.raised and (above := _above(request, target, landscape)):
        why = f"{target.model} calls {standing.looping[:64]} over and over with the same arguments and the same result"
        return Wish(above.tier, "session:loop", f"{why}: a tier up, once", target=above)
    served = _served(target, landscape)
    if served is None:
        gone = f"the tool loop was on {target.model}, which serves the {target.tier} tier no more"
        return Wish(target.tier, "session:tool-loop", gone)
    return Wish(target.tier, "session:tool-loop", f"the tool loop is on {target.model}", target=served)


def in_lane(request: ChatRequest, lane: Wish, standing: Standing | None, landscape: Landscape) -> Wish:
    """The wish of a lane; a tool loop in it stays where it is, and is never raised."""
    if not request.view.in_tool_loop:
        return lane
    loop = tool_loop(request, replace(standing, looping="") if standing else None, landscape)
    return replace(lane, tier=loop.tier, target=loop.target, reason=f"{lane.reason}; {loop.reason}") if loop else lane


def again(request: ChatRequest, standing: Standing | None, landscape: Landscape) -> Wish | None:
    """What was answered and is asked again goes a tier up from who answered, once. A harder turn goes higher by
    itself. What asks on after that stays there: to go down again would be worse than the answer that was refused."""
    if standing is None or standing.target is None or request.view.in_tool_loop or family_tier(request):
        return None
    target = standing.target
    if not standing.wants_more and not standing.raised:
        return None
    if standing.raised:
        served = _served(target, landscape)
        on = f"it is asked again, and was raised to {target.model} before"
        return Wish(target.tier, "session:raised", on, target=served, at_least=True) if served else None
    above = _above(request, target, landscape)
    if above is None:
        return None
    name, why = (
        "session:again",
        f"asks again for what {target.model} answered ({standing.asked_again or 1.0:.2f} alike)",
    )
    if standing.strikes and standing.asked_again is None:
        name, why = "session:strikes", f"the same request comes for time {STRIKES}"
    return Wish(above.tier, name, f"{why}: a tier up, once", target=above, at_least=True)


def warm_cache(
    request: ChatRequest, usual: Wish, standing: Standing | None, landscape: Landscape
) -> tuple[Wish, Balance | None]:
    """The ``usual`` wish, or to stay where the prompt cache is warm, with what a switch saves and loses.

    Only a switch down, or to another model of the same tier, must earn what it loses: a turn that is harder goes up
    whatever is cached.
    """
    if standing is None or standing.target is None or family_tier(request):
        return usual, None
    present = _option(standing.target, landscape)
    other = _first_able(request, usual, landscape)
    if present is None or present.target is None or other is None or present.target.is_same_model(other):
        return usual, None
    if UPWARD.index(other.tier) > UPWARD.index(present.target.tier) or obstacle(request.size, present, landscape):
        return usual, None
    if present.target.free or not standing.cached_tokens or not standing.warm_s:
        return usual, None
    found = _weighed(request, standing, present.target, other)
    away = f"{'local' if other.tier is Tier.LOCAL and other.free else other.model} would {_in_dollars(found)}"
    warm = f"its prompt cache of {standing.cached_tokens:,} tokens is warm for {standing.warm_s:.0f} s"
    if found.pays:
        leaves = f"leaves {present.target.model}, though {warm}: {away}"
        return replace(usual, reason=f"{usual.reason}; {leaves}"), found
    stays = f"stays on {present.target.model}: {warm}; {away}; {usual.reason}"
    return Wish(present.target.tier, "session:warm-cache", stays, target=present.target), found


def look_of(standing: Standing, wish: Wish, found: Balance | None) -> SessionLook | None:
    """What was known of the conversation, for the record."""
    if standing.target is None:
        return None
    return SessionLook(
        target=standing.target,
        cached_tokens=standing.cached_tokens,
        warm_s=standing.warm_s if standing.cached_tokens else 0.0,
        saves_microusd=found.saves_microusd if found else 0,
        loses_microusd=found.loses_microusd if found else 0,
        asked_again=standing.asked_again,
        repeats=standing.repeats,
        escalated=wish.route in ("session:again", "session:strikes", "session:loop"),
        again_of=standing.again_of,
        looping=standing.looping,
        in_loop_since=standing.in_loop_since,
    )


def _weighed(request: ChatRequest, standing: Standing, present: Target, other: Target) -> Balance:
    output = min(standing.output_tokens or _EXPECTED_OUTPUT, request.size.max_output_tokens or 1 << 30)
    prompt = max(request.size.input_tokens, standing.cached_tokens)
    turn = Turn(prompt, output, standing.cached_tokens, standing.warm_s, standing.life_s, standing.turns)
    return balance(turn, standing.prices(present), FREE if other.free else standing.prices(other))


def _in_dollars(found: Balance) -> str:
    """What a switch would do, for people."""
    if found.saves_microusd < 0:
        return f"cost ${-found.saves_microusd / 1e6:.4f} more"
    return f"save ${found.saves_microusd / 1e6:.4f} and lose ${found.loses_microusd / 1e6:.4f}"


def _above(request: ChatRequest, target: Target, landscape: Landscape) -> Target | None:
    """Who serves the next tier above ``target`` that another model serves and that money and size allow."""
    for tier in UPWARD[UPWARD.index(target.tier) + 1 :]:
        for option in landscape.all(tier):
            able = option.target and not option.stands_in and not obstacle(request.size, option, landscape)
            if able and option.target and not option.target.is_same_model(target):
                return option.target
    return None


def _first_able(request: ChatRequest, wish: Wish, landscape: Landscape) -> Target | None:
    """Who would take the request without a look at the conversation."""
    options = [option for tier in in_order(wish.tier) for option in landscape.all(tier)]
    able = [option for option in options if option.target and not obstacle(request.size, option, landscape)]
    return next((option.target for option in sorted(able, key=lambda option: option.stands_in)), None)


def _option(target: Target, landscape: Landscape) -> Option | None:
    """What serves ``target`` in its tier now; what is known of a target may be older than the settings."""
    found = (option for option in landscape.all(target.tier) if option.target and option.target.is_same_model(target))
    return next(found, None)


def _served(target: Target, landscape: Landscape) -> Target | None:
    option = _option(target, landscape)
    return option.target if option else None
