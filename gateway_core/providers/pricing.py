"""What answers cost, in micro-dollars: the user's own prices first, then genai-prices' offline snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import ceil
from operator import add
from typing import TYPE_CHECKING

from gateway_core.model import ChatRequest, Cost, Counterfactuals, Reason, Target, Usage
from gateway_core.providers.rates import Ceiling, Rates, ceilings, dearest, rates_of_price, rates_of_snapshot, round_up
from gateway_core.settings import Price
from gateway_core.wire.extras import Extras, extras_of

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

FREE_PROVIDERS = frozenset({"local", "builtin"})

US_ONLY = Decimal("1.1")
"""Anthropic's factor on every token for inference in the United States only (1.1 as quoted from its pricing page
at tokenmix.ai, 2026-04-30; the field is that of platform.claude.com, data residency)."""
UNLISTED = {"fast mode": Decimal(6), "priority": Decimal("2.5"), "fast": Decimal("2.5")}
"""Factors for answers that were made faster by a model whose dearer price is not listed. Fast mode was six times the
price with Claude Opus 4.6 (tokenmix.ai, 2026-04-30), twice since 4.8; OpenAI's priority is 2.5 times at most
(genai-prices 0.2.3)."""

_FREE = Price(input=0.0, output=0.0, web_searches=0.0)
_PLAIN, _NO_EXTRAS = Usage(), Extras()
_NOW = partial(datetime.now, UTC)
_LONGEST_CALL = timedelta(hours=1)
_STEP = timedelta(minutes=30)
"""Prices that depend on the time of day change on the half hour."""
MOST_MODELS = 1_000
"""Prices that are kept at hand."""


class Pricing:
    """Prices by provider and model. ``overrides`` are keyed ``provider/model`` or ``provider/*``, exact ones first.

    A paid model that nobody knows is charged ``unknown_price``. Prices that change with the time of day are taken as of
    ``now``: of the moment an answer is settled.
    """

    def __init__(
        self,
        overrides: Mapping[str, Price] | None = None,
        unknown_price: Price | None = None,
        server_tool_uses: int = 5,
        now: Callable[[], datetime] = _NOW,
    ) -> None:
        self.server_tool_uses = server_tool_uses
        """Uses that are set aside for a server tool without a limit."""
        self._now = now
        self._models: dict[tuple[str, str], ModelInfo | None] = {}
        self._begins = self._ends = datetime.fromtimestamp(0, UTC)
        self.override(overrides or {}, unknown_price or Price(input=30.0, output=150.0))

    def override(self, overrides: Mapping[str, Price], unknown_price: Price) -> None:
        """Takes up other prices, for calls that are reserved from now on."""
        self._overrides = dict(overrides)
        patterns = [(name[:-1], price) for name, price in overrides.items() if name.endswith("*")]
        self._patterns = sorted(patterns, key=lambda one: -len(one[0]))
        self._unknown = unknown_price
        self._forget()
        self._quoted: Pricing | None = None  # who was quoted others keeps them

    def quoted(self) -> Pricing:
        """These prices as they are now: a call is charged at those that it was reserved with, whatever :meth:`override`
        changes meanwhile."""
        if self._quoted is None:
            self._quoted = copy(self)
        return self._quoted

    async def load(self) -> None:
        """Reads the snapshot in a thread (half a second), so that no request has to."""
        await asyncio.to_thread(self._find, "anthropic", "claude-sonnet-5-5")

    def cost(self, provider: str, model: str, usage: Usage) -> Cost:
        """What an answer with ``usage`` costs, rounded up once for the whole request.

        What the provider says it charged wins over genai-prices and over a guess, never over the user's own price; a
        charge of nothing is believed only of a model that has no price here.
        """
        parts = self._exact(provider, model, usage)
        for other, used in usage.others:
            parts = tuple(map(add, parts, self._exact(provider, other, used)))
        reported = usage.reported_cost_microusd
        if reported is None or provider in FREE_PROVIDERS or self._own(provider, model) is not None:
            return round_up(parts)
        believed = reported or not sum(parts) or self._find(provider, model) is None
        return Cost(other=reported) if believed else round_up(parts)

    def cost_microusd(self, provider: str, model: str, usage: Usage) -> int:
        """The whole of :meth:`cost`."""
        return self.cost(provider, model, usage).total_microusd

    def reservation_microusd(self, target: Target, request: ChatRequest, max_output: int) -> int:
        """What to set aside before ``request`` is sent to ``target``.

        With the output that came for ``max_output``, it is what a call can have cost whose prompt nobody counted: that
        may be in a prompt cache now, and was read as often as server tools made it.
        """
        extras = extras_of(request, self.server_tool_uses)
        ceiling = request.size.input_tokens_ceiling
        return self.worst_case_microusd(target.provider, target.model, ceiling, max_output, extras)

    def counterfactuals(
        self, target: Target, usage: Usage, cost_microusd: int, premium_model: str, made_for_microusd: int | None = None
    ) -> Counterfactuals:
        """What an answer of ``target`` that took ``usage`` and cost so much would have cost otherwise.

        ``made_for_microusd`` is given for an answer out of the cache: what it cost when it was made. The premium model
        is taken at its list price; that of an unknown one is not guessed.
        """
        provider, model, prompt_tokens = target.provider, target.model, usage.prompt_tokens
        plain = cost_microusd
        if usage.input_tokens != prompt_tokens and not (target.free and made_for_microusd is None):
            by_tokens = replace(usage, reported_cost_microusd=None)
            plain += self.uncached_microusd(provider, model, usage) - self.cost_microusd(provider, model, by_tokens)
        premium: int | None = plain
        if (provider, model) != ("anthropic", premium_model):
            same = Usage(prompt_tokens, usage.output_tokens, web_searches=usage.web_searches)
            known = self.is_known("anthropic", premium_model)
            premium = self.cost_microusd("anthropic", premium_model, same) if known else None
        return Counterfactuals(premium, plain, made_for_microusd)

    def plain_microusd(self, provider: str, model: str, usage: Usage, *, free: bool) -> int | None:
        """What the tokens of ``usage`` cost at a model's list price without a prompt cache; None where it has none."""
        if free:
            return 0
        if not self.is_known(provider, model):
            return None
        return self.cost_microusd(provider, model, Usage(usage.prompt_tokens, usage.output_tokens))

    def doubt(self, target: Target) -> Reason | None:
        """A remark for a charge that rests on no known price."""
        if self.is_known(target.provider, target.model):
            return None
        guess = f"{self._unknown.input:g} and {self._unknown.output:g} USD for a million tokens in and out"
        text = f"No price is known for {target.provider}/{target.model}: it is reserved and charged at {guess}"
        return Reason(
            "price", f"{text} (unknown_price), unless the provider says what it charged. Set it under prices."
        )

    def uncached_microusd(self, provider: str, model: str, usage: Usage) -> int:
        """What ``usage`` would cost without a prompt cache: every prompt token at the price of input."""
        plain = replace(
            usage,
            input_tokens=usage.prompt_tokens,
            cache_read_tokens=0,
            cache_write_5m_tokens=0,
            cache_write_1h_tokens=0,
            reported_cost_microusd=None,
        )
        return self.cost_microusd(provider, model, plain)

    def worst_case_microusd(
        self, provider: str, model: str, input_ceiling: int, max_output: int, extras: Extras | None = None
    ) -> int:
        """The most a call can cost: every prompt token of the dearest kind, all of the output limit, all ``extras``."""
        extras = extras or _NO_EXTRAS
        prompt = input_ceiling
        if extras.rounds > 1 or extras.result_tokens:
            prompt = extras.prompt_tokens(input_ceiling, self.context_window(provider, model))
        most = Decimal(0)
        for tiers in self._within_the_call(provider, model, extras):
            most = max(most, dearest(tiers, prompt, max_output, extras.web_searches))
        return ceil(most)

    def rates(self, provider: str, model: str) -> Rates:
        """What the model's tokens cost in a prompt of ordinary length."""
        return self.all_rates(provider, model)[0]

    def all_rates(self, provider: str, model: str) -> tuple[Rates, ...]:
        """What the model's tokens cost, also in long prompts; the lowest first."""
        return self._rates(provider, model, _PLAIN)

    def is_known(self, provider: str, model: str) -> bool:
        """Whether the price is more than a guess."""
        known = provider in FREE_PROVIDERS or self._own(provider, model) is not None
        return known or self._find(provider, model) is not None

    def context_window(self, provider: str, model: str) -> int | None:
        """Tokens the model takes, prompt and answer together, where the snapshot knows."""
        found = self._find(provider, model)
        return found.context_window if found else None

    def _exact(self, provider: str, model: str, usage: Usage) -> tuple[Decimal, ...]:
        tiers = self._rates(provider, model, usage)
        reached = tiers[0]
        if len(tiers) > 1:
            prompt = usage.prompt_tokens
            for rates in tiers:
                reached = rates if prompt > rates.above_tokens else reached
        return reached.parts(usage)

    def _own(self, provider: str, model: str) -> Price | None:
        name = f"{provider}/{model}"
        exact = self._overrides.get(name)
        if exact is not None:
            return exact
        for beginning, price in self._patterns:
            if name.startswith(beginning):
                return price
        return None

    def _rates(self, provider: str, model: str, made: Usage | Extras) -> tuple[Rates, ...]:
        """The model's tiers now, the lowest first, for an answer that is made as ``made`` says. Every decision asks for
        them of every model: they are worked out once for each half hour."""
        now = self._moment()
        key = (provider, model, made.fast, made.us_only, made.service_tier)
        if (known := self._known.get(key)) is None:
            if len(self._known) >= MOST_MODELS:  # callers name them
                self._known.clear()
            known = self._known[key] = self._worked_out(provider, model, made, now)
        return known

    def _within_the_call(self, provider: str, model: str, extras: Extras) -> tuple[tuple[Ceiling, ...], ...]:
        """Each of the tiers that a call may be charged at which begins now: as it is plain, and as it is asked for."""
        now = self._moment()
        key = (provider, model, extras.fast, extras.us_only, extras.service_tier, extras.audio)
        if (known := self._coming.get(key)) is None:
            moments = [now + step * _STEP for step in range(_LONGEST_CALL // _STEP + 1)]
            ways = (_PLAIN, extras)
            every = {self._worked_out(provider, model, made, at) for at in moments for made in ways}
            if len(self._coming) >= MOST_MODELS:  # callers name them
                self._coming.clear()
            known = self._coming[key] = tuple([ceilings(tiers, extras.audio) for tiers in every])
        return known

    def _moment(self) -> datetime:
        """Now. What was worked out for another half hour is forgotten."""
        now = self._now()
        if not self._begins <= now < self._ends:
            seconds = _STEP.total_seconds()
            self._begins = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
            self._ends = self._begins + _STEP
            self._forget()
        return now

    def _forget(self) -> None:
        """New ones are begun: a quoted copy keeps its own."""
        self._known: dict[tuple[str, str, bool, bool, str], tuple[Rates, ...]] = {}
        self._coming: dict[tuple[str, str, bool, bool, str, bool], tuple[tuple[Ceiling, ...], ...]] = {}

    def _worked_out(self, provider: str, model: str, made: Usage | Extras, moment: datetime) -> tuple[Rates, ...]:
        if provider in FREE_PROVIDERS:
            return rates_of_price(self._own(provider, model) or _FREE, provider)
        own, found = self._own(provider, model), self._find(provider, model)
        context = _context(made)
        factor = US_ONLY if made.us_only and provider == "anthropic" else Decimal(1)
        if found is None or own is not None:
            rates = rates_of_price(own or self._unknown, provider)
            factor *= _surcharge(found, made, context, moment)
        else:
            rates = rates_of_snapshot(found.get_prices(moment, context), provider)
            factor *= Decimal(1) if _lists(found, context, moment) else _unlisted(made)
        return rates if factor == 1 else tuple(rate.times(factor) for rate in rates)

    def _find(self, provider: str, model: str) -> ModelInfo | None:
        key = (provider, model)
        try:
            return self._models[key]
        except KeyError:
            if len(self._models) >= MOST_MODELS:  # callers name them
                self._models.clear()
            found = self._models[key] = _look_up(provider, model)
            return found


def _look_up(provider: str, model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def _context(made: Usage | Extras) -> dict[str, str]:
    """How genai-prices names the way an answer was made."""
    if made.service_tier == "batch":
        return {"processing": "batch"}
    if made.fast:
        return {"speed": "fast"}
    return {"service_tier": made.service_tier} if made.service_tier else {}


def _lists(found: ModelInfo, context: Mapping[str, str], moment: datetime) -> bool:
    """Whether the snapshot has a price of its own for an answer made so."""
    return any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(moment))
        for variant in found.price_variants or ()
    )


def _unlisted(made: Usage | Extras) -> Decimal:
    return UNLISTED.get("fast mode" if made.fast else made.service_tier, Decimal(1))


def _surcharge(found: ModelInfo | None, made: Usage | Extras, context: dict[str, str], moment: datetime) -> Decimal:
    """How much dearer the way an answer was made is than the plain price, which is not the snapshot's."""
    if found is None or not _lists(found, context, moment):
        return _unlisted(made)
    plain, dearer = _input(found.get_prices(moment)), _input(found.get_prices(moment, context))
    return dearer / plain if plain else Decimal(1)


def _input(prices: ModelPrice) -> Decimal:
    price = prices.input_mtok
    found = getattr(price, "base", price)
    return found if isinstance(found, Decimal) else Decimal(0)
