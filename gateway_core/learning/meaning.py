"""What each thing that a user does says about the request: one table, with the reasons.

``wanted`` is the cheapest tier that was good enough, as far as it was shown; what was not tried is not known. A weight
of 0 is a mark and no lesson. The weights are chosen: a word said on purpose counts whole, a guess at what somebody
meant a fraction of it.
"""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.kinds import Tier
from gateway_core.learning_values import VALUES, Source


@frozen
class Meaning:
    """``verdict`` is what was done, on an answer of a tier."""

    wanted: float
    weight: float
    why: str


LOCAL, CHEAP, PREMIUM = VALUES[Tier.LOCAL], VALUES[Tier.CHEAP], VALUES[Tier.PREMIUM]
LOCAL_OR_CHEAP = (LOCAL + CHEAP) / 2

GOOD: dict[Tier, Meaning] = {
    Tier.LOCAL: Meaning(LOCAL, 1.0, "it was enough, and nothing is cheaper"),
    Tier.CHEAP: Meaning(LOCAL_OR_CHEAP, 0.5, "it was enough; whether local would have been was not tried"),
    Tier.PREMIUM: Meaning(CHEAP, 0.0, "whether less would have been enough was not tried: a mark, no lesson"),
}
BAD: dict[Tier, Meaning] = {
    Tier.LOCAL: Meaning(CHEAP, 1.0, "it was not enough; nothing says that cheap would not be"),
    Tier.CHEAP: Meaning(PREMIUM, 1.0, "it was not enough"),
    Tier.PREMIUM: Meaning(PREMIUM, 0.25, "nothing is above it; if anything, the request is hard"),
}
"""A thumb, by the tier that answered."""
CHOSEN: dict[Tier, Meaning] = {
    tier: Meaning(value, 1.0, "both answers were read: this tier is what the request needed")
    for tier, value in VALUES.items()
}
"""Two answers compared, by the tier chosen: the cheaper one where it is as good."""
OVERRIDDEN: dict[Tier, Meaning] = {
    tier: Meaning(value, 0.8, "the same words were sent again to this tier: nobody judged its answer yet")
    for tier, value in VALUES.items()
}
"""The caller's own word for a tier, by that tier."""
RUN_AGAIN: dict[Tier, Meaning] = {
    tier: Meaning(value, 0.25, "somebody looked for a better answer a tier up, and did not say what came of it")
    for tier, value in VALUES.items()
    if tier is not Tier.LOCAL
}
"""Run again by hand on a dearer tier, by that tier. A cheaper one is curiosity, and says nothing."""
UNUSABLE: dict[Tier, Meaning] = {
    Tier.LOCAL: Meaning(CHEAP, 0.5, "its answer was none (a broken tool call, empty, a loop) and was exchanged"),
    Tier.CHEAP: Meaning(PREMIUM, 0.5, "its answer was none and was exchanged"),
}
"""Escalated by the gateway itself, by the tier whose answer was none."""
ASKED_AGAIN: dict[Tier, Meaning] = {
    Tier.LOCAL: Meaning(CHEAP, 0.3, "the same was asked again within minutes: the answer was hardly enough"),
    Tier.CHEAP: Meaning(PREMIUM, 0.3, "the same was asked again within minutes"),
    Tier.PREMIUM: Meaning(PREMIUM, 0.1, "the same was asked again, and nothing is above"),
}
"""A quick retry, by the tier that answered first."""
IMPORTED = Meaning(CHEAP, 1.0, "said by whoever made the file")

RANKS = {
    Source.IMPORT: 3,
    Source.THUMB: 3,
    Source.SAMPLE: 3,
    Source.CHOICE: 3,
    Source.OVERRIDE: 2,
    Source.ESCALATION: 1,
    Source.RETRY: 0,
}
"""Of several labels on one request the highest counts, of equals the latest: a word goes before a guess."""
AGAIN_S = 300.0
"""How soon the same must be asked again to say something of the answer before."""
NEAR = 0.8
"""Cosine to the turn before from which a session asks the same in other words (measured for the re-ask rule)."""
SHORTEST_AGAIN = 20
"""Characters of words that, said twice, mean a second try: "go on" and "run the tests" are said again and again."""
