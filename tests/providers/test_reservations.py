"""What is set aside for a request before it is sent, against figures worked out by hand from the price lists.

Prices are US dollars for a million tokens, which are micro-dollars a token. Those of 2026-11-23, from genai-prices.
claude-sonnet-5-5: 2 in, 10 out, 4 written for an hour. Searches 10 for a thousand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway_core.model import Target, Tier
from gateway_core.providers.pricing import Pricing
from tests.providers.calls import make_call

SONNET, OPUS = "claude-sonnet-5-5", "claude-opus-5-5"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def pricing() -> Pricing:
    return Pricing(now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))


def reserved(pricing: Pricing, provider: str, model: str, ceiling: int, limit: int, **body: Any) -> int:
    """What is set aside for a request with a prompt of at most ``ceiling`` tokens."""
    request = make_call().request
    size = replace(request.size, input_tokens_ceiling=ceiling)
    request = replace(request, size=size, body={**request.body, **body})
    return pricing.reservation_microusd(Target(Tier.PREMIUM, provider, model, free=False), request, limit)


def test_a_plain_request_sets_aside_its_ceiling_at_the_dearest_input(pricing: Pricing) -> None:
    assert reserved(pricing, "anthropic", SONNET, 1000, 100) == 1000 * 4 + 100 * 10


def test_searches_are_set_aside_with_what_they_add_to_the_prompt(pricing: Pricing) -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]
    # 3 rounds of 1000, and 2 results of 15,000 read in at most (3 + 1) / 2 rounds; 2 searches
    prompt = 3 * 1000 + 30_000 * 4 // 2
    assert reserved(pricing, "anthropic", SONNET, 1000, 100, tools=tools) == prompt * 4 + 100 * 10 + 2 * 10_000


def test_a_search_tool_without_a_limit_counts_as_often_as_configured() -> None:
    tools = [{"type": "web_search_20260318", "name": "web_search"}]
    few, many = (
        reserved(Pricing(server_tool_uses=uses), "anthropic", SONNET, 1000, 100, tools=tools) for uses in (1, 8)
    )
    assert few < many


def test_faster_and_nearer_inference_is_set_aside(pricing: Pricing) -> None:
    plain = reserved(pricing, "anthropic", OPUS, 1000, 100)
    assert reserved(pricing, "anthropic", OPUS, 1000, 100, speed="fast") == plain * 2
    assert reserved(pricing, "anthropic", OPUS, 1000, 100, inference_geo="us") == plain * 11 // 10


def test_audio_is_set_aside_at_its_own_price(pricing: Pricing) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    messages = [{"role": "user", "content": [part]}]
    assert reserved(pricing, "openai", "gpt-audio", 1000, 10) == 2500 + 100
    assert reserved(pricing, "openai", "gpt-audio", 1000, 10, messages=messages) == 32_000 + 640


@pytest.mark.parametrize(
    "body",
    [
        {"tools": "x"},
        {"tools": [None, {"type": 3}, {"type": "web_search_1", "max_uses": "many"}]},
        {"messages": [{"content": [None]}], "speed": 7, "mcp_servers": {}, "modalities": "audio"},
        {"tools": [{"type": "web_fetch_1", "max_uses": -3, "max_content_tokens": True}]},
    ],
)
def test_nonsense_in_a_body_still_sets_something_aside(pricing: Pricing, body: Json) -> None:
    assert reserved(pricing, "anthropic", SONNET, 1000, 100, **body) >= 5000
