"""What an upstream reports is believed as far as it can be true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import Target, Tier, Usage
from gateway_core.providers.plausible import LARGEST_CONTEXT, Called, plausible
from gateway_core.providers.pricing import Pricing
from tests.providers.calls import make_call

CLAUDE = Target(Tier.PREMIUM, "anthropic", "claude-sonnet-5-5", free=False)
UNKNOWN = Target(Tier.CHEAP, "somewhere", "model-of-tomorrow", free=False)
FREE = Target(Tier.LOCAL, "local", "qwen3", free=True)
LIMIT, ARRIVED, SECONDS = 300, 100, 2.0
PRICING = Pricing()
CONTEXT = PRICING.context_window("anthropic", "claude-sonnet-5-5") or 0
WRITTEN = ARRIVED + 1_000 + 1_000
"""What arrived, 500 tokens for each second, and a thousand beside."""


def called(target: Target = CLAUDE, limit: int | None = LIMIT, **body: Any) -> Called:
    return Called(make_call(**body).request, target, PRICING, limit, ARRIVED, SECONDS)


def test_what_is_within_what_was_sent_and_asked_for_is_believed_without_a_word() -> None:
    usage = Usage(10, LIMIT, cache_read_tokens=10, reasoning_tokens=200)
    assert plausible(usage, called()) == (usage, None)


def test_a_prompt_that_no_model_can_have_read_is_charged_as_all_that_its_context_holds_and_remarked() -> None:
    taken, remark = plausible(Usage(100_000_000, 20), called())
    assert taken == Usage(CONTEXT, 20) and CONTEXT > 100_000
    assert remark and "100,000,000 prompt" in remark.text and f"{CONTEXT:,} prompt" in remark.text


def test_a_context_that_nobody_knows_is_taken_as_the_largest() -> None:
    assert plausible(Usage(100_000_000, 20), called(UNKNOWN))[0].prompt_tokens == LARGEST_CONTEXT


def test_a_prompt_that_is_longer_than_what_was_sent_but_fits_is_charged_and_remarked() -> None:
    """Hidden instructions are billed too: nothing that can be true is charged at less."""
    usage = Usage(90_000, 20)
    taken, remark = plausible(usage, called())
    assert taken == usage and remark and "Charged as reported" in remark.text


def test_hidden_thinking_beyond_the_limit_is_believed_for_the_time_that_it_can_have_taken() -> None:
    usage = Usage(10, WRITTEN, reasoning_tokens=WRITTEN - 20)
    assert plausible(usage, called()) == (usage, None)
    taken, remark = plausible(Usage(10, 200_000, reasoning_tokens=199_000), called())
    assert (taken.output_tokens, taken.reasoning_tokens) == (WRITTEN, WRITTEN) and remark


def test_the_whole_limit_is_believed_however_fast_it_came() -> None:
    usage = Usage(10, 64_000)
    assert plausible(usage, called(limit=64_000)) == (usage, None)


def test_rejected_predictions_are_believed_though_they_took_no_time() -> None:
    guess = {"type": "content", "content": "word " * 8_000}
    usage = Usage(10, WRITTEN + 8_000)
    assert plausible(usage, called(prediction=guess)) == (usage, None)
    assert plausible(usage, called())[0].output_tokens == WRITTEN


def test_server_tools_and_models_that_search_by_themselves_may_read_the_context_over_and_over() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]
    searching = Usage(3 * CONTEXT, 20, web_searches=3)
    assert plausible(searching, called(tools=tools))[0] == searching
    agent = replace(UNKNOWN, model="groq/compound")
    assert plausible(Usage(5 * LARGEST_CONTEXT, 20), called(agent))[0].prompt_tokens == 5 * LARGEST_CONTEXT


def test_what_is_cut_is_cut_on_the_dear_side() -> None:
    usage = Usage(CONTEXT, 20, cache_read_tokens=CONTEXT, cache_write_5m_tokens=7, cache_write_1h_tokens=5)
    taken, _ = plausible(usage, called())
    assert (taken.cache_write_1h_tokens, taken.cache_write_5m_tokens) == (5, 7)
    assert (taken.input_tokens, taken.cache_read_tokens, taken.prompt_tokens) == (CONTEXT - 12, 0, CONTEXT)


@pytest.mark.parametrize(
    "lie",
    [
        Usage(10, 20, web_searches=1_000_000),
        Usage(10, 20, others=(("claude-opus-5-5", Usage(900_000_000, 900_000_000)),)),
        Usage(10, 20, others=(("claude-opus-5-5", Usage(1_000_000, 2_000)),) * 10_000),
    ],
)
def test_searches_and_further_models_are_bounded_too(lie: Usage) -> None:
    taken, remark = plausible(lie, called())
    paid, claimed = (PRICING.cost_microusd(CLAUDE.provider, CLAUDE.model, usage) for usage in (taken, lie))
    assert remark and paid < 200_000_000 and paid < claimed / 50


def test_a_providers_own_charge_is_believed_up_to_what_the_call_can_have_cost() -> None:
    believable = Usage(10, 20, reported_cost_microusd=20_000)
    assert plausible(believable, called(UNKNOWN)) == (believable, None)
    taken, remark = plausible(replace(believable, reported_cost_microusd=999_000_000), called(UNKNOWN))
    assert 0 < (taken.reported_cost_microusd or 0) < 100_000_000 and remark and "999.00 USD" in remark.text


def test_a_free_model_that_counts_wrong_fills_nobodys_rate_limit() -> None:
    taken, remark = plausible(Usage(900_000_000, 900_000_000), called(FREE, limit=None))
    assert (taken.prompt_tokens, taken.output_tokens) == (LARGEST_CONTEXT, WRITTEN)
    assert remark and "bill" not in remark.text
