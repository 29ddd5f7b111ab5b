"""Calls upstreams for one request: target after target, try after try, until the first token.

Every paid try is reserved before it is sent and settled after it, however it ends. After the first token nothing is
tried again: the caller has part of an answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from gateway_core.exchange import Exchange
from gateway_core.gates.budget import Budget, Reservation
from gateway_core.meter import Meter
from gateway_core.model import Cost, Counterfactuals, Decision, Refusal, Refused, Target, Usage
from gateway_core.providers.base import Piece, Provider, UpstreamCall, UpstreamError
from gateway_core.providers.pricing import Pricing
from gateway_core.wire import errors

MAX_TRIES = 3
LONGEST_RETRY_AFTER_S = 5.0
"""A longer Retry-After is handed to the caller (facts of the SDKs: they would sleep past their own time-out)."""
BACKOFF_S = 0.25


class Dispatcher:
    """Sends requests to providers and keeps the budget straight. ``providers`` are looked up by name at each call."""

    def __init__(
        self,
        providers: Callable[[str], Provider | None],
        budget: Budget,
        pricing: Pricing,
        max_output_tokens: int,
        premium_model: str,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._providers = providers
        self._budget = budget
        self._pricing = pricing
        self._max_output_tokens = max_output_tokens
        self._premium_model = premium_model
        self._jitter = jitter

    async def send(self, exchange: Exchange, decision: Decision) -> AsyncGenerator[Piece]:
        """The pieces of the answer; ended means settled. Raises :class:`Refused` when no target answers."""
        refusal: Refusal | None = None
        for target in (decision.target, *decision.fallbacks):
            for attempt in range(1, MAX_TRIES + 1):
                pause = None
                try:
                    async with aclosing(self._try(exchange, target)) as pieces:
                        async for piece in pieces:
                            yield piece
                    return
                except UpstreamError as error:
                    refusal = refusal_of(error, target)
                    if exchange.first_token_ms is not None:
                        raise Refused(refusal) from None
                    pause = self._pause(error, attempt)
                except Refused as refused:
                    refusal = refused.refusal
                if pause is None:
                    break
                await asyncio.sleep(pause)
        raise Refused(refusal or errors.no_provider("No tier has a provider."))

    def counterfactuals(self, exchange: Exchange, made_for_microusd: int | None = None) -> Counterfactuals:
        """What the answer would have cost otherwise. ``made_for_microusd`` is what a cached one cost once."""
        target = exchange.target
        if target is None:
            return Counterfactuals()
        cost = exchange.cost_microusd if made_for_microusd is None else made_for_microusd
        return self._pricing.counterfactuals(target, exchange.usage, cost, self._premium_model, made_for_microusd)

    def _pause(self, error: UpstreamError, attempt: int) -> float | None:
        """Seconds until the next try of the same target; None when there is no point in one."""
        if not error.retryable or attempt == MAX_TRIES:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= LONGEST_RETRY_AFTER_S else None
        return float(BACKOFF_S * 2 ** (attempt - 1) * (1 + self._jitter()))

    async def _try(self, exchange: Exchange, target: Target) -> AsyncGenerator[Piece]:
        """One call of one target, reserved and settled."""
        provider = self._providers(target.provider)
        if provider is None:
            raise Refused(errors.no_provider(f"{target.provider} is not set up."))
        exchange.attempts += 1
        exchange.target = target
        limit = None if target.free else self._output_limit(exchange)
        reservation = await self._reserve(exchange, target, limit)
        meter = Meter(exchange, paid=reservation is not None, limit=limit)
        try:
            async with aclosing(provider.send(self._call(exchange, target, limit))) as pieces:
                async for piece in pieces:
                    meter.see(piece)
                    yield piece
            meter.complete = True
        except UpstreamError as error:
            meter.charged = error.sent and error.kind != "status"
            raise
        finally:
            await self._settle(exchange, target, reservation, meter)

    def _call(self, exchange: Exchange, target: Target, limit: int | None) -> UpstreamCall:
        return UpstreamCall(exchange.request, target, limit, exchange.remarks.append)

    def _output_limit(self, exchange: Exchange) -> int:
        return exchange.request.size.max_output_tokens or self._max_output_tokens

    async def _reserve(self, exchange: Exchange, target: Target, limit: int | None) -> Reservation | None:
        if target.free or limit is None:
            return None
        worst = self._pricing.reservation_microusd(target, exchange.request, limit)
        reserved = await self._budget.reserve(exchange.request.id, exchange.attempts, target, worst)
        if isinstance(reserved, Refusal):
            raise Refused(reserved)
        exchange.paid_on = exchange.paid_on or reserved.day
        return reserved

    async def _settle(self, exchange: Exchange, target: Target, reservation: Reservation | None, meter: Meter) -> None:
        usage = meter.usage() if meter.charged else Usage()
        exchange.usage = usage
        if reservation is None:
            return
        if not meter.charged:
            await self._budget.release(reservation)
            return
        cost = self._pricing.cost(target.provider, target.model, usage)
        if not meter.complete and not meter.streamed and cost.total_microusd < reservation.reserved_microusd:
            cost = Cost(other=reservation.reserved_microusd)
        exchange.cost += cost
        if (doubt := self._pricing.doubt(target)) and doubt not in exchange.remarks:
            exchange.remarks.append(doubt)
        await self._budget.settle(reservation, cost.total_microusd, usage)


def refusal_of(error: UpstreamError, target: Target) -> Refusal:
    """What the caller is told of an upstream's failure. Its 401, 402 and 403 are ours to mend, never the caller's."""
    if error.code == "context_length_exceeded":
        return Refusal("context_length_exceeded", error.message, 400)
    if error.code == "invalid_request":
        return Refusal("invalid_request", error.message, 400)
    if error.code == "model_not_found":
        return errors.model_not_found(target.model, error.message)
    if error.kind == "timeout":
        return errors.upstream_timeout(target.provider, error.message)
    if error.status == 429:
        wait = max(1, round(error.retry_after_s)) if error.retry_after_s else None
        return Refusal("rate_limit_exceeded", error.message, 429, retry_after_s=wait)
    return errors.upstream_error(target.provider, error.message)
