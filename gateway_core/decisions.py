"""Where a request goes, and everything that decided it, so that a person can see why and what would have changed it.

Names of models, prompts and their words are foreign text. Money is micro-dollars.
"""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.kinds import Tier


@frozen
class Target:
    """One model at one provider, serving one tier. ``free`` targets never touch the budget."""

    tier: Tier
    provider: str
    model: str
    free: bool

    def is_same_model(self, other: Target) -> bool:
        """Whether both are one model at one provider, whatever tier it serves."""
        return (self.provider, self.model) == (other.provider, other.model)


@frozen
class Reason:
    """One step of a decision, for people: ``step`` is the rule's name, ``text`` what it saw and did."""

    step: str
    text: str


@frozen
class Feature:
    """One thing that was seen in a prompt, and how many points of difficulty it adds or takes away."""

    name: str
    points: float
    value: str = ""
    """What was measured, where the name does not say it: ``412 characters``."""


@frozen
class Example:
    """A request that the user has judged, near to this one."""

    request_id: str
    text: str
    """How its words begin; empty in the request log, so that a label's words go with the label."""
    wanted: Tier
    """The cheapest tier that was good enough for it."""
    cosine: float


@frozen
class Difficulty:
    """``score`` is 0 (a greeting) to 1 (design, proof, many constraints); ``features`` add up to it, heaviest first.

    ``labels`` are the user's own judgements that it has learned from, ``embedded`` says whether it knows the prompt's
    meaning or only its structure.
    """

    score: float
    features: tuple[Feature, ...] = ()
    examples: tuple[Example, ...] = ()
    labels: int = 0
    embedded: bool = False


@frozen
class Considered:
    """One model that could have been asked. ``obstacle`` is why it could not; empty where it could."""

    tier: Tier
    provider: str
    model: str
    obstacle: str = ""
    free: bool = False
    tokens_needed: int = 0
    """Its prompt as this model counts it, and room for an answer."""
    context_tokens: int | None = None
    seconds: float | None = None
    """Until the whole answer, as it was measured on this machine; None where nothing was."""
    loaded: bool | None = None
    """None for models that need no loading."""
    most_microusd: int = 0
    """What would be set aside for it."""
    passed_over: str = ""
    """Why it comes after the others although it could answer: it is slow, or would push out a model in use."""
    ratio: float = 1.0
    """Tokens that it counts for each that was estimated, as its answers told; ``tokens_needed`` is corrected by it."""
    answer_tokens: int = 0
    """Of the answer that ``seconds`` expects."""
    answer_told_by: str = ""
    """What ``answer_tokens`` come from, for people."""


@frozen
class SessionLook:
    """What was known of the session when its next request was decided."""

    target: Target
    """Who answered last."""
    cached_tokens: int = 0
    """Of its prompt, in the provider's prompt cache as that reported it."""
    warm_s: float = 0.0
    """Until that cache is gone."""
    saves_microusd: int = 0
    """What the other model would have saved on this request."""
    loses_microusd: int = 0
    """What building the cache again would cost, weighed by the time it is still there."""
    asked_again: float | None = None
    """How near the words are to those of the turn before, 0–1; None where nobody knows."""
    repeats: int = 0
    """How often this very request was answered before, one time after the other."""
    escalated: bool = False
    """It was raised a tier for what is known of the session."""
    again_of: str = ""
    """The id of the request whose answer it asks for again; empty where it asks for something new."""
    looping: str = ""
    """The tool that the model calls over and over; empty where it does not."""
    in_loop_since: float | None = None
    """Unix seconds of the tool loop's first answer; None outside of one, or where nobody knows."""


@frozen
class DecisionRecord:
    """The inputs of each step, as they were. Empty for decisions of before they were kept."""

    difficulty: Difficulty | None = None
    considered: tuple[Considered, ...] = ()
    session: SessionLook | None = None
    otherwise: tuple[str, ...] = ()
    """What would have sent it to another tier, a sentence each."""
    turn: tuple[str, ...] = ()
    """What the turn of the conversation is known by, as hashes: a tool loop goes on with it after a restart."""

    def of_turn(self, turn: tuple[str, ...], session: SessionLook | None) -> DecisionRecord:
        """The same with what its conversation is known by, and with what was known of that."""
        return DecisionRecord(self.difficulty, self.considered, session, self.otherwise, turn)


@frozen
class Decision:
    """Where a request goes, what is tried next if that fails, and why."""

    target: Target
    fallbacks: tuple[Target, ...]
    route: str
    """The short reason of ``x-llmgw-route``, for example ``simple`` or ``forced:operator``."""
    difficulty: float
    reasons: tuple[Reason, ...]
    explicit: bool = False
    """The caller or the operator named the tier or model: it is not exchanged for a free one when money is short."""
    record: DecisionRecord = DecisionRecord()

    def with_record(self, record: DecisionRecord) -> Decision:
        """The same with other inputs."""
        return Decision(
            self.target, self.fallbacks, self.route, self.difficulty, self.reasons, self.explicit, record=record
        )
