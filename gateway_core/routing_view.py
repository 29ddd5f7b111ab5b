"""What there is to see of the router: who serves each tier and how they do, where requests went, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from gateway_core.activity import Activity
from gateway_core.clock import Clock
from gateway_core.explain import plain_request, told
from gateway_core.journal import Journal
from gateway_core.judge import Judge
from gateway_core.model import ChatRequest, Decision, Difficulty, Lane, Refusal, RequestRow, RequestSize, Target, Tier
from gateway_core.providers.health import Health, TargetHealth
from gateway_core.providers.pricing import Pricing
from gateway_core.routing.feasibility import displaces, fits, obstacle, seconds
from gateway_core.routing.landscape import Landscape, Option
from gateway_core.routing.router import Known, is_unclear
from gateway_core.routing_values import (
    LineupPlace,
    PinnedSession,
    RouteCount,
    RouteDecision,
    RouteTrial,
    RoutingStatus,
)
from gateway_core.target_times import TargetTimes
from gateway_core.tiers import Tiers

COUNTED_ROWS = 500
SHOWN_DECISIONS = 100
SHOWN_SESSIONS = 20
LONGEST_PROMPT = 20_000
"""Reading it blocks the loop: 8 ms at most, as for a request (measured)."""
SAMPLES = (
    ("easy", "Hello!"),
    ("unclear", "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."),
    ("hard", "Design a distributed algorithm, prove step by step that it has no deadlock, and compare trade-offs."),
)
"""Prompts whose difficulty the rules know, as far as their names say."""
OPENCLAW_TURN = RequestSize(14_100, 65_000, None, tools=14, images=0, wants_json=False, body_bytes=65_000)
"""OpenClaw's first turn (observed with 2026.9.6)."""

Decide = Callable[[ChatRequest], Decision | Refusal]
Read = Callable[[ChatRequest], Awaitable[Difficulty]]


class RoutingView:
    """Reads memory only. ``decide`` says where a request would go by what is known of it, and calls nothing; ``read``
    has the encoder read it first."""

    def __init__(
        self,
        decide: Decide,
        read: Read,
        tiers: Tiers,
        health: Health,
        judge: Judge,
        pricing: Pricing,
        activity: Activity,
        journal: Journal,
        times: TargetTimes,
        max_output_tokens: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._decide = decide
        self._read = read
        self._tiers = tiers
        self._health = health
        self._judge = judge
        self._pricing = pricing
        self._activity = activity
        self._journal = journal
        self._times = times
        self._max_output_tokens = max_output_tokens
        self._clock = clock

    def status(self) -> RoutingStatus:
        """The whole router now."""
        self._journal.tell()
        landscape, rows = self._tiers.landscape(), self._activity.rows(COUNTED_ROWS)
        known = dict(self._journal.decisions)
        routed = [row for row in rows if row.route or row.cache.is_hit]
        return RoutingStatus(
            at=self._clock.now(),
            forced_tier=landscape.forced.value if landscape.forced else "",
            default_tier=landscape.default_tier.value,
            lineup=tuple(place for tier in Tier for place in self._lineup(tier, landscape)),
            trials=tuple((name, self.trial(prompt)) for name, prompt in SAMPLES),
            counted=len(routed),
            routes=_counts(routed, _route_word),
            lanes=_counts(routed, lambda row: row.lane.value),
            moved=sum(">" in (known[row.id].route if row.id in known else row.route) for row in routed),
            fallbacks=sum(_fell_back(row, known.get(row.id)) for row in routed),
            repairs=sum(row.repaired for row in routed),
            judge=self._judge.standing(),
            pinned=_pinned(rows),
            decisions=tuple(_decision(row, known.get(row.id)) for row in routed[:SHOWN_DECISIONS]),
        )

    async def try_out(self, prompt: str) -> RouteTrial:
        """The same as :meth:`trial`, with what the prompt means, as for a request."""
        await self._read(plain_request(prompt[:LONGEST_PROMPT]))
        return self.trial(prompt)

    def trial(self, prompt: str) -> RouteTrial:
        """Where ``prompt``, sent alone to ``gateway-auto``, would go now, past those that are left alone."""
        prompt = prompt[:LONGEST_PROMPT]
        request = plain_request(prompt, received_at=self._clock.now())
        decision = self._decide(request)
        if isinstance(decision, Refusal):
            return RouteTrial(prompt, route=decision.code, problem=decision.message)
        reasons = list(told(decision))
        known = Known(difficulty=decision.record.difficulty)
        if self._judge.standing().provider != "builtin" and is_unclear(request, self._tiers.landscape(), known):
            reasons.append(f"judge: {self._judge.standing().provider} would be asked how hard it is, and may change it")
        targets = (decision.target, *decision.fallbacks)
        able: list[Target] = []
        for target in targets:
            if why := self._health.of(target.provider, target.model).why:
                reasons.append(f"health: {_name(target)} is left alone: {why}")
            else:
                able.append(target)
        if not able:
            return RouteTrial(
                prompt,
                route=decision.route,
                difficulty=decision.difficulty,
                reasons=tuple(reasons),
                problem="Nobody who could take it is called now.",
            )
        first, *rest = able
        limit = request.size.max_output_tokens or self._max_output_tokens()
        return RouteTrial(
            prompt=prompt,
            tier=first.tier.value,
            provider=first.provider,
            model=first.model,
            route=decision.route if first == decision.target else f"{decision.route}>{first.tier}",
            difficulty=decision.difficulty,
            reasons=tuple(reasons),
            then=tuple(_name(target) for target in rest),
            worst_microusd=0 if first.free else self._pricing.reservation_microusd(first, request, limit),
        )

    def _lineup(self, tier: Tier, landscape: Landscape) -> Iterable[LineupPlace]:
        request, chosen = plain_request(SAMPLES[0][1]), False
        for option in landscape.all(tier):
            target = option.target
            if target is None:
                yield LineupPlace(tier.value, unavailable=option.unavailable or "it is not configured")
                continue
            health = self._health.of(target.provider, target.model)
            hindrance = obstacle(request.size, option, landscape) or health.why
            yield self._place(target, option, health, hindrance, not hindrance and not chosen)
            chosen = chosen or not hindrance

    def _place(self, target: Target, option: Option, health: TargetHealth, hindrance: str, chosen: bool) -> LineupPlace:
        times = self._times.of(target.provider, target.model)
        rates = None if target.free else self._pricing.rates(target.provider, target.model)
        return LineupPlace(
            tier=target.tier.value,
            provider=target.provider,
            model=target.model,
            free=target.free,
            obstacle=hindrance,
            chosen=chosen,
            input_usd=float(rates.input) if rates else None,
            output_usd=float(rates.output) if rates else None,
            price_known=target.free or self._pricing.is_known(target.provider, target.model),
            context_tokens=option.can.context_tokens,
            tools=option.can.tools,
            vision=option.can.vision,
            structured=option.can.structured,
            ratio=option.ratio,
            loaded=option.memory.loaded,
            load_s=option.pace.load_s or None,
            pushes_out=displaces(option),
            seconds_plain=seconds(plain_request(SAMPLES[0][1]).size, option, Lane.INTERACTIVE),
            seconds_openclaw=seconds(OPENCLAW_TURN, option, Lane.INTERACTIVE) if fits(OPENCLAW_TURN, option) else None,
            circuit=health.circuit.value,
            wait_s=health.wait_s,
            paused=health.paused,
            last_error=health.last_error,
            last_error_at=health.last_error_at,
            tries_last_hour=health.tries_last_hour,
            errors_last_hour=health.errors_last_hour,
            requests_today=self._times.requests_today(target.provider, target.model, self._clock.now()),
            samples=times.samples,
            latency_p50_ms=times.latency_p50_ms,
            latency_p95_ms=times.latency_p95_ms,
            first_token_p50_ms=times.first_token_p50_ms,
            limits=self._tiers.limits_of(target.provider),
        )


def _decision(row: RequestRow, decision: Decision | None) -> RouteDecision:
    return RouteDecision(
        id=row.id,
        at=row.at,
        preview=row.preview,
        client=row.client,
        lane=row.lane.value,
        route=row.route or row.cache.value,
        served_by=row.served_by,
        target=f"{row.provider}/{row.model}" if row.provider else row.model or "",
        status=row.status.value,
        difficulty=decision.difficulty if decision else None,
        reasons=tuple(f"{reason.step}: {reason.text}" for reason in decision.reasons) if decision else (),
        cost_microusd=row.cost_microusd,
        repaired=row.repaired,
        thumb=row.thumb,
    )


def _counts(rows: Sequence[RequestRow], name_of: Callable[[RequestRow], str]) -> tuple[RouteCount, ...]:
    """How many requests there are of each name, the most frequent first."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        pair = sums.setdefault(name_of(row), [0, 0])
        pair[0] += 1
        pair[1] += row.cost_microusd
    ordered = sorted(sums.items(), key=lambda one: (-one[1][0], one[0]))
    return tuple(RouteCount(name, many, many / len(rows), cost) for name, (many, cost) in ordered)


def _route_word(row: RequestRow) -> str:
    """The reason alone: where a request went in the end is told by its tier."""
    return f"cache:{row.cache.value}" if row.cache.is_hit else row.route.partition(">")[0]


def _fell_back(row: RequestRow, decision: Decision | None) -> bool:
    """Whether another model answered than was chosen; unknown for requests of before the last start."""
    if decision is None or row.provider is None:
        return False
    return (row.provider, row.model) != (decision.target.provider, decision.target.model)


def _pinned(rows: Iterable[RequestRow]) -> tuple[PinnedSession, ...]:
    """Sessions whose tool loop kept its model, the newest first."""
    found: dict[str, PinnedSession] = {}
    for row in rows:
        if row.session and row.route.partition(">")[0] == "session:tool-loop":
            seen = found.get(row.session)
            at, many = (seen.at, seen.requests) if seen else (row.at, 0)
            target = seen.target if seen else f"{row.provider}/{row.model}"
            found[row.session] = PinnedSession(row.session, target, many + 1, at)
    return tuple(found.values())[:SHOWN_SESSIONS]


def _name(target: Target) -> str:
    return f"{target.provider}/{target.model}"
