"""Histories made by hand, and a world whose prices are easy to reckon with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal

from gateway_core.model import Tier
from gateway_core.providers.rates import Rates, rates_of_price
from gateway_core.settings import Price
from gateway_core.store.days import days_before
from gateway_core.store.replayed import Replayed
from gateway_core.whatif.history import Columns, History
from gateway_core.whatif.world import Server, World

LAST = "2026-11-23"


@dataclass(frozen=True)
class Asked:
    """One answered request; the fields are the columns of ``Replayed``."""

    day: int = 0
    tier: str | None = "cheap"
    target: str = "groq/llama"
    cache: str = "miss"
    route: str = "default"
    lane: str = "interactive"
    purpose: str = "chat"
    session: str | None = None
    difficulty: float | None = 0.5
    tools: int = 0
    input_tokens: int = 1000
    output_tokens: int = 100
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    input_counted: str = "measured"
    output_counted: str = "measured"
    cost_microusd: int = 1200
    no_prompt_cache_microusd: int | None = None
    no_answer_cache_microusd: int | None = None


EASY = Asked(tier="local", target="local/qwen", route="simple", difficulty=0.1, cost_microusd=0)
UNCLEAR = Asked()
HARD = Asked(tier="premium", target="anthropic/claude", route="hard", difficulty=0.9, cost_microusd=15_000)
HIT = Asked(cache="exact", route="cache:exact", difficulty=0.0, cost_microusd=0, no_answer_cache_microusd=1200)


def price(input: float, output: float, cache_read: float | None = None, cache_write: float | None = None) -> Price:
    return Price(input=input, output=output, cache_read=cache_read, cache_write_5m=cache_write)


CHEAP = Server("groq/llama", rates_of_price(price(1, 2), "groq"), 131_072)
PREMIUM = Server("anthropic/claude", rates_of_price(price(10, 50, 1, 12.5), "anthropic"), 200_000)
WORLD = World((Server("local/qwen", (), 32_768), CHEAP, PREMIUM), hard_limit_microusd=50_000_000)


def history_of(
    asked: Sequence[Asked], *, days: int = 1, charged: Mapping[str, int] | None = None, not_answered: int = 0
) -> History:
    """The history of these requests; without ``charged`` the ledger holds what they cost."""
    names = tuple(days_before(LAST, number) for number in reversed(range(days)))
    columns = Columns()
    if asked:
        columns.add(Replayed(*(tuple(getattr(one, column) for one in asked) for column in Replayed._fields)))
    if charged is None:
        charged = {
            name: sum(one.cost_microusd for one in asked if one.day == number) for number, name in enumerate(names)
        }
    return columns.history(names, charged, not_answered, 0)


def with_server(world: World, tier: Tier, server: Server) -> World:
    at = list(Tier).index(tier)
    return replace(world, servers=(*world.servers[:at], server, *world.servers[at + 1 :]))


def long_prompts(rates: Rates, above_tokens: int, factor: int) -> tuple[Rates, ...]:
    """Rates with a second tier for long prompts."""
    dearer = rates.times(Decimal(factor))
    return rates, replace(dearer, above_tokens=above_tokens)


assert {field.name for field in fields(Asked)} == set(Replayed._fields)
