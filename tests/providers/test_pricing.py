"""What an answer costs, and the most it can cost."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.rates import Rates, rates_of_snapshot
from gateway_core.settings import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

tokens = st.integers(0, 300_000)


@pytest.fixture(scope="module")
def pricing() -> Pricing:
    return Pricing(now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))


def test_each_kind_of_token_has_its_own_price(pricing: Pricing) -> None:
    usage = Usage(1000, 100, cache_read_tokens=10_000, cache_write_5m_tokens=400, cache_write_1h_tokens=200)
    # claude-sonnet-5-5: 2 in, 10 out, 0.10 read, 2.50 and 4 written, for a million tokens
    assert pricing.cost_microusd("anthropic", "claude-sonnet-5-5", usage) == 2000 + 1000 + 1000 + 1000 + 800


def test_a_fraction_of_a_micro_dollar_is_rounded_up_once(pricing: Pricing) -> None:
    # llama-3.3-70b-versatile: 0.59 in, 0.79 out
    assert pricing.cost_microusd("groq", "llama-3.3-70b-versatile", Usage(1, 1)) == 2


def test_a_long_prompt_is_charged_at_its_tier(pricing: Pricing) -> None:
    short = pricing.cost_microusd("anthropic", "claude-haiku-5-5", Usage(100_000, 0))
    long = pricing.cost_microusd("anthropic", "claude-haiku-5-5", Usage(100_001, 0))
    assert (short, long) == (10_000, 50_001)


def test_the_tier_counts_cached_tokens_too(pricing: Pricing) -> None:
    usage = Usage(1, 0, cache_read_tokens=200_000)
    assert pricing.cost_microusd("anthropic", "claude-haiku-5-5", usage) == 10_001


def test_prices_are_those_of_the_day() -> None:
    usage = Usage(300_000, 0)
    before, after = (
        Pricing(now=lambda: datetime(2026, 3, 1, tzinfo=UTC)),
        Pricing(now=lambda: datetime(2026, 3, 20, tzinfo=UTC)),
    )
    assert before.cost_microusd("anthropic", "claude-sonnet-4-6", usage) == 1_800_000
    assert after.cost_microusd("anthropic", "claude-sonnet-4-6", usage) == 900_000


@pytest.mark.parametrize("provider", ["local", "builtin"])
def test_local_answers_are_free(pricing: Pricing, provider: str) -> None:
    assert pricing.cost_microusd(provider, "anything", Usage(10**6, 10**6)) == 0
    assert pricing.worst_case_microusd(provider, "anything", 10**6, 10**6) == 0
    assert pricing.is_known(provider, "anything")


def test_own_prices_win() -> None:
    own = Pricing({"anthropic/claude-sonnet-5-5": Price(input=1, output=2)})
    assert own.cost_microusd("anthropic", "claude-sonnet-5-5", Usage(10, 10, cache_write_1h_tokens=10)) == 10 + 20 + 20


def test_an_unknown_model_is_charged_the_unknown_price() -> None:
    pricing = Pricing(unknown_price=Price(input=30, output=150))
    assert not pricing.is_known("groq", "model-of-tomorrow")
    assert pricing.cost_microusd("groq", "model-of-tomorrow", Usage(10, 10)) == 1800
    assert pricing.context_window("groq", "model-of-tomorrow") is None


def test_context_windows_come_from_the_snapshot(pricing: Pricing) -> None:
    assert pricing.context_window("anthropic", "claude-sonnet-5-5") == 1_000_000
    assert pricing.is_known("anthropic", "claude-haiku-4-5-20251001")


@given(
    st.sampled_from(
        [
            ("anthropic", "claude-sonnet-5-5"),
            ("anthropic", "claude-haiku-5-5"),
            ("groq", "openai/gpt-oss-120b"),
            ("openai", "gpt-5.6-luna"),
            ("openai", "unheard-of"),
        ]
    ),
    tokens,
    tokens,
    tokens,
    tokens,
    tokens,
)
def test_no_answer_within_the_bounds_costs_more_than_the_worst_case(
    pricing: Pricing, target: tuple[str, str], given: int, output: int, read: int, write_5m: int, write_1h: int
) -> None:
    usage = Usage(given, output, read, write_5m, write_1h)
    worst = pricing.worst_case_microusd(*target, usage.prompt_tokens, output)
    assert pricing.cost_microusd(*target, usage) <= worst


async def test_loading_reads_the_snapshot_ahead_of_the_first_request() -> None:
    pricing = Pricing()
    await pricing.load()
    assert "genai_prices" in sys.modules
    assert pricing.cost_microusd("anthropic", "claude-sonnet-5-5", Usage(1, 0)) == 2


def test_the_price_follows_the_clock_into_another_half_hour_and_back() -> None:
    # deepseek-chat until September 2025: half the price from 16:30 to 00:30 UTC
    at = [datetime(2025, 8, 20, 16, 29, tzinfo=UTC)]
    pricing = Pricing(now=lambda: at[0])

    def cost() -> int:
        return pricing.cost_microusd("deepseek", "deepseek-chat", Usage(1_000_000, 0))

    day = cost()
    at[0] = datetime(2025, 8, 20, 16, 30, tzinfo=UTC)
    night = cost()
    at[0] = datetime(2025, 8, 20, 16, 29, 59, tzinfo=UTC)
    assert night < day == cost()


def test_rates_are_worked_out_once_until_prices_or_the_half_hour_change(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out: list[str] = []

    def counted(prices: ModelPrice, provider: str) -> tuple[Rates, ...]:
        worked_out.append(provider)
        return rates_of_snapshot(prices, provider)

    monkeypatch.setattr("gateway_core.providers.pricing.rates_of_snapshot", counted)
    at = [datetime(2026, 11, 23, 12, tzinfo=UTC)]
    pricing = Pricing(now=lambda: at[0])

    def one_call() -> int:
        before = len(worked_out)
        quoted = pricing.quoted()
        quoted.worst_case_microusd("anthropic", "claude-sonnet-5-5", 1000, 100)
        quoted.cost_microusd("anthropic", "claude-sonnet-5-5", Usage(1000, 100))
        return len(worked_out) - before

    assert one_call() and not one_call()
    at[0] += timedelta(minutes=31)
    assert one_call() and not one_call()
    pricing.override({"groq/small": Price(input=1, output=2)}, Price(input=30, output=150))
    assert one_call() and not one_call()
