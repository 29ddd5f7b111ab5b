"""Keeps the user's own providers within the limits they set for each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from gateway_core.clock import Clock
from gateway_core.gates.budget import Budget
from gateway_core.gates.rate_limit import RateLimit
from gateway_core.model import ProviderStatus
from gateway_core.providers.base import Batch, Provider, UpstreamCall, UpstreamError
from gateway_core.routing.landscape import Room
from gateway_core.settings import ProviderEntry, ProviderLimits

if TYPE_CHECKING:
    from gateway_core.routing_values import OwnLimit


class OwnLimits:
    """Requests, tokens and dollars of each provider that has limits. The router asks for the rooms that are left; what
    it could not know, that requests come at once, is refused at the call."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._rates: dict[str, RateLimit] = {}
        self._tokens_per_minute: dict[str, int] = {}
        self._names: tuple[str, ...] = ()
        self._entries: dict[str, ProviderLimits] = {}

    def use(self, entries: Sequence[ProviderEntry]) -> None:
        """The limits from now on. What was used stays used."""
        before, self._rates, self._tokens_per_minute = self._rates, {}, {}
        daily = {}
        for entry in entries:
            limits = entry.limits
            daily[entry.name] = round(limits.daily_budget * 1e6)
            if limits.requests_per_minute or limits.tokens_per_minute:
                rate = before.get(entry.name) or RateLimit(0, 0, self._clock)
                rate.set_limits(limits.requests_per_minute, limits.tokens_per_minute)
                self._rates[entry.name] = rate
                self._tokens_per_minute[entry.name] = limits.tokens_per_minute
        self._budget.set_provider_limits({name: limit for name, limit in daily.items() if limit})
        self._names = tuple(daily)
        self._entries = {entry.name: entry.limits for entry in entries}

    def rooms(self) -> dict[str, Room]:
        """What is left now, by provider."""
        return {name: self._room(name) for name in self._names}

    def standing(self, name: str) -> tuple[OwnLimit, ...]:
        """The limits set for a provider, and how much of each is used now."""
        from gateway_core.routing_values import OwnLimit

        limits, rate = self._entries.get(name), self._rates.get(name)
        if limits is None:
            return ()
        requests, tokens = rate.used(name) if rate else (0.0, 0.0)
        all_three = (
            OwnLimit("requests a minute", requests, limits.requests_per_minute),
            OwnLimit("tokens a minute", tokens, limits.tokens_per_minute),
            OwnLimit("USD a day", self._budget.committed_to(name) / 1e6, limits.daily_budget),
        )
        return tuple(one for one in all_three if one.limit)

    def _room(self, name: str) -> Room:
        spent = self._budget.provider_refusal(name)
        rate, per_minute = self._rates.get(name), self._tokens_per_minute.get(name, 0)
        wait_s, tokens = rate.room(name) if rate else (0, 0)
        return Room(per_minute, tokens if per_minute else None, wait_s, spent)

    def guard(self, provider: Provider) -> Provider:
        """``provider`` within its limits."""
        rate = self._rates.get(provider.name)
        return provider if rate is None else _Limited(provider, rate)


class _Limited:
    """A provider that counts what it is sent, and refuses what is too much without sending it."""

    def __init__(self, provider: Provider, rate: RateLimit) -> None:
        self._provider = provider
        self._rate = rate
        self.name = provider.name

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        expected = call.request.size.input_tokens
        if refusal := self._rate.check(self.name, expected):
            wait_s = refusal.retry_after_s
            when = f"Try again in {wait_s} s." if wait_s else "The request alone is above it."
            raise UpstreamError(
                f"{self.name} has reached the limit set for it. {when}",
                kind="limit",
                status=429,
                sent=False,
                retry_after_s=wait_s,
            )
        used = 0
        try:
            async with aclosing(self._provider.send(call)) as batches:
                async for batch in batches:
                    if usage := batch[-1].usage:
                        used = usage.prompt_tokens + usage.output_tokens
                    yield batch
        finally:
            if used:
                self._rate.adjust(self.name, used - expected)

    async def check(self) -> ProviderStatus:
        return await self._provider.check()

    async def close(self) -> None:
        await self._provider.close()
