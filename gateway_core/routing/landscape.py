"""What the router may choose from at this moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace

from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, Lane, Refusal, Target, Tier

UPWARD = (Tier.LOCAL, Tier.CHEAP, Tier.PREMIUM)


def in_order(wished: Tier) -> tuple[Tier, ...]:
    """The wished tier, then the better ones, then the cheaper ones from the best down."""
    at = UPWARD.index(wished)
    return (wished, *UPWARD[at + 1 :], *reversed(UPWARD[:at]))


@frozen
class Capabilities:
    """What a model can do. None where nobody told: then it is tried."""

    context_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    structured: bool | None = None
    """Answers that are JSON, or follow a schema, because the server sees to it."""


@frozen
class ExpectedAnswer:
    """How long an answer is likely to be, thinking included, and what says so."""

    tokens: int = 400
    """Where nothing was measured: two or three paragraphs."""
    told_by: str = "a usual answer"


USUAL_ANSWER = ExpectedAnswer()


@frozen
class Pace:
    """How long a model takes, as it was measured here; None for what nobody measured."""

    prompt_tokens_per_s: float | None = None
    tokens_per_s: float | None = None
    load_s: float | None = 0.0
    """Until it is in memory: 0 where it is, None where nobody knows."""
    wait_s: float = 0.0
    """Until the requests before are done, where they are answered one after another."""
    kept_session: str | None = None
    """The session whose prompt it has read last, and keeps for the next one that begins like it."""
    kept_tokens: int = 0
    """Of it, as estimated."""
    kept_context: int = 0
    """The context in force. A request that wants a larger one has the model loaded anew: then nothing is kept."""
    usual_s: float | None = None
    """What half of its newest answers took: all that is known where the tokens' pace is not."""


@frozen
class InMemory:
    """Whether a model of a local server is at hand."""

    loaded: bool | None = None
    """None where nothing is to be loaded, or nobody knows."""
    pushes_out: str = ""
    """The model in use that had to leave for it; empty where none has to."""
    in_use: str = ""
    """How that one is in use, for people: ``used 40 s ago``."""


NOT_IN_MEMORY = InMemory()


@frozen
class Option:
    """One model that serves a tier now, or why it does not."""

    target: Target | None = None
    unavailable: str = ""
    can: Capabilities = Capabilities()
    stands_in: bool = False
    """The built-in model, in nobody's place: it answers by itself only where no other tier can."""
    compacts: bool = False
    """A prompt that is too long for it may be compacted."""
    lost: bool = False
    """A local server is to be there, and is not: ``unavailable`` says why, also where the built-in model stands in."""
    ratio: float = 1.0
    """Prompt tokens that the model counts for each that is estimated, as far as it told."""
    answer: ExpectedAnswer = USUAL_ANSWER
    """Only looked at where the tokens' pace is known."""
    background_answer: ExpectedAnswer = USUAL_ANSWER
    pace: Pace = Pace()
    memory: InMemory = NOT_IN_MEMORY


NOTHING = Option(unavailable="it is not configured")


@frozen
class Room:
    """What a provider's own limits leave: None and 0 where there is none."""

    tokens_per_minute: int = 0
    tokens: int | None = None
    """Tokens that may be sent now."""
    wait_s: int = 0
    """Seconds until the next request of any size."""
    spent: Refusal | None = None
    """Its daily limit is reached; this is what a request for it is told."""


@frozen
class Bands:
    """Difficulties below ``easy_below`` go to LOCAL, from ``hard_from`` on to PREMIUM; between them nobody knows."""

    easy_below: float = 0.35
    hard_from: float = 0.65

    def unclear(self, score: float) -> bool:
        return self.easy_below <= score < self.hard_from


@frozen
class Patience:
    """Seconds that an answer may take where another model can give one; 0 is for ever."""

    person_s: float = 0.0
    background_s: float = 0.0


def _unpriced(request: ChatRequest, target: Target) -> int:
    return 0


@frozen
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
    bands: Bands = Bands()
    patience: Patience = Patience()
    most_microusd: Callable[[ChatRequest, Target], int] = _unpriced
    """What would be set aside for a request; it reads a price list and nothing else."""

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
        return tuple([option for tier in tiers for option in self.options.get(tier, ()) if option.target])
