"""Chooses the target of a request, and says why.

What is certain decides first: what was said explicitly, then the lane, then the session, then the difficulty; whatever
is chosen must be feasible. Free tiers are never blocked by money.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, Decision, DecisionRecord, Difficulty, Refusal, Tier
from gateway_core.routing import staying, wishes
from gateway_core.routing.choosing import choose
from gateway_core.routing.difficulty import LIMITED, difficulty
from gateway_core.routing.feasibility import considered, survey
from gateway_core.routing.landscape import UPWARD, Landscape
from gateway_core.routing.otherwise import otherwise
from gateway_core.routing.session import Standing
from gateway_core.routing.wishes import Wish

LEAST_TOLD, MOST_TOLD = 0.05, 5
"""Points and number of the features that a reason names; the record has them all."""


@frozen
class Judgement:
    """What a model said of a prompt whose difficulty the rules leave open. ``judge`` names it, for people."""

    level: Literal["easy", "medium", "hard"]
    judge: str


@frozen
class Known:
    """What is known besides the request and the models; nothing of it is needed."""

    session: Standing | None = None
    """What the request's conversation has been through; None in its first turn."""
    judgement: Judgement | None = None
    """Only listened to where :func:`is_unclear`."""
    difficulty: Difficulty | None = None
    """As the whole model sees it; by the prompt's structure alone where it is missing."""

    def of(self, request: ChatRequest) -> Difficulty:
        return self.difficulty or difficulty(request.view.user_text)


NOTHING = Known()


def route(request: ChatRequest, landscape: Landscape, known: Known = NOTHING) -> Decision | Refusal:
    """The decision for ``request``: where it goes, what is tried next, and why; a refusal when no tier can take it."""
    landscape = landscape.for_lane(request.view.lane)
    hard = known.of(request)
    wish = _certain(request, landscape, known)
    if isinstance(wish, Refusal):
        return wish
    why = _why(hard) if wish is None or wish.at_least else ""  # else nobody is told what the difficulty asks for
    by_itself = _family(request, hard, landscape, known.judgement, why) or _by_difficulty(
        hard, landscape, known.judgement, why
    )
    balance = None
    if wish and wish.at_least and UPWARD.index(by_itself.tier) > UPWARD.index(wish.tier):
        wish = None
    if wish is None:
        wish, balance = staying.warm_cache(request, by_itself, known.session, landscape)
    choice = choose(request, wish, landscape)
    if isinstance(choice, Refusal):
        looks = survey(request, landscape)
        return replace(choice, weighed=DecisionRecord(hard, considered(request, looks, landscape, {})))
    before = wish if wish is not by_itself else None
    record = DecisionRecord(
        hard,
        choice.considered,
        staying.look_of(known.session, wish, balance) if known.session else None,
        otherwise(choice, hard, before, by_itself, landscape),
    )
    return Decision(choice.target, choice.fallbacks, choice.route, hard.score, choice.reasons, wish.binding, record)


def is_unclear(request: ChatRequest, landscape: Landscape, known: Known = NOTHING) -> bool:
    """Whether nothing but the difficulty decides, and it is between the bands."""
    return decides_by_difficulty(request, landscape, known) and landscape.bands.unclear(known.of(request).score)


def decides_by_difficulty(request: ChatRequest, landscape: Landscape, known: Known = NOTHING) -> bool:
    """Whether nothing but the difficulty decides."""
    return _certain(request, landscape, known) is None and wishes.family_tier(request) is None


def _certain(request: ChatRequest, landscape: Landscape, known: Known) -> Wish | Refusal | None:
    if explicit := wishes.explicit(request, landscape):
        return explicit
    if lane := wishes.lane(request):
        return staying.in_lane(request, lane, known.session, landscape)
    return staying.tool_loop(request, known.session, landscape) or staying.again(request, known.session, landscape)


def _family(
    request: ChatRequest, hard: Difficulty, landscape: Landscape, judgement: Judgement | None, difficult: str
) -> Wish | None:
    """What stands in for a Claude that nobody serves: small families for CHEAP, large ones for PREMIUM."""
    if not wishes.stands_for_a_family(request):
        return None
    found = wishes.family_tier(request)
    why = f"{request.model} is asked for and Anthropic is not set up"
    if found is None:
        usual = _by_difficulty(hard, landscape, judgement, difficult)
        return replace(usual, reason=f"{why}: it counts as gateway-auto; {usual.reason}")
    return Wish(found, f"family:{found}", f"{why}: the {found} tier stands in for its family")


def _why(hard: Difficulty) -> str:
    """The features that the difficulty is made of for the most part."""
    heaviest = [one for one in hard.features if abs(one.points) >= LEAST_TOLD and one.name != LIMITED][:MOST_TOLD]
    return ", ".join([f"{one.name} {one.points:+.2f}" for one in heaviest]) or "nothing stands out"


def _by_difficulty(hard: Difficulty, landscape: Landscape, judgement: Judgement | None, why: str) -> Wish:
    if hard.score < landscape.bands.easy_below:
        return Wish(Tier.LOCAL, "simple", f"difficulty {hard.score:.2f}: {why}")
    if hard.score >= landscape.bands.hard_from:
        return Wish(Tier.PREMIUM, "hard", f"difficulty {hard.score:.2f}: {why}")
    unclear = f"difficulty {hard.score:.2f} is unclear: {why}"
    if judgement is None:
        return Wish(landscape.default_tier, "default", unclear)
    tier = {"easy": Tier.LOCAL, "hard": Tier.PREMIUM}.get(judgement.level, landscape.default_tier)
    return Wish(tier, f"judged:{judgement.level}", f"{judgement.judge} says {judgement.level}; {unclear}")
