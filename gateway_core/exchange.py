"""One request under way: what is known of it so far, published as it changes, ended exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from gateway_core.asked import tool_names
from gateway_core.model import (
    CacheStatus,
    ChatRequest,
    Compacted,
    Cost,
    Counted,
    Counterfactuals,
    Decision,
    DecisionRecord,
    JsonObject,
    Outcome,
    Reason,
    Refusal,
    RequestDetail,
    RequestRow,
    Reuse,
    Status,
    Target,
    Tier,
    TierCost,
    Timeline,
    Usage,
)
from gateway_core.providers.prompt_check import PROMPT_CUT
from gateway_core.recording import Recording
from gateway_core.routing.place import Place
from gateway_core.routing.session import Standing, Vector
from gateway_core.stopwatch import Running, Stopwatch
from gateway_core.wire import errors
from gateway_core.wire.json_values import as_objects

PREVIEW_CHARACTERS = 160
CLIENT_LEFT = "client_closed_request"


@dataclass(slots=True)
class Exchange:
    """The mutable record of one request. Only the pipeline and the rooms it calls write to it."""

    request: ChatRequest
    began: float
    """``time.monotonic()`` of the arrival."""
    cache: CacheStatus = CacheStatus.MISS
    reuse: Reuse | None = None
    """The cached answer it gets; None while it gets none."""
    made_in_ms: float = 0.0
    """What that answer took when it was made; 0 where nobody knows."""
    decision: Decision | None = None
    target: Target | None = None
    compacted: Compacted | None = None
    """What is left out of the request for ``target``; None where it goes whole."""
    sent: ChatRequest = field(init=False)
    """The request as it goes to ``target``."""
    usage: Usage = Usage()
    cost: Cost = Cost()
    """Of all tries so far."""
    cost_microusd: int = 0
    """All of that cost."""
    paid_on: str | None = None
    """The UTC day that pays for it; None while nothing was charged."""
    otherwise: Counterfactuals = Counterfactuals()
    elsewhere: tuple[TierCost, ...] = ()
    """What the other tiers would have cost."""
    weighed: DecisionRecord | None = None
    """What the router looked at, where nobody could take the request."""
    first_token_ms: float | None = None
    finish_reason: str | None = None
    attempts: int = 0
    answer: JsonObject | None = None
    outcome: Outcome | None = None
    later: list[Callable[[], None]] = field(default_factory=list)
    """What is left to be worked out of it: done once it has ended, before anybody is told. No answer waits for it."""
    place: Place | None = None
    """Where in its conversation it stands; None where nobody looks at that."""
    standing: Standing | None = None
    """What was known of its conversation when it came."""
    vector: Vector | None = None
    """The meaning of the user's words, where it had to be known."""
    asked_by: str = ""
    """What the very same request is known by; empty where it is not compared."""
    remarks: list[Reason] = field(default_factory=list)
    repaired: bool = False
    """A model's answer was none, and was put right or exchanged for another model's."""
    rejected: Tier | None = None
    """The tier whose answer was none, of the first such."""
    flawed: bool = False
    """The answer is the best there was, and no good one."""
    resources: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What must be closed when the request ends: the upstream's stream above all."""
    preview: str = field(init=False)
    """How the user's own words begin."""
    watch: Stopwatch = field(init=False)
    recording: Recording = field(init=False)
    _stream: Running | None = None

    def __post_init__(self) -> None:
        self.sent = self.request
        received = self.request.received
        self.watch = Stopwatch(self.began, received.read_ms if received else 0.0)
        self.recording = Recording(self.request)
        self.preview = self.request.view.user_text[:PREVIEW_CHARACTERS]

    @property
    def keeps_its_answer(self) -> bool:
        """Whether the answer stays with this request, and out of the caches: no good one, or to half of the prompt."""
        return self.flawed or self.compacted is not None or any(remark.step == PROMPT_CUT for remark in self.remarks)

    @property
    def route(self) -> str:
        """The decision's short reason, and where the request went in the end if that was not where it was sent."""
        if self.decision is None:
            return ""
        first, last = self.decision.target, self.target or self.decision.target
        compacted = "+compacted" if self.compacted else ""
        if (last.provider, last.model) == (first.provider, first.model):
            return f"{self.decision.route}{compacted}"
        return f"{self.decision.route}>{last.tier if last.tier is not first.tier else last.provider}{compacted}"

    def charge(self, cost: Cost, day: str) -> None:
        """A call is charged, to the UTC day of its reservation."""
        self.cost += cost
        self.cost_microusd = self.cost.total_microusd
        self.paid_on = self.paid_on or day

    def mark_first_token(self) -> None:
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
            if self.request.stream:
                self.watch.mark("first token")
                self._stream = self.watch.begin("stream")

    def streamed(self) -> None:
        """The last piece has come."""
        if self._stream is not None:
            self._stream.end()

    def work_out(self) -> None:
        """Does what was left for later."""
        for work in self.later:
            work()
        self.later.clear()

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.began) * 1000

    def end(self, status: Status, *, code: str | None = None, message: str | None = None) -> None:
        """Fixes the outcome; a second call changes nothing."""
        if self.outcome is None:
            if status is Status.OK:
                self.streamed()
            self.outcome = Outcome(status, self.elapsed_ms(), code, message)

    def refuse(self, refusal: Refusal) -> None:
        """Ends it with what was refused, or with what failed: an upstream's trouble, or our own."""
        ours = refusal.http_status < 500 or refusal.code in (errors.kill_switch().code, errors.gateway_stopped().code)
        self.end(Status.REFUSED if ours else Status.FAILED, code=refusal.code, message=refusal.message)

    def break_off(self, refusal: Refusal) -> None:
        """Ends it in the middle: an operator stopped it, alone or with all others, or the gateway ends."""
        killed = refusal.code != errors.gateway_stopped().code
        self.end(Status.KILLED if killed else Status.FAILED, code=refusal.code, message=refusal.message)

    def row(self) -> RequestRow:
        """The line of the requests pane as things stand."""
        request, view, target, usage, outcome = self.request, self.request.view, self.target, self.usage, self.outcome
        latency_ms = outcome.latency_ms if outcome else 0.0
        prompt_tokens, cost_microusd = usage.prompt_tokens, self.cost_microusd
        return RequestRow(
            id=request.id,
            at=request.received_at,
            status=outcome.status if outcome else Status.RUNNING,
            client=view.client,
            lane=view.lane,
            purpose=view.purpose,
            session=view.session,
            asked_model=request.model,
            preview=self.preview,
            input_tokens=prompt_tokens or request.size.input_tokens,
            input_counted=usage.input_counted if prompt_tokens else Counted.ESTIMATED,
            output_tokens=usage.output_tokens,
            output_counted=usage.output_counted,
            tools=request.size.tools,
            stream=request.stream,
            tier=target.tier if target else None,
            provider=target.provider if target else None,
            model=target.model if target else None,
            cache=self.cache,
            route=self.route,
            cost_microusd=cost_microusd,
            saved_microusd=sum(self.otherwise.saved(cost_microusd)),
            first_token_ms=self.first_token_ms,
            finish_reason=self.finish_reason,
            repaired=self.repaired,
            premium_microusd=self.otherwise.premium_microusd,
            no_prompt_cache_microusd=self.otherwise.no_prompt_cache_microusd,
            no_answer_cache_microusd=self.otherwise.no_answer_cache_microusd,
            replay_of=request.replay_of,
            latency_ms=latency_ms,
            error_code=outcome.error_code if outcome else None,
            saved_ms=max(0.0, self.made_in_ms - latency_ms) if outcome and self.cache.is_hit else 0.0,
        )

    def detail(self, row: RequestRow | None = None) -> RequestDetail:
        """Everything known, for the request log; with the row as it was made before, where there is one."""
        return RequestDetail(
            row=row or self.row(),
            decision=self.decision,
            usage=self.usage,
            error_message=self.outcome.error_message if self.outcome else None,
            messages=tuple(as_objects(self.request.body.get("messages"))),
            answer=self.answer,
            tools=tool_names(self.request.body),
            attempts=self.attempts,
            remarks=tuple(self.remarks),
            cost=self.cost,
            reuse=self.reuse,
            elsewhere=self.elsewhere,
            weighed=self.weighed,
            timeline=Timeline(self.watch.steps(ended=self.outcome is not None)),
            compacted=self.compacted,
        )
