"""Frozen values every room speaks.

Money is integer micro-dollars (``cost_microusd``), times are Unix seconds unless the name says ``_ms`` or ``_s``.
Everything in a :class:`Snapshot` is what happened, never a guess of a view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeAlias

from gateway_core.asked import Asked, asked_in
from gateway_core.cache_entries import CacheEntry as CacheEntry
from gateway_core.cache_entries import CacheEntryDetail as CacheEntryDetail
from gateway_core.cache_entries import CacheHit as CacheHit
from gateway_core.cache_entries import CachePage as CachePage
from gateway_core.cache_entries import Saved as Saved
from gateway_core.cache_entries import Savings as Savings
from gateway_core.cache_stats import ErrorRate as ErrorRate
from gateway_core.cache_stats import JudgeStatus as JudgeStatus
from gateway_core.cache_stats import SemanticStats as SemanticStats
from gateway_core.compaction_values import Compacted as Compacted
from gateway_core.compaction_values import LeftOut as LeftOut
from gateway_core.costs import Cost as Cost
from gateway_core.costs import Counterfactuals as Counterfactuals
from gateway_core.costs import TierCost as TierCost
from gateway_core.costs import Usage as Usage
from gateway_core.decisions import Considered as Considered
from gateway_core.decisions import Decision as Decision
from gateway_core.decisions import DecisionRecord as DecisionRecord
from gateway_core.decisions import Difficulty as Difficulty
from gateway_core.decisions import Example as Example
from gateway_core.decisions import Feature as Feature
from gateway_core.decisions import Reason as Reason
from gateway_core.decisions import SessionLook as SessionLook
from gateway_core.decisions import Target as Target
from gateway_core.frozen import frozen
from gateway_core.kinds import ApiKind as ApiKind
from gateway_core.kinds import CacheMode as CacheMode
from gateway_core.kinds import CacheStatus as CacheStatus
from gateway_core.kinds import Counted as Counted
from gateway_core.kinds import Lane as Lane
from gateway_core.kinds import Status as Status
from gateway_core.kinds import Tier as Tier
from gateway_core.local_values import ABILITIES as ABILITIES
from gateway_core.local_values import Ability as Ability
from gateway_core.local_values import Fit as Fit
from gateway_core.local_values import FitVerdict as FitVerdict
from gateway_core.local_values import LayerState as LayerState
from gateway_core.local_values import LocalModel as LocalModel
from gateway_core.local_values import LocalServer as LocalServer
from gateway_core.local_values import Machine as Machine
from gateway_core.local_values import ModelSpeed as ModelSpeed
from gateway_core.local_values import PullLayer as PullLayer
from gateway_core.local_values import PullState as PullState
from gateway_core.local_values import PullStatus as PullStatus
from gateway_core.local_values import UpdateCheck as UpdateCheck
from gateway_core.spend_values import DailyLimits as DailyLimits
from gateway_core.spend_values import Expected as Expected
from gateway_core.spend_values import Forecast as Forecast
from gateway_core.spend_values import LaneSpend as LaneSpend
from gateway_core.spend_values import LimitReached as LimitReached
from gateway_core.spend_values import SpendBuckets as SpendBuckets
from gateway_core.spend_values import SpendReport as SpendReport
from gateway_core.spend_values import SpendRow as SpendRow
from gateway_core.traces import Received as Received
from gateway_core.traces import RequestParts as RequestParts
from gateway_core.traces import Step as Step
from gateway_core.traces import Timeline as Timeline
from gateway_core.traces import UpstreamRequest as UpstreamRequest

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object of the wire. Rooms behind the wire take typed values instead."""


# --- the request -----------------------------------------------------------------------------------------------


@frozen
class ClientView:
    """A request as its client meant it, without the client's envelope.

    ``messages`` are the wire's messages with the per-request noise removed (time prefixes, runtime lines, session ids,
    moving carriers): two requests that mean the same have equal ``messages``. They are for identity, routing and the
    screen; what goes upstream is always the body as sent.
    """

    client: str
    session: str | None
    lane: Lane
    user_text: str
    system_text: str
    messages: tuple[JsonObject, ...]
    in_tool_loop: bool
    purpose: str = "chat"
    """``chat``, ``heartbeat``, ``recap``, ``title`` or ``cron``."""
    surroundings: str = ""
    """What the removed noise told of where the client runs; part of the identity, for an answer may depend on it."""


@frozen
class RequestSize:
    """What a request needs of a model.

    ``input_tokens`` is the estimate that routing and the screen use; ``input_tokens_ceiling`` is a bound the true count
    does not exceed, which reservations use. ``max_output_tokens`` is None when the caller set no limit.
    """

    input_tokens: int
    input_tokens_ceiling: int
    max_output_tokens: int | None
    tools: int
    images: int
    wants_json: bool
    body_bytes: int
    compacted_tokens: int | None = None
    """The least that context compaction can make of ``input_tokens``; None where nobody needs to know."""


@frozen
class CodeContext:
    """Where a client works, as it says so: a folder of the gateway's machine, a commit, files; any may be missing."""

    cwd: str | None = None
    """An absolute path."""
    git_revision: str | None = None
    files: tuple[str, ...] = ()
    """What the question is about most; relative to ``cwd``, or absolute."""


@frozen
class ChatRequest:
    """One completion asked of the gateway.

    ``body`` is a chat completion request without the gateway's own extras: the caller's, or its translation where the
    caller speaks another protocol. ``native`` is the body as such a caller sent it, and ``native_headers`` the headers
    that belong to it (lower-case names): a provider that speaks ``api`` itself gets these instead.
    """

    id: str
    received_at: float
    caller: str
    """A short fingerprint of the key the caller used; answers are never shared between callers."""
    body: JsonObject
    model: str
    stream: bool
    view: ClientView
    size: RequestSize
    force_tier: Tier | None = None
    cache_mode: CacheMode = CacheMode.USE
    idempotency_key: str | None = None
    context: str | CodeContext | None = None
    """A word of the caller's, always part of the identity; or where its code is, which only questions about it need."""
    api: ApiKind = ApiKind.CHAT
    native: JsonObject | None = None
    native_headers: Mapping[str, str] = field(default_factory=dict)
    received: Received | None = None
    """How it came; None where nobody looks at that."""
    replay_of: str = ""
    """The id of the request that an operator had run again. What it brings teaches nothing."""
    asked: Asked = field(init=False, repr=False, compare=False)
    """What ``body`` asks for beyond words."""
    asked_natively: Asked | None = field(init=False, repr=False, compare=False)
    """The same of ``native``; None without one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", asked_in(self.body))
        object.__setattr__(self, "asked_natively", asked_in(self.native) if self.native else None)

    @property
    def wants_usage_chunk(self) -> bool:
        """Whether the caller asked for ``stream_options.include_usage``."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True


# --- the answer ------------------------------------------------------------------------------------------------


@frozen
class Refusal:
    """A request the gateway does not answer. ``code`` is stable; ``message`` says what to do next."""

    code: str
    message: str
    http_status: int
    retry_after_s: int | None = None
    param: str | None = None
    weighed: DecisionRecord | None = field(default=None, compare=False, repr=False)
    """What the router looked at, where nobody could take the request."""


class Refused(Exception):
    """Carries a :class:`Refusal` out of a stream that has already begun."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@frozen
class Outcome:
    """How one request ended, and how long it took."""

    status: Status
    latency_ms: float = 0.0
    error_code: str | None = None
    error_message: str | None = None


@frozen
class CommandResult:
    """What a command did, for a toast or an API answer. ``message`` says what changed or what to do next."""

    ok: bool
    message: str
    value: str = ""
    """What a program needs of it, for example the id of the request that was begun."""


# --- what the panes see ----------------------------------------------------------------------------------------


@frozen
class RequestRow:
    """One line of the requests pane."""

    id: str
    at: float
    status: Status
    client: str
    lane: Lane
    purpose: str
    session: str | None
    asked_model: str
    preview: str
    """The first characters of the user's own words; foreign text, to be cleaned before it is drawn."""
    input_tokens: int
    output_tokens: int
    tools: int
    stream: bool
    tier: Tier | None = None
    provider: str | None = None
    model: str | None = None
    cache: CacheStatus = CacheStatus.MISS
    route: str = ""
    cost_microusd: int = 0
    saved_microusd: int = 0
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    repaired: bool = False
    """A model's answer was none, and was put right or exchanged for another model's."""
    premium_microusd: int | None = None
    no_prompt_cache_microusd: int | None = None
    no_answer_cache_microusd: int | None = None
    saved_ms: float = 0.0
    """What a cache's answer took when it was made, less what serving it took."""
    replay_of: str = ""
    """The id of the request that an operator had run again."""
    input_counted: Counted = Counted.MEASURED
    output_counted: Counted = Counted.MEASURED
    thumb: str = ""
    """What the user said of its answer: ``up``, ``down``, or nothing."""

    @property
    def otherwise(self) -> Counterfactuals:
        return Counterfactuals(self.premium_microusd, self.no_prompt_cache_microusd, self.no_answer_cache_microusd)

    @property
    def answered(self) -> bool:
        """Whether it got its whole answer: only then has the tier or the cache served it."""
        return self.status is Status.OK

    @property
    def served_by(self) -> str:
        """``cache``, the tier that it went to, or an empty string while it went nowhere; ``x-llmgw-tier``'s value."""
        if self.cache.is_hit:
            return "cache"
        return str(self.tier) if self.tier else ""


@frozen
class Reuse:
    """Which cached answer a request got, and why it could."""

    question: str
    """What the answer was given to; empty where that was this very request."""
    answered_at: float
    age_s: float
    verdict: str
    """What allowed it, in a word: ``same request``, ``words``, ``learned``, ``replay`` (an idempotency key)."""
    cosine: float | None = None
    """How near the two questions are, 0–1; None where they are the same."""
    entry_id: str = ""
    scope_key: str = ""
    asked: str = ""
    """The question as the caches compare it."""
    exact_key: str = ""
    """The exact cache's key, where the answer came from there."""


@frozen
class RequestDetail:
    """Everything kept of one request. ``messages`` are as sent, ``answer`` is the assistant message as relayed.

    ``remarks`` are what was noticed on the way: a repaired answer, a prompt cache that broke, a prompt cut short.
    ``cost`` is what ``row.cost_microusd`` was for; empty for requests that were logged without it.
    """

    row: RequestRow
    decision: Decision | None
    usage: Usage
    error_message: str | None
    messages: tuple[JsonObject, ...]
    answer: JsonObject | None
    tools: tuple[str, ...]
    attempts: int
    remarks: tuple[Reason, ...] = ()
    cost: Cost = Cost()
    reuse: Reuse | None = None
    timeline: Timeline = Timeline()
    elsewhere: tuple[TierCost, ...] = ()
    """What the other tiers would have cost, for an answer that a model gave."""
    weighed: DecisionRecord | None = None
    """What the router looked at for a request that nobody could take."""
    compacted: Compacted | None = None
    """What was left out of ``messages`` for the model that answered; None where it got them whole."""


@frozen
class BudgetStatus:
    """Today's spend against the three limits. ``day`` is the UTC date; limits of 0 are off.

    ``background`` is the part of it that nobody waited for, against a limit of its own inside the hard one.
    """

    day: str
    spent_microusd: int
    reserved_microusd: int
    soft_microusd: int
    medium_microusd: int
    hard_microusd: int
    resets_at: float
    ledger_ok: bool = True
    background: LaneSpend = LaneSpend()

    @property
    def committed_microusd(self) -> int:
        return self.spent_microusd + self.reserved_microusd

    @property
    def level(self) -> str:
        """``ok``, ``soft``, ``medium`` or ``hard``: the highest limit reached by what is settled."""
        for name, limit in (
            ("hard", self.hard_microusd),
            ("medium", self.medium_microusd),
            ("soft", self.soft_microusd),
        ):
            if limit and self.spent_microusd >= limit:
                return name
        return "ok"


@frozen
class CacheStats:
    """Answer-cache counts since midnight UTC. ``saved_microusd`` is what the hits would have cost."""

    exact_hits: int = 0
    semantic_hits: int = 0
    misses: int = 0
    bypassed: int = 0
    entries: int = 0
    saved_microusd: int = 0
    prompt_cache_read_tokens: int = 0
    prompt_cache_write_tokens: int = 0
    semantic: SemanticStats = SemanticStats()
    today: Savings = Savings()
    ever: Savings = Savings()
    """Of all that the request log holds, today included."""
    prompt_cache_saved_microusd: int = 0
    """Of today; less than nothing while writing has cost more than reading has saved."""

    @property
    def hit_rate(self) -> float:
        """Hits among the requests that looked, 0–1."""
        looked = self.exact_hits + self.semantic_hits + self.misses
        return (self.exact_hits + self.semantic_hits) / looked if looked else 0.0


@frozen
class TierStats:
    """What one tier did since midnight UTC; ``name`` is a tier or ``cache``."""

    name: str
    requests: int = 0
    """Those that it has answered. One that failed there is nobody's."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    """Of all that went there, like the tokens: what failed may have cost something."""
    target: str = ""
    """``provider/model`` that serves the tier now; empty when none does."""
    choices: tuple[str, ...] = ()
    """Models the tier can be switched to, as ``switch`` takes them; empty when they are not known."""
    others: tuple[str, ...] = ()
    """``provider/model`` of those that serve the tier when ``target`` does not, in this order."""
    price_known: bool = True
    """False where what ``target`` costs is a guess."""


@frozen
class ProviderStatus:
    """One upstream. ``state`` is ``ok``, ``down``, ``no_key`` or ``unknown``; ``simulated`` marks the demo's."""

    name: str
    kind: str
    base_url: str
    state: str
    detail: str = ""
    simulated: bool = False


@frozen
class KillSwitch:
    """Whether everything is stopped, since when and by whom (``key``, ``api``, ``command``)."""

    on: bool = False
    since: float | None = None
    by: str = ""


@frozen
class Series:
    """Evenly spaced sums for a chart; ``start`` is the Unix time of the first bucket."""

    start: float
    step_s: int
    values: tuple[float, ...] = ()


@frozen
class Snapshot:
    """The whole gateway at one moment, newest requests first. Made by ``Gateway.snapshot()``, cheap to make."""

    at: float
    version: str
    started_at: float
    address: str
    state: str
    """``running``, ``killed`` or ``degraded`` (a tier has no provider, or the ledger cannot be written)."""
    state_detail: str
    simulated: bool
    """The demo: paid upstreams are simulated and the data folder is thrown away."""
    read_only: bool
    kill: KillSwitch
    forced_tier: Tier | None
    budget: BudgetStatus
    cache: CacheStats
    tiers: tuple[TierStats, ...]
    providers: tuple[ProviderStatus, ...]
    local: LocalServer
    in_flight: int
    requests_today: int
    requests_per_minute: float
    saved_today_microusd: int
    requests: tuple[RequestRow, ...] = ()
    spend_by_hour: Series = field(default_factory=lambda: Series(0.0, 3600))
    """Dollars per UTC hour of today."""
    cache_rate_by_minute: Series = field(default_factory=lambda: Series(0.0, 60))
    """Share of hits, 0–1, over the last hour."""
    forecast: Forecast = Forecast()
    """Where today's and this month's spend are heading."""
    configured_limits: DailyLimits | None = None
    """The daily limits of the configuration while the operator's own, in ``budget``, are in force instead."""
    notices: tuple[str, ...] = ()
    """What a person should know now, for example that the built-in model stands in for Ollama."""
