"""Calls upstreams for one request: target after target, try after try, until there is an answer.

Every paid try is reserved before it is sent and settled after it, however it ends. Once something of an answer has been
let through nothing is tried again: the caller has part of it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from gateway_core.deadlines import Deadline
from gateway_core.delivery.charging import Call, cost_of, used
from gateway_core.delivery.course import Course, refusal_of
from gateway_core.delivery.fitting import can_be_shorter, fit
from gateway_core.delivery.holding import Hold, Rejected
from gateway_core.delivery.meter import Meter
from gateway_core.exchange import Exchange
from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Beside, Budget
from gateway_core.model import (
    ChatRequest,
    Counterfactuals,
    Decision,
    Refusal,
    Refused,
    Target,
    Tier,
    TierCost,
    Usage,
)
from gateway_core.providers.base import (
    Batch,
    Piece,
    Provider,
    UpstreamCall,
    UpstreamError,
    past_limit,
)
from gateway_core.providers.health import LONGEST_RETRY_AFTER_S, Blocked, Health
from gateway_core.providers.pricing import Pricing
from gateway_core.stopwatch import CUT_OFF
from gateway_core.wire import errors

Take = Callable[[Batch], Awaitable[None]]
"""Gets what came at once of an answer, and returns when more may come."""
MAX_TRIES = 3
BACKOFF_S = 0.25


class Dispatcher:
    """Sends requests to providers and keeps the budget straight. ``providers`` are looked up by name at each call.

    ``total_s`` bounds one call from its first byte to its last. ``budget_for`` says to how many tokens a conversation
    is to be compacted for a target that has found it too long so often; None where it goes whole.
    """

    def __init__(
        self,
        providers: Callable[[str], Provider | None],
        budget: Budget,
        pricing: Pricing,
        health: Health,
        max_output_tokens: int,
        premium_model: str,
        *,
        budget_for: Callable[[ChatRequest, Target, int], int | None] = lambda request, target, too_long: None,
        total_s: float = 1800.0,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._providers = providers
        self._budget = budget
        self._pricing = pricing
        self._health = health
        self._max_output_tokens = max_output_tokens
        self._premium_model = premium_model
        self._budget_for = budget_for
        self._total_s = total_s
        self._jitter = jitter
        self._sleep = sleep

    async def send(self, exchange: Exchange, decision: Decision, take: Take, beside: Beside | None = None) -> None:
        """Has ``take`` get the pieces of the answer as they come; ended means settled. Raises :class:`Refused` when no
        target answers.

        ``beside`` is asked for what is to be written with the settlement of a whole paid answer, once its last piece
        has been taken.
        """
        course = Course(exchange, decision, self._context_of)
        while target := course.next():
            await self._ask(exchange, target, course, take, beside)
            if course.answered:
                return
        if best := course.best_of_the_rejected():
            exchange.mark_first_token()
            await take(best)
        if not course.answered:
            raise Refused(course.refusal())

    async def _ask(self, exchange: Exchange, target: Target, course: Course, take: Take, beside: Beside | None) -> None:
        """Tries one target as often as it makes sense. Tells ``course`` what came of it."""
        too_long = 0
        for attempt in range(1, MAX_TRIES + 1):
            permit = self._health.admit(target)
            if isinstance(permit, Blocked):
                course.blocked(target, permit)
                return
            hold = Hold(exchange.request, target)
            pause = None
            with permit:
                try:
                    await self._try(exchange, target, hold, attempt, too_long, take, beside)
                    permit.succeeded()
                    course.succeeded(hold.repairs)
                except Rejected as rejected:
                    permit.succeeded()
                    if exchange.first_token_ms is None:
                        course.rejected(target, rejected)
                    elif rejected.usable:
                        await take(course.as_it_is(target, rejected))
                    else:
                        raise Refused(refusal_of(rejected, target)) from None
                except UpstreamError as error:
                    permit.failed(error, named=course.names(target))
                    if exchange.first_token_ms is not None:
                        raise Refused(refusal_of(error, target)) from None
                    pause = self._pause(error, attempt, target, course)
                    if error.code == "context_length_exceeded":
                        too_long += 1
                        pause = self._pause_before_a_shorter(exchange, target, attempt, too_long)
                    course.failed(target, error, pause)
                except Refused as refused:
                    course.refused(target, refused.refusal)
            if pause is None:
                return
            with exchange.watch.begin("pause", hold.target):
                await self._sleep(pause)

    def configure(self, max_output_tokens: int, premium_model: str, total_s: float) -> None:
        """Takes up other settings, for calls not yet made."""
        self._max_output_tokens = max_output_tokens
        self._premium_model = premium_model
        self._total_s = total_s

    def compare(self, exchange: Exchange) -> None:
        """Notes what the answer would have cost otherwise and elsewhere."""
        exchange.otherwise = self.counterfactuals(exchange)
        exchange.elsewhere = self._elsewhere(exchange)

    def counterfactuals(self, exchange: Exchange, made_for_microusd: int | None = None) -> Counterfactuals:
        """What the answer would have cost otherwise. ``made_for_microusd`` is what a cached one cost once."""
        target = exchange.target
        if target is None:
            return Counterfactuals()
        cost = exchange.cost_microusd if made_for_microusd is None else made_for_microusd
        return self._pricing.counterfactuals(target, exchange.usage, cost, self._premium_model, made_for_microusd)

    def _elsewhere(self, exchange: Exchange) -> tuple[TierCost, ...]:
        """What the same tokens would have cost on each other tier, on the first of its models that could answer."""
        if exchange.decision is None or exchange.target is None:
            return ()
        found: dict[Tier, TierCost] = {}
        for one in exchange.decision.record.considered:
            if one.model and not one.obstacle and one.tier not in (exchange.target.tier, *found):
                cost = self._pricing.plain_microusd(one.provider, one.model, exchange.usage, free=one.free)
                found[one.tier] = TierCost(one.tier, one.provider, one.model, cost)
        return tuple(found.values())

    def most_microusd(self, request: ChatRequest, target: Target) -> int:
        """What is set aside for one call."""
        if target.free:
            return 0
        limit = request.size.max_output_tokens or self._max_output_tokens
        return self._pricing.reservation_microusd(target, request, limit)

    def _context_of(self, target: Target) -> int | None:
        """Tokens that the target's model takes, where it is known."""
        return None if target.free else self._pricing.context_window(target.provider, target.model)

    def _pause(self, error: UpstreamError, attempt: int, target: Target, course: Course) -> float | None:
        """Seconds until the next try of the same target; None when there is no point in one.

        Nobody waits for a slow upstream a second time while another one may answer.
        """
        if not error.retryable or attempt == MAX_TRIES or (error.kind == "timeout" and course.has_more):
            return None
        if error.retry_after_s is not None and error.retry_after_s > LONGEST_RETRY_AFTER_S:
            return None
        if not self._health.may_retry(target.provider):
            return None
        backoff = BACKOFF_S * 2 ** (attempt - 1)
        return float(max(backoff, error.retry_after_s or 0.0) + backoff * self._jitter())

    def _pause_before_a_shorter(self, exchange: Exchange, target: Target, attempt: int, too_long: int) -> float | None:
        """As :meth:`_pause`, for a target that has found the request too long."""
        budget = self._budget_for(exchange.request, target, too_long) if attempt < MAX_TRIES else None
        return 0.0 if can_be_shorter(exchange, budget) else None

    async def _try(
        self,
        exchange: Exchange,
        target: Target,
        hold: Hold,
        attempt: int,
        too_long: int,
        take: Take,
        beside: Beside | None,
    ) -> None:
        """One call of one target, reserved and settled. What ``take`` gets may be sent on.

        ``too_long`` says how often the target has found the request too long.
        """
        provider = self._providers(target.provider)
        if provider is None:
            raise Refused(errors.no_provider(f"{target.provider} is not set up."))
        exchange.attempts += 1
        exchange.target = target
        await fit(exchange, target, self._budget_for(exchange.request, target, too_long))
        limit = None if target.free else self._output_limit(exchange)
        prices = self._pricing.quoted()
        call = self._call(exchange, target, limit)
        reservation = await self._reserve(exchange, target, limit, prices)
        if attempt == 1:
            self._health.requested(target.provider)
        asked = exchange.request.size.max_output_tokens
        meter = Meter(exchange, paid=reservation is not None, limit=asked if limit is None else limit)
        step, all_told = exchange.watch.begin("call", hold.target), False
        try:
            async with aclosing(provider.send(call)) as batches:
                deadline = Deadline().within(self._total_s)
                while (batch := await self._next(batches, deadline, target)) is not None:
                    if released := _released(batch, meter, hold):
                        exchange.mark_first_token()
                        await take(released)
                    if meter.is_past_limit:
                        raise past_limit(target.provider)
            meter.complete = True
            exchange.streamed()
            step.end()
            if rest := hold.end():
                exchange.mark_first_token()
                await take(rest)
            all_told = True
        except Rejected:
            raise
        except UpstreamError as error:
            meter.charged = error.may_be_charged
            step.outcome = error.message
            raise
        finally:
            exchange.streamed()
            step.end(step.outcome or CUT_OFF)
            meter.charged = meter.charged and call.sending.may_be_out
            await self._settle(exchange, Call(target, reservation, meter, prices), beside if all_told else None)

    async def _next(self, batches: AsyncGenerator[Batch], deadline: Deadline, target: Target) -> Batch | None:
        """What the provider sends next, within the time that a call may take; None at the end."""
        try:
            with deadline:
                return await anext(batches, None)
        except TimeoutError:
            text = f"{target.provider} was not done after {self._total_s:g} s."
            raise UpstreamError(text, kind="timeout") from None

    def _call(self, exchange: Exchange, target: Target, limit: int | None) -> UpstreamCall:
        wire = exchange.recording.call(exchange.attempts, f"{target.provider}/{target.model}")
        return UpstreamCall(exchange.sent, target, limit, exchange.remarks.append, wire)

    def _output_limit(self, exchange: Exchange) -> int:
        return exchange.request.size.max_output_tokens or self._max_output_tokens

    async def _reserve(
        self, exchange: Exchange, target: Target, limit: int | None, prices: Pricing
    ) -> Reservation | None:
        if target.free or limit is None:
            return None
        worst = prices.reservation_microusd(target, exchange.sent, limit)
        with exchange.watch.begin("budget", f"{target.provider}/{target.model}") as step:
            lane = exchange.request.view.lane
            reserved = await self._budget.reserve(exchange.request.id, exchange.attempts, target, worst, lane)
            step.outcome = reserved.code if isinstance(reserved, Refusal) else f"${worst / 1e6:.4f} set aside"
        if isinstance(reserved, Refusal):
            raise Refused(reserved)
        return reserved

    async def _settle(self, exchange: Exchange, call: Call, beside: Beside | None) -> None:
        """Notes what the call used, and charges it."""
        target, meter = call.target, call.meter
        exchange.usage = used(exchange, call) if meter.charged else Usage()
        if call.reservation is None:
            return
        with exchange.watch.begin("settle", f"{target.provider}/{target.model}") as step:
            await self._charge(exchange, call, call.reservation, beside)
            step.outcome = f"${exchange.cost_microusd / 1e6:.4f} in all" if meter.charged else "nothing charged"

    async def _charge(self, exchange: Exchange, call: Call, reservation: Reservation, beside: Beside | None) -> None:
        if not call.meter.charged:
            await self._budget.release(reservation)
            return
        cost = cost_of(exchange, call, reservation)
        exchange.charge(cost, reservation.day)
        if (doubt := call.prices.doubt(call.target)) and doubt not in exchange.remarks:
            exchange.remarks.append(doubt)
        await self._budget.settle(reservation, cost.total_microusd, exchange.usage, beside)


def _released(batch: Batch, meter: Meter, hold: Hold) -> list[Piece]:
    """What of a batch may be sent on: nothing from where the answer is past its limit."""
    released: list[Piece] = []
    for piece in batch:
        meter.see(piece)
        if meter.is_past_limit:
            break
        released += hold.feed(piece)
    return released
