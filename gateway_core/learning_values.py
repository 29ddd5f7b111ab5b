"""What there is to see of the router's learning: values that name no room of the gateway.

Prompts are foreign text. ``wanted`` and ``difficulty`` are 0 to 1: 0 local, 0.5 cheap, 1 premium.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from gateway_core.frozen import frozen
from gateway_core.kinds import Tier


class Source(StrEnum):
    """How a label came about."""

    OVERRIDE = "override"
    """The caller asked the same again, and named the tier."""
    THUMB = "thumb"
    CHOICE = "choice"
    """Two answers were compared."""
    RETRY = "retry"
    """The session asked the same again."""
    ESCALATION = "escalation"
    """It was run again a tier up, by hand or because the answer was none."""
    SAMPLE = "sample"
    """A thumb on one of the requests that were picked by chance."""
    IMPORT = "import"


Verdict = Literal["up", "down", "clear"]
Better = Literal["first", "second", "same"]
VALUES = {Tier.LOCAL: 0.0, Tier.CHEAP: 0.5, Tier.PREMIUM: 1.0}
FEWEST_HELD_OUT = 10
"""Held-out labels below which nothing can be told from them."""


def tier_wanted(wanted: float) -> Tier:
    """The cheapest tier that is known to be good enough."""
    return Tier.LOCAL if wanted < 0.25 else Tier.CHEAP if wanted < 0.75 else Tier.PREMIUM


@frozen
class Figures:
    """How near a difficulty comes to what was wanted, on labels that nothing was learned from."""

    labels: int = 0
    error: float = 0.0
    """Mean absolute error, 0-1."""
    right: int = 0
    """How often the tier would have been right."""
    low: float = 0.0
    high: float = 1.0
    """The limits that enclose the true share of right tiers with a confidence of 95 %."""


@frozen
class Trial:
    """What a new head was held against."""

    new: Figures = Figures()
    before: Figures = Figures()
    """What was in force until then."""
    rules: Figures = Figures()

    @property
    def tells_little(self) -> bool:
        return self.new.labels < FEWEST_HELD_OUT


@frozen
class HeadVersion:
    """One fit. ``taken`` is whether it was taken up; ``verdict`` says why, for people."""

    number: int
    at: float
    labels: int
    """That it was fitted from: none of the held-out ones."""
    trial: Trial
    taken: bool
    verdict: str
    in_force: bool = False


@frozen
class ShownLabel:
    """A label in force."""

    request_id: str
    at: float
    source: str
    text: str
    tier: str
    """That answered; empty where that is not known."""
    wanted: float
    weight: float
    held_out: bool = False
    verdict: str = ""
    """``up`` or ``down`` of a thumb, the tier of a choice."""
    difficulty: float | None = None
    """As it was predicted when the request was decided."""

    @property
    def wanted_tier(self) -> Tier:
        return tier_wanted(self.wanted)


@frozen
class WaitingSample:
    """A request picked by chance, of which the user has not said yet how it was."""

    request_id: str
    at: float
    text: str
    tier: str


@frozen
class SampleQuality:
    """Thumbs on requests that were picked by chance: not only complaints."""

    up: int = 0
    judged: int = 0
    low: float = 0.0
    high: float = 1.0


@frozen
class LearningStatus:
    """All that there is to see of the learning, at one moment."""

    at: float = 0.0
    on: bool = True
    labels: int = 0
    """In force, held-out ones too."""
    held_out: int = 0
    sources: tuple[tuple[str, int], ...] = ()
    newest: tuple[ShownLabel, ...] = ()
    versions: tuple[HeadVersion, ...] = ()
    """Newest first."""
    in_force: int = 0
    """The version's number; 0 are the rules alone."""
    until_refit: int = 0
    """New labels that are missing for the next fit."""
    fitting: bool = False
    samples: tuple[WaitingSample, ...] = ()
    quality: SampleQuality = SampleQuality()
    problem: str = ""
    """Why it could not be looked at; empty otherwise."""
