"""What the routing screen shows: values that name no room of the gateway.

Names of models and errors are foreign text. Money is micro-dollars unless the name says USD.
"""

from __future__ import annotations

from gateway_core.frozen import frozen


@frozen
class OwnLimit:
    """A limit set for one provider, and how much of it is used now."""

    name: str
    """``requests a minute``, ``tokens a minute`` or ``USD a day``."""
    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 0.0


@frozen
class LineupPlace:
    """One model of a tier's line-up, the first choice first, with how it does."""

    tier: str
    provider: str = ""
    model: str = ""
    free: bool = False
    unavailable: str = ""
    """Why it cannot be used at all; empty otherwise."""
    obstacle: str = ""
    """Why a plain request would not be sent to it now: money, a limit of its own, or its circuit."""
    chosen: bool = False
    """A plain request for this tier goes here now."""
    input_usd: float | None = None
    """US dollars for a million tokens; None where nobody pays."""
    output_usd: float | None = None
    price_known: bool = True
    context_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    structured: bool | None = None
    ratio: float = 1.0
    """Prompt tokens that it counts for each that is estimated, as its answers told."""
    loaded: bool | None = None
    """None where nothing is to be loaded, or nobody knows."""
    load_s: float | None = None
    """What loading it takes, where it is not loaded and that is known."""
    pushes_out: str = ""
    """What loading it would do to a model in use; empty where nothing."""
    seconds_plain: float | None = None
    """Until the answer to a short question; None where its pace was not measured."""
    seconds_openclaw: float | None = None
    """Until the answer to a first turn of OpenClaw's; None also where that does not fit."""
    circuit: str = "closed"
    """``closed``, ``half_open`` or ``open``."""
    wait_s: float = 0.0
    """Until the next try, where the circuit is open or the upstream asked for quiet."""
    paused: bool = False
    """The upstream asked for quiet with Retry-After."""
    last_error: str = ""
    last_error_at: float | None = None
    tries_last_hour: int = 0
    """Calls, each try of its own; of the newest 500."""
    errors_last_hour: int = 0
    requests_today: int = 0
    """Those that it has answered."""
    samples: int = 0
    """Answers that the times are of, the newest 200."""
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    first_token_p50_ms: float | None = None
    limits: tuple[OwnLimit, ...] = ()

    @property
    def error_share(self) -> float | None:
        """Errors among the tries of the last hour, 0–1; None without a try."""
        return self.errors_last_hour / self.tries_last_hour if self.tries_last_hour else None


@frozen
class RouteTrial:
    """Where a prompt would go now, and why. Nothing was called."""

    prompt: str
    tier: str = ""
    provider: str = ""
    model: str = ""
    route: str = ""
    difficulty: float = 0.0
    reasons: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    """``provider/model`` of what is tried next, in this order."""
    worst_microusd: int = 0
    """What is reserved for it: it cannot cost more."""
    problem: str = ""
    """Why it would not be answered; empty where it would."""


@frozen
class RouteCount:
    """Requests that went one way. ``name`` is a route's word, a lane, or ``cache``."""

    name: str
    requests: int
    share: float
    cost_microusd: int


@frozen
class JudgeStanding:
    """Who judges prompts whose difficulty the rules leave open."""

    provider: str = "builtin"
    model: str = ""
    resting_s: float = 0.0
    """It failed, and is not asked for so long."""
    remembered: int = 0
    """Judgements kept, so that the same prompt is not judged twice."""
    problem: str = ""


@frozen
class PinnedSession:
    """A session whose tool loop stays on one model. ``session`` is foreign text."""

    session: str
    target: str
    requests: int
    at: float


@frozen
class RouteDecision:
    """A request, and how it was decided where it goes. ``reasons`` are empty for requests of before the last start."""

    id: str
    at: float
    preview: str
    client: str
    lane: str
    route: str
    served_by: str
    target: str
    status: str
    difficulty: float | None = None
    reasons: tuple[str, ...] = ()
    cost_microusd: int = 0
    repaired: bool = False
    thumb: str = ""
    """What the user said of the answer: ``up``, ``down``, or nothing."""


@frozen
class RoutingStatus:
    """All that the routing screen shows, at one moment."""

    at: float = 0.0
    forced_tier: str = ""
    default_tier: str = ""
    lineup: tuple[LineupPlace, ...] = ()
    trials: tuple[tuple[str, RouteTrial], ...] = ()
    """Where an easy, an unclear and a hard prompt would go now, by these words."""
    counted: int = 0
    """The newest requests that the counts are of."""
    routes: tuple[RouteCount, ...] = ()
    lanes: tuple[RouteCount, ...] = ()
    moved: int = 0
    """Requests whose tier could not take them, so that another was chosen."""
    fallbacks: int = 0
    """Requests that another target answered than was chosen, which failed; since the last start."""
    repairs: int = 0
    judge: JudgeStanding = JudgeStanding()
    pinned: tuple[PinnedSession, ...] = ()
    decisions: tuple[RouteDecision, ...] = ()
    """Newest first."""
    problem: str = ""
    """Why it could not be looked at; empty otherwise."""
