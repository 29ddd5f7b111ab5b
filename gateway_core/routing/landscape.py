"""What the router may choose from at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_core.model import Refusal, Target, Tier


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. None where nobody told: then it is tried."""

    context_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """What serves a tier now, or why nothing does."""

    target: Target | None = None
    unavailable: str = ""
    can: Capabilities = Capabilities()
    stands_in: bool = False
    """The built-in model, in nobody's place: it answers by itself only where no other tier can."""


@dataclass(frozen=True, slots=True)
class Landscape:
    """The tiers with what serves them, what the operator forces, and what money allows.

    ``named`` are the providers that ``<provider>/<model>`` may name, by their name.
    """

    options: Mapping[Tier, Option]
    named: Mapping[str, Tier] = field(default_factory=dict)
    forced: Tier | None = None
    premium_blocked: bool = False
    """The medium limit is reached."""
    paid_refusal: Refusal | None = None
    """What a paid request is told once the hard limit is reached, or while the ledger cannot be written."""
    default_tier: Tier = Tier.CHEAP

    def option(self, tier: Tier) -> Option:
        return self.options.get(tier, Option(unavailable="it is not configured"))
