"""What would have sent a request to another tier, in words: the smallest change that does it."""

from __future__ import annotations

from collections.abc import Iterator

from gateway_core.model import Considered, Difficulty, Feature, Tier
from gateway_core.routing.choosing import Choice
from gateway_core.routing.difficulty import LIMITED, unlimited
from gateway_core.routing.landscape import UPWARD, Bands, Landscape
from gateway_core.routing.wishes import Wish

MOST_FEATURES = 3
"""A longer list of what would have to be missing says nothing."""


def otherwise(
    choice: Choice, difficulty: Difficulty, wish: Wish | None, by_itself: Wish, landscape: Landscape
) -> tuple[str, ...]:
    """A sentence for each tier that the request did not go to. ``wish`` is what decided before the difficulty did,
    ``by_itself`` what the difficulty asks for."""
    told: list[str] = []
    asked = (wish or by_itself).tier
    if choice.target.tier is not asked:
        told += _in_the_way(asked, choice.considered)
    if wish is not None:
        tier, score = by_itself.tier.upper(), f"{_exact(difficulty.score)}"
        if by_itself.tier is choice.target.tier:
            told.append(f"{tier} too if the difficulty, {score}, had decided")
        else:
            told.append(f"{tier} if the difficulty, {score}, had decided: {_but_for(wish)}")
        return tuple(told)
    judged = by_itself.route.startswith("judged:")
    for tier in UPWARD:
        if tier in (asked, choice.target.tier):
            continue
        if how := (_by_judge if judged else _by_difficulty)(tier, difficulty, landscape):
            told.append(f"{tier.upper()} if {how}{_still_blocked(tier, choice.considered)}")
    return tuple(told)


def _still_blocked(tier: Tier, considered: tuple[Considered, ...]) -> str:
    """What would keep the tier from answering all the same; empty where one of its models could."""
    obstacles = [one.obstacle for one in considered if one.tier is tier]
    return f"; but it could not take it: {obstacles[0].rstrip('.')}" if obstacles and all(obstacles) else ""


def _by_judge(tier: Tier, difficulty: Difficulty, landscape: Landscape) -> str:
    """The same where a model was asked, because the difficulty is unclear."""
    if tier is landscape.default_tier:
        return "it had been judged medium, or not at all"
    word = {Tier.LOCAL: "easy", Tier.PREMIUM: "hard"}.get(tier)
    how = _by_difficulty(tier, difficulty, landscape)
    return f"it had been judged {word}{f', or {how}' if how else ''}" if word else how


def _but_for(wish: Wish) -> str:
    return f"but {wish.reason}" if wish.reason else "but something else did"


def _in_the_way(asked: Tier, considered: tuple[Considered, ...]) -> Iterator[str]:
    """What kept the tier that was asked for from answering."""
    for one in considered:
        if one.tier is asked and one.obstacle:
            name = f"{one.provider}/{one.model}" if one.model else "a model"
            yield f"{asked.upper()} if {name} could have answered: {one.obstacle.rstrip('.')}"


def _by_difficulty(tier: Tier, difficulty: Difficulty, landscape: Landscape) -> str:
    """What the difficulty would have to be; empty where no difficulty sends anything to the tier."""
    score, bands = difficulty.score, landscape.bands
    if tier is Tier.LOCAL:
        return _easier(difficulty, bands)
    if tier is Tier.PREMIUM:
        return (
            f"its difficulty were {_exact(bands.hard_from)} or more; it is {_exact(score)}"
            if bands.hard_from <= 1
            else ""
        )
    if tier is landscape.default_tier:
        least, most = bands.easy_below, bands.hard_from
        return f"its difficulty were unclear, from {_exact(least)} to below {_exact(most)}; it is {_exact(score)}"
    return ""


def _easier(difficulty: Difficulty, bands: Bands) -> str:
    """Which features would have to be missing for the prompt to be easy."""
    score = difficulty.score
    text = f"its difficulty were below {_exact(bands.easy_below)}; it is {_exact(score)}"
    missing = _smallest(difficulty.features, unlimited(difficulty.features) - bands.easy_below)
    if not missing:
        return text
    return f"{text}, and would be but for {' and '.join(map(_told, missing))}"


def _told(one: Feature) -> str:
    """A feature with what was measured: it may add points that there is none of it."""
    return f"{one.name}{f', {one.value}' if one.value else ''} ({one.points:+.2f})"


def _exact(number: float) -> str:
    """With two digits, or with three where two would put it on the other side of a threshold."""
    return f"{number:.2f}" if round(number, 2) == round(number, 3) else f"{number:.3f}"


def _smallest(features: tuple[Feature, ...], gap: float) -> list[Feature]:
    """The fewest features that add up to more than ``gap``; empty where it takes too many of them."""
    heavy = sorted((one for one in features if one.points > 0 and one.name != LIMITED), key=lambda one: -one.points)[
        :MOST_FEATURES
    ]
    taken: list[Feature] = []
    for one in heavy:
        taken.append(one)
        if sum(feature.points for feature in taken) > gap:
            single = [other for other in reversed(heavy) if other.points > gap]
            return single[:1] or taken
    return []
