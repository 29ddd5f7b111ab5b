"""Another policy for the requests of the last days, and what it would have cost. Nothing is called for it.

Money is integer micro-dollars, shares are 0–1, days are UTC dates. Names of models are foreign text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway_core.frozen import frozen
from gateway_core.kinds import Tier

MOST_DAYS = 400
"""How long the request log is kept."""
DAYS = 30
CACHE = "cache"
"""The answer caches, where tiers are told apart by name."""
_MOST_CONTEXT = 10_000_000
_SWITCH = {"on": True, "off": False}


@frozen
class Policy:
    """What is done otherwise; as it stands here, nothing is."""

    days: int = DAYS
    premium_share: float | None = None
    """Of the requests that difficulty decides, the hardest so many go to premium. None leaves them where they went."""
    local_model: str = ""
    """Serves the LOCAL tier; empty leaves the one that does."""
    local_context_tokens: int | None = None
    """Of ``local_model``; None is what is known of it."""
    all_to: Tier | None = None
    """Every request goes there, or to a better tier where it does not fit."""
    answer_cache: bool = True
    prompt_cache: bool = True

    @property
    def changes(self) -> bool:
        """Whether it differs from what was done."""
        return self != Policy(days=self.days)


def policy_of(asked: Mapping[str, str]) -> Policy:
    """The policy of ``days``, ``premium_share`` (percent), ``local_model`` (``NAME`` or ``NAME@TOKENS``), ``all`` (a
    tier), ``cache`` and ``prompt_cache`` (``on`` or ``off``), all optional.

    Raises ``ValueError``, whose text begins with the name that is wrong and says what it may be.
    """
    known = ("days", "premium_share", "local_model", "all", "cache", "prompt_cache")
    if unknown := next((name for name in asked if name not in known), None):
        raise ValueError(f"{unknown} is not known here: a policy has {', '.join(known)}")
    model, context = _local(asked.get("local_model", ""))
    policy = Policy(
        days=_days(asked.get("days", str(DAYS))),
        premium_share=_share(asked["premium_share"]) if "premium_share" in asked else None,
        local_model=model,
        local_context_tokens=context,
        all_to=_tier(asked["all"]) if "all" in asked else None,
        answer_cache=_switch("cache", asked.get("cache", "on")),
        prompt_cache=_switch("prompt_cache", asked.get("prompt_cache", "on")),
    )
    if policy.all_to is not None and policy.premium_share is not None:
        raise ValueError("all leaves nothing for premium_share to decide: give one of them")
    return policy


def query_of(policy: Policy) -> dict[str, str]:
    """What :func:`policy_of` reads, of a policy."""
    asked = {"days": str(policy.days)}
    if policy.premium_share is not None:
        asked["premium_share"] = f"{policy.premium_share * 100:.6g}"
    if policy.local_model:
        context = f"@{policy.local_context_tokens}" if policy.local_context_tokens is not None else ""
        asked["local_model"] = policy.local_model + context
    if policy.all_to is not None:
        asked["all"] = policy.all_to.value
    for name, on in (("cache", policy.answer_cache), ("prompt_cache", policy.prompt_cache)):
        if not on:
            asked[name] = "off"
    return asked


def _days(text: str) -> int:
    if not 1 <= _number(text) <= MOST_DAYS:
        raise ValueError(f"days is a whole number from 1 to {MOST_DAYS}")
    return int(text)


def _number(text: str) -> int:
    """The whole number that a short text of plain digits says; 0 for any other text."""
    return int(text) if len(text) <= 9 and text.isascii() and text.isdecimal() else 0


def _share(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        raise ValueError("premium_share is a percentage from 0 to 100")
    return percent / 100


def _local(text: str) -> tuple[str, int | None]:
    name, at, tokens = text.strip().rpartition("@")
    if not at:
        return text.strip(), None
    if not (name and 1 <= _number(tokens) <= _MOST_CONTEXT):
        raise ValueError(f"local_model is NAME or NAME@TOKENS, TOKENS its context, at most {_MOST_CONTEXT:,}")
    return name, int(tokens)


def _tier(text: str) -> Tier:
    if text not in list(Tier):
        raise ValueError(f"all is one of {', '.join(Tier)}")
    return Tier(text)


def _switch(name: str, text: str) -> bool:
    if text not in _SWITCH:
        raise ValueError(f"{name} is on or off")
    return _SWITCH[text]


# --- what comes of it ------------------------------------------------------------------------------------------------


@frozen
class Amount:
    """Answered requests with their tokens and what they cost."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0


@frozen
class TierChange:
    """``name`` is a tier or :data:`CACHE`; ``model`` is who serves it under the policy, empty where nobody can."""

    name: str
    model: str = ""
    before: Amount = Amount()
    after: Amount = Amount()


@frozen
class Moves:
    """Answered requests that went to ``source`` and go to ``target`` under the policy; both may be the same."""

    source: str
    target: str
    requests: int
    share: float
    """Of all answered requests."""


@frozen
class LaneChange:
    lane: str
    requests: int
    moved: int
    before_microusd: int
    after_microusd: int


@frozen
class DayChange:
    """All that a day cost, and would have."""

    day: str
    before_microusd: int
    after_microusd: int


@frozen
class Thresholds:
    """Where difficulty divides: below ``easy_below`` a request is for LOCAL, from ``hard_from`` on for PREMIUM.

    ``share`` is that of the ``decided`` requests which the thresholds send to PREMIUM: as near to the share that was
    asked for as they can come, for requests of one difficulty go one way.
    """

    easy_below: float
    hard_from: float
    share: float = 0.0
    decided: int = 0


@frozen
class LimitLook:
    """Days against a daily limit, as if nothing had been refused. ``refused`` came after it was reached, on a day that
    reached it, and were to be paid for."""

    highest_day: str = ""
    highest_microusd: int = 0
    days_reached: int = 0
    refused: int = 0


@frozen
class LeftOut:
    """What is not replayed, and stays as it was; requests that are answered unless it says otherwise."""

    not_answered: int = 0
    """Refused, failed, broken off: in no count."""
    not_answered_microusd: int = 0
    embeddings: int = 0
    without_usage: int = 0
    without_difficulty: int = 0
    """Difficulty decided, and it was not kept."""
    without_counterfactual: int = 0
    """A cache is off under the policy, and what they cost without it was never known."""
    fits_nowhere: int = 0
    """No tier that the policy has can take them."""
    other_microusd: int = 0
    """In the ledger and of no answered request: failed calls, judges, what a crash cut off."""


@frozen
class LocalLook:
    """Who serves the LOCAL tier under the policy, and how long it would write."""

    model: str = ""
    context_tokens: int | None = None
    """None: not known, so that every prompt is taken to fit."""
    too_long: int = 0
    """Requests that are for LOCAL and do not fit."""
    answers: int = 0
    """Those it gives that another gave."""
    seconds_p50: float | None = None
    """Of these answers, from the speed that was measured; None where none was."""


@frozen
class Outcome:
    """What would have been. ``low`` and ``high`` bound the cost where tokens were not measured; else they are it."""

    policy: Policy
    first_day: str = ""
    last_day: str = ""
    requests: int = 0
    """Answered ones."""
    before_microusd: int = 0
    """All that the ledger holds of these days."""
    after_microusd: int = 0
    low_microusd: int = 0
    high_microusd: int = 0
    moved: int = 0
    moved_share: float = 0.0
    repriced: int = 0
    """Moved to where somebody pays: priced by their own tokens, the answer as long as it was."""
    repriced_with_cache: int = 0
    """Of these, with the share of the prompt that their session read from a prompt cache."""
    estimated: int = 0
    """Of these, such whose tokens were not all counted."""
    tiers: tuple[TierChange, ...] = ()
    moves: tuple[Moves, ...] = ()
    lanes: tuple[LaneChange, ...] = ()
    days: tuple[DayChange, ...] = ()
    now: Thresholds = Thresholds(0.0, 0.0)
    """As the router has them, with the share that really went to PREMIUM."""
    then: Thresholds = Thresholds(0.0, 0.0)
    hard_limit_microusd: int = 0
    limit_before: LimitLook = LimitLook()
    limit_after: LimitLook = LimitLook()
    left_out: LeftOut = LeftOut()
    local: LocalLook = LocalLook()
    guessed: tuple[str, ...] = ()
    """Models that the policy moves requests to and whose price nobody knows."""
    not_set_up: tuple[str, ...] = ()
    """Settings that are missing for the models that the policy moves requests to."""
    problem: str = ""
    """Why there is nothing; empty otherwise."""

    @property
    def change_microusd(self) -> int:
        return self.after_microusd - self.before_microusd
