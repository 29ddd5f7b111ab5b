"""Whether every tier that is set up can answer now; where one cannot, who does instead."""

from __future__ import annotations

from collections.abc import Callable

from gateway_core.model import Target, Tier
from gateway_core.routing.feasibility import money_obstacle
from gateway_core.routing.landscape import UPWARD, Landscape, Option, in_order

WhyNot = Callable[[Target], str]
"""Why a target is not called now; empty where it is."""


def shortfall(landscape: Landscape, why_not: WhyNot) -> str:
    """What a person should know of the tiers that cannot answer; empty while all that are set up can.

    A tier that was never set up is no fault, except when it is forced. Money is none either: the limits have words of
    their own, but a tier that they stop does not answer for another one.
    """
    able = {tier: [option for option in landscape.all(tier) if _able(option, why_not)] for tier in UPWARD}
    problems = {
        tier: _problem(landscape.all(tier), why_not)
        for tier in UPWARD
        if not any(_own(option) for option in able[tier]) and (_set_up(landscape, tier) or landscape.forced is tier)
    }
    if not any(able.values()) and problems:
        return f"Nothing can answer. {_each(problems)}."
    if landscape.forced:
        forced = problems.get(landscape.forced)
        return f"The forced tier cannot answer. {landscape.forced}: {forced}." if forced else ""
    told = [f"{tier} cannot answer ({why}): {_instead(tier, able, landscape)}." for tier, why in problems.items()]
    return " ".join(text[0].upper() + text[1:] for text in told)


def _own(option: Option) -> bool:
    """Whether it serves in its own right, in nobody's place."""
    return not (option.stands_in and option.lost)


def _able(option: Option, why_not: WhyNot) -> bool:
    return option.target is not None and not why_not(option.target)


def _set_up(landscape: Landscape, tier: Tier) -> bool:
    return any(option.lost or option.target for option in landscape.all(tier))


def _problem(options: tuple[Option, ...], why_not: WhyNot) -> str:
    """Why none of ``options`` can answer, the first reason that is one."""
    for option in options:
        if option.lost:
            return option.unavailable
        if option.target and (why := why_not(option.target)):
            return f"{option.target.provider} {why}"
    return options[0].unavailable


def _each(problems: dict[Tier, str]) -> str:
    return "; ".join(f"{tier}: {why}" for tier, why in problems.items())


def _instead(tier: Tier, able: dict[Tier, list[Option]], landscape: Landscape) -> str:
    """Who answers what ``tier`` would have, as the router chooses."""
    last_resort = ""
    for other in in_order(tier):
        for option in able[other]:
            target = option.target
            if target is None or money_obstacle(target, landscape):
                continue
            if not option.stands_in:
                return f"{other} answers instead" + ("" if target.free else ", for money")
            last_resort = "the built-in model answers instead"
    return last_resort or "nothing answers instead"
