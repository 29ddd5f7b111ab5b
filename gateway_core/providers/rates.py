"""What a token of each kind costs with one model, and what an answer of so many tokens comes to.

A price in US dollars for a million tokens is the same number in micro-dollars for one token; one for a thousand
searches is a thousandth of it in micro-dollars for one.
"""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway_core.frozen import frozen
from gateway_core.model import Cost, Usage
from gateway_core.settings import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

WEB_SEARCH = Decimal(14_000)
"""Micro-dollars of a web search whose price is not known: the dearest that genai-prices 0.2.3 lists, Perplexity's."""
AUDIO_INPUT, AUDIO_OUTPUT = Decimal(17), Decimal(9)
"""Times the price of text where that of audio is not known: OpenAI's dearest ratios (gpt-audio-mini, genai-prices
0.2.3: 10 to 0.60 in, 20 to 2.40 out)."""

_SNAPSHOT = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "reasoning": "output_reasoning_mtok",
    "web_search": "web_searches_kcount",
    "request": "requests_kcount",
}
_BY_THE_THOUSAND = ("web_search", "request")


@frozen
class Rates:
    """Micro-dollars a token of each kind, for prompts of more than ``above_tokens`` tokens."""

    above_tokens: int
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    audio_input: Decimal
    audio_output: Decimal
    reasoning: Decimal
    web_search: Decimal
    """Micro-dollars a search."""
    request: Decimal
    """Micro-dollars a request, whatever it uses."""

    def parts(self, usage: Usage) -> tuple[Decimal, ...]:
        """Exact micro-dollars for plain input, cache reads, cache writes, output and server tools."""
        text_in = max(0, usage.input_tokens - usage.audio_input_tokens)
        text_out = max(0, usage.output_tokens - usage.audio_output_tokens - usage.reasoning_tokens)
        return (
            self.input * text_in + self.audio_input * usage.audio_input_tokens,
            self.cache_read * usage.cache_read_tokens,
            self.cache_write_5m * usage.cache_write_5m_tokens + self.cache_write_1h * usage.cache_write_1h_tokens,
            self.output * text_out
            + self.audio_output * usage.audio_output_tokens
            + self.reasoning * usage.reasoning_tokens,
            self.web_search * usage.web_searches + self.request,
        )

    def times(self, factor: Decimal) -> Rates:
        """The same with dearer or cheaper tokens; searches keep their price."""
        return replace(self, **{name: getattr(self, name) * factor for name in _TOKENS})

    def dearest_input(self, audio: bool) -> Decimal:
        """The most one prompt token can cost: with Anthropic one written to the 1-hour prompt cache."""
        text = max(self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h)
        return max(text, self.audio_input) if audio else text

    def dearest_output(self, audio: bool) -> Decimal:
        text = max(self.output, self.reasoning)
        return max(text, self.audio_output) if audio else text


_TOKENS = [field.name for field in fields(Rates) if field.name not in ("above_tokens", *_BY_THE_THOUSAND)]


class Ceiling(NamedTuple):
    """The most of :class:`Rates`: a token of the prompt, one of the answer, a search, and a request."""

    above_tokens: int
    input: Decimal
    output: Decimal
    web_search: Decimal
    request: Decimal


def ceilings(tiers: tuple[Rates, ...], audio: bool) -> tuple[Ceiling, ...]:
    """The ceilings of a model's tiers, the lowest first. ``audio`` says whether there can be any."""
    return tuple(
        Ceiling(
            rates.above_tokens,
            rates.dearest_input(audio),
            rates.dearest_output(audio),
            rates.web_search,
            rates.request,
        )
        for rates in tiers
    )


def dearest(tiers: tuple[Ceiling, ...], prompt: int, output: int, web_searches: int) -> Decimal:
    """The most that so much can cost in any of the tiers that such a prompt reaches, in micro-dollars."""
    most_in = most_out = most_beside = Decimal(0)
    for tier in tiers:
        if prompt > tier.above_tokens or tier is tiers[0]:
            beside = tier.web_search * web_searches + tier.request
            most_in = tier.input if tier.input > most_in else most_in
            most_out = tier.output if tier.output > most_out else most_out
            most_beside = beside if beside > most_beside else most_beside
    return most_in * prompt + most_out * output + most_beside


def round_up(parts: tuple[Decimal, ...]) -> Cost:
    """Whole micro-dollars, rounded up once for all parts together: what is missing goes to the largest. No part is
    less than nothing."""
    whole = [int(part) for part in parts]
    if missing := ceil(sum(parts)) - sum(whole):
        whole[parts.index(max(parts))] += missing
    return Cost(*whole)


def rates_of_price(price: Price, provider: str) -> tuple[Rates, ...]:
    """The user's own price; it has one tier."""
    given = {name: None if value is None else Decimal(str(value)) for name, value in price.model_dump().items()}
    searches = given.pop("web_searches")
    return (_complete(provider, 0, {**given, "web_search": None if searches is None else searches * 1000}),)


def rates_of_snapshot(prices: ModelPrice, provider: str) -> tuple[Rates, ...]:
    """The tiers of a model of genai-prices, the lowest first."""
    listed = {name: getattr(prices, theirs) for name, theirs in _SNAPSHOT.items()}
    starts = sorted({0, *(tier.start for price in listed.values() for tier in getattr(price, "tiers", ()))})
    tiers = []
    for start in starts:
        given = {name: _at(price, start) for name, price in listed.items()}
        for name in _BY_THE_THOUSAND:
            value = given[name]
            given[name] = None if value is None else value * 1000
        tiers.append(_complete(provider, start, given))
    return tuple(tiers)


def _at(price: Any, start: int) -> Decimal | None:
    """A price in the tier that begins above ``start`` prompt tokens."""
    if price is None or isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= start]
    found: Decimal = reached[-1] if reached else price.base
    return found


def _complete(provider: str, above: int, known: dict[str, Decimal | None]) -> Rates:
    """Fills in what is not known, on the dear side: reads as plain input, Anthropic's writes at 1.25 and 2 times."""

    def get(name: str, otherwise: Decimal) -> Decimal:
        value = known.get(name)
        return otherwise if value is None else value

    given, output = get("input", Decimal(0)), get("output", Decimal(0))
    anthropic = provider == "anthropic"
    write_5m = get("cache_write_5m", given * Decimal("1.25") if anthropic else given)
    return Rates(
        above_tokens=above,
        input=given,
        output=output,
        cache_read=get("cache_read", given),
        cache_write_5m=write_5m,
        cache_write_1h=get("cache_write_1h", given * 2 if anthropic else write_5m),
        audio_input=get("audio_input", given * AUDIO_INPUT),
        audio_output=get("audio_output", output * AUDIO_OUTPUT),
        reasoning=get("reasoning", output),
        web_search=get("web_search", WEB_SEARCH),
        request=get("request", Decimal(0)),
    )
