"""What a screen sees of a request that is run again: what it would cost at most, and how far it has come."""

from __future__ import annotations

from gateway_core.frozen import frozen


@frozen
class ReplayOffer:
    """Where a request would go on ``tier``, and what is set aside for it; ``problem`` says why it cannot go there."""

    tier: str
    target: str = ""
    most_microusd: int = 0
    problem: str = ""


@frozen
class ReplayOffers:
    """One offer for each tier. ``problem`` says why the request cannot be run again at all."""

    offers: tuple[ReplayOffer, ...] = ()
    problem: str = ""


@frozen
class ReplayProgress:
    """``text`` is the answer so far, foreign; ``problem`` why there is none. ``done`` says that nothing more comes."""

    request_id: str
    replay_of: str
    text: str = ""
    done: bool = False
    problem: str = ""
