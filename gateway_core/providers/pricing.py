"""What answers cost, in micro-dollars: the user's own prices first, then genai-prices' offline snapshot.

A price in US dollars for a million tokens is the same number in micro-dollars for one token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from gateway_core.model import Usage
from gateway_core.settings import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

FREE_PROVIDERS = frozenset({"local", "builtin"})

_FREE = Price(input=0.0, output=0.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-dollars a token of each kind, for prompts of more than ``above_tokens`` tokens."""

    above_tokens: int
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal

    def cost(self, usage: Usage) -> Decimal:
        return (
            self.input * usage.input_tokens
            + self.cache_read * usage.cache_read_tokens
            + self.cache_write_5m * usage.cache_write_5m_tokens
            + self.cache_write_1h * usage.cache_write_1h_tokens
            + self.output * usage.output_tokens
        )

    @property
    def dearest_input(self) -> Decimal:
        """The most one prompt token can cost: with Anthropic one written to the 1-hour prompt cache."""
        return max(self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h)


class Pricing:
    """Prices by provider and model. ``overrides`` are keyed ``provider/model``.

    A paid model that nobody knows is charged ``unknown_price``. Prices that change on a date are taken as of ``today``.
    """

    def __init__(
        self,
        overrides: Mapping[str, Price] | None = None,
        unknown_price: Price | None = None,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._overrides = dict(overrides or {})
        self._unknown = unknown_price or Price(input=30.0, output=150.0)
        self._today = today
        self._rates: dict[tuple[str, str, date], tuple[Rates, ...]] = {}
        self._models: dict[tuple[str, str], ModelInfo | None] = {}

    def override(self, overrides: Mapping[str, Price], unknown_price: Price) -> None:
        """Takes up other prices, for calls that end from now on."""
        self._overrides = dict(overrides)
        self._unknown = unknown_price
        self._rates.clear()

    async def load(self) -> None:
        """Reads the snapshot in a thread (half a second), so that no request has to."""
        await asyncio.to_thread(self._find, "anthropic", "claude-sonnet-5-5")

    def cost_microusd(self, provider: str, model: str, usage: Usage) -> int:
        """What an answer with ``usage`` costs, rounded up once for the whole request."""
        prompt = usage.prompt_tokens
        rates = [rate for rate in self._rates_of(provider, model) if prompt > rate.above_tokens]
        return _up((rates or self._rates_of(provider, model))[-1].cost(usage))

    def worst_case_microusd(self, provider: str, model: str, input_ceiling: int, max_output: int) -> int:
        """The most a call can cost: every prompt token of the dearest kind, and all of the output limit."""
        tiers = self._rates_of(provider, model)
        reached = [rate for rate in tiers if input_ceiling > rate.above_tokens] or tiers[:1]
        dearest_input = max(rate.dearest_input for rate in reached)
        dearest_output = max(rate.output for rate in reached)
        return _up(dearest_input * input_ceiling + dearest_output * max_output)

    def rates(self, provider: str, model: str) -> Rates:
        """What the model's tokens cost in a prompt of ordinary length."""
        return self._rates_of(provider, model)[0]

    def is_known(self, provider: str, model: str) -> bool:
        """Whether the price is more than a guess."""
        known = f"{provider}/{model}" in self._overrides or provider in FREE_PROVIDERS
        return known or self._find(provider, model) is not None

    def context_window(self, provider: str, model: str) -> int | None:
        """Tokens the model takes, prompt and answer together, where the snapshot knows."""
        found = self._find(provider, model)
        return found.context_window if found else None

    def _rates_of(self, provider: str, model: str) -> tuple[Rates, ...]:
        """The model's tiers, the lowest first."""
        key = (provider, model, self._today())
        if key not in self._rates:
            self._rates[key] = self._make_rates(provider, model, key[2])
        return self._rates[key]

    def _make_rates(self, provider: str, model: str, today: date) -> tuple[Rates, ...]:
        own = self._overrides.get(f"{provider}/{model}") or (_FREE if provider in FREE_PROVIDERS else None)
        if own:
            return (_from_price(own, provider),)
        found = self._find(provider, model)
        if found is None:
            return (_from_price(self._unknown, provider),)
        noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
        return _from_snapshot(found.get_prices(noon), provider)

    def _find(self, provider: str, model: str) -> ModelInfo | None:
        key = (provider, model)
        if key not in self._models:
            self._models[key] = _look_up(provider, model)
        return self._models[key]


def _look_up(provider: str, model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def _from_price(price: Price, provider: str) -> Rates:
    def rate(value: float | None) -> Decimal | None:
        return None if value is None else Decimal(str(value))

    return _rates(
        provider,
        0,
        Decimal(str(price.input)),
        Decimal(str(price.output)),
        rate(price.cache_read),
        rate(price.cache_write_5m),
        rate(price.cache_write_1h),
    )


def _from_snapshot(prices: ModelPrice, provider: str) -> tuple[Rates, ...]:
    names = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")
    values = [getattr(prices, name) for name in names]
    starts = sorted({0, *(tier.start for value in values for tier in getattr(value, "tiers", ()))})
    tiers = []
    for start in starts:
        given, output, read, write, write_1h = (_at(value, start) for value in values)
        tiers.append(_rates(provider, start, given or Decimal(0), output or Decimal(0), read, write, write_1h))
    return tuple(tiers)


def _at(price: Any, start: int) -> Decimal | None:
    """A price in the tier that begins above ``start`` prompt tokens."""
    if price is None or isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= start]
    found: Decimal = reached[-1] if reached else price.base
    return found


def _rates(
    provider: str,
    above: int,
    given: Decimal,
    output: Decimal,
    read: Decimal | None,
    write_5m: Decimal | None,
    write_1h: Decimal | None,
) -> Rates:
    """Fills in what is not known, on the dear side: reads as plain input, Anthropic's writes at 1.25 and 2 times."""
    anthropic = provider == "anthropic"
    if write_5m is None:
        write_5m = given * Decimal("1.25") if anthropic else given
    if write_1h is None:
        write_1h = given * 2 if anthropic else write_5m
    return Rates(above, given, output, given if read is None else read, write_5m, write_1h)


def _up(microusd: Decimal) -> int:
    return int(microusd.to_integral_value(ROUND_CEILING))
