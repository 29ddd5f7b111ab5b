"""What the router may choose from at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway_core.model import Lane, Refusal, Target, Tier

UPWARD = (Tier.LOCAL, Tier.CHEAP, Tier.PREMIUM)


def in_order(wished: Tier) -> tuple[Tier, ...]:
    """The wished tier, then the better ones, then the cheaper ones from the best down."""
    at = UPWARD.index(wished)
    return (wished, *UPWARD[at + 1 :], *reversed(UPWARD[:at]))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. None where nobody told: then it is tried."""

    context_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One model that serves a tier now, or why it does not."""

    target: Target | None = None
    unavailable: str = ""
    can: Capabilities = Capabilities()
    stands_in: bool = False
    """The built-in model, in nobody's place: it answers by itself only where no other tier can."""
    lost: bool = False
    """A local server is to be there, and is not: ``unavailable`` says why, also where the built-in model stands in."""


NOTHING = Option(unavailable="it is not configured")


@dataclass(frozen=True, slots=True)
class Room:
    """What a provider's own limits leave: None and 0 where there is none."""

    tokens_per_minute: int = 0
    tokens: int | None = None
    """Tokens that may be sent now."""
    wait_s: int = 0
    """Seconds until the next request of any size."""
    spent: Refusal | None = None
    """Its daily limit is reached; this is what a request for it is told."""


@dataclass(frozen=True, slots=True)
class Landscape:
    """The tiers with what serves them, what the operator forces, and what money allows.

    ``options`` are each tier's, the first choice first. ``named`` are the providers that ``<provider>/<model>`` may
    name, ``free`` those of them that nobody pays for, ``rooms`` what is left of those that have limits.
    """

    options: Mapping[Tier, tuple[Option, ...]]
    named: Mapping[str, Tier] = field(default_factory=dict)
    free: frozenset[str] = frozenset({"local", "ollama"})
    rooms: Mapping[str, Room] = field(default_factory=dict)
    forced: Tier | None = None
    premium_blocked: bool = False
    """The medium limit is reached."""
    paid_refusal: Refusal | None = None
    """What a paid request is told once the hard limit is reached, or while the ledger cannot be written."""
    background_refusal: Refusal | None = None
    """The same for what nobody waits for, once its own limit is reached."""
    paid_obstacle: str = "paid tiers are stopped"
    """``paid_refusal`` in words, among what stands in a model's way."""
    default_tier: Tier = Tier.CHEAP

    def for_lane(self, lane: Lane) -> Landscape:
        """What money leaves to a request of a lane."""
        if lane is Lane.INTERACTIVE or self.paid_refusal or not self.background_refusal:
            return self
        obstacle = "the daily limit for background work is reached"
        return replace(self, paid_refusal=self.background_refusal, paid_obstacle=obstacle)

    def all(self, tier: Tier) -> tuple[Option, ...]:
        """What serves a tier; never empty."""
        return self.options.get(tier) or (NOTHING,)

    def option(self, tier: Tier) -> Option:
        """What serves a tier first; why nothing does, if nothing does."""
        return next((option for option in self.all(tier) if option.target), self.all(tier)[0])

    @property
    def targets(self) -> dict[Tier, tuple[str, ...]]:
        """``provider/model`` of everything that serves a tier, the first choice first."""
        served = {tier: [o.target for o in options if o.target] for tier, options in self.options.items()}
        return {
            tier: tuple(f"{target.provider}/{target.model}" for target in targets)
            for tier, targets in served.items()
            if targets
        }

    def serving(self, tiers: Iterable[Tier] = tuple(Tier)) -> tuple[Option, ...]:
        """Everything that serves one of ``tiers`` now."""
        return tuple(option for tier in tiers for option in self.all(tier) if option.target)
