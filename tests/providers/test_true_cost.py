"""Every shape of usage, as its provider sends it, against figures worked out by hand from the price lists.

Prices are US dollars for a million tokens, which are micro-dollars a token. Those of 2026-11-23, from genai-prices.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway_core.model import Usage
from gateway_core.providers.pricing import Pricing
from gateway_core.settings import Price
from gateway_core.wire.anthropic_answers import read_anthropic_usage
from gateway_core.wire.usage import read_usage, usage_json

SONNET, HAIKU, OPUS = "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5-5"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def pricing() -> Pricing:
    return Pricing(now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))


# claude-sonnet-5-5: 2 in, 10 out, 0.10 read, 2.50 and 4 written. claude-haiku-5-5: 0.10 in, 0.50 out, 0.01 read, 0.125
# and 0.20 written; five times that above 100,000 prompt tokens. claude-opus-5-5: 4 in, 20 out, 0.20 read, 5 and 8
# written; twice that in fast mode. Searches 10 for a thousand.
ANTHROPIC: list[tuple[str, str, list[Json], Usage, int]] = [
    ("plain: 1000x2 + 200x10", SONNET, [{"input_tokens": 1000, "output_tokens": 200}], Usage(1000, 200), 4000),
    (
        "written for 5 minutes: 3x2 + 12304x2.5 + 550x10",
        SONNET,
        [{"input_tokens": 3, "cache_creation_input_tokens": 12304, "cache_read_input_tokens": 0, "output_tokens": 550}],
        Usage(3, 550, cache_write_5m_tokens=12304),
        36_266,
    ),
    (
        "written for an hour: 10x2 + 5000x4 + 1x10",
        SONNET,
        [
            {
                "input_tokens": 10,
                "output_tokens": 1,
                "cache_creation_input_tokens": 5000,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5000},
            }
        ],
        Usage(10, 1, cache_write_1h_tokens=5000),
        20_030,
    ),
    (
        "both lifetimes and a read: 1x2 + 20000x0.1 + 400x2.5 + 200x4 + 50x10",
        SONNET,
        [
            {
                "input_tokens": 1,
                "output_tokens": 50,
                "cache_read_input_tokens": 20_000,
                "cache_creation_input_tokens": 600,
                "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 200},
            }
        ],
        Usage(1, 50, 20_000, 400, 200),
        4302,
    ),
    (
        "a split of nothing beside 4000 written (anthropic-sdk-java#353): 4000x2.5 + 5x10",
        SONNET,
        [
            {
                "input_tokens": 0,
                "output_tokens": 5,
                "cache_creation_input_tokens": 4000,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            }
        ],
        Usage(0, 5, cache_write_5m_tokens=4000),
        10_050,
    ),
    (
        "a stream, cumulative, that says input and cache twice: 10x2 + 100x0.1 + 50x2.5 + 20x4 + 90x10",
        SONNET,
        [
            {
                "input_tokens": 10,
                "output_tokens": 1,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 70,
                "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
                "service_tier": "standard",
            },
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 70,
                "output_tokens": 40,
            },
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 70,
                "output_tokens": 90,
            },
        ],
        Usage(10, 90, 100, 50, 20),
        1135,
    ),
    (
        "thinking is output: 100x2 + 3000x10",
        SONNET,
        [{"input_tokens": 100, "output_tokens": 3000, "output_tokens_details": {"thinking_tokens": 2900}}],
        Usage(100, 3000, reasoning_tokens=2900),
        30_200,
    ),
    (
        "three searches, a fetch for nothing: 2500x2 + 400x10 + 3x10000",
        SONNET,
        [
            {"input_tokens": 500, "output_tokens": 1},
            {
                "input_tokens": 2500,
                "output_tokens": 400,
                "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1, "code_execution_requests": 2},
            },
        ],
        Usage(2500, 400, web_searches=3),
        39_000,
    ),
    (
        "100,001 prompt tokens, most of them read, pass Haiku's limit: 1x0.5 + 100000x0.05 + 10x2.5",
        HAIKU,
        [{"input_tokens": 1, "cache_read_input_tokens": 100_000, "output_tokens": 10}],
        Usage(1, 10, 100_000),
        5026,
    ),
    (
        "100,000 do not: 100000x0.01 + 10x0.5",
        HAIKU,
        [{"input_tokens": 0, "cache_read_input_tokens": 100_000, "output_tokens": 10}],
        Usage(0, 10, 100_000),
        1005,
    ),
    (
        "a batch at half price: 1000x1 + 200x5",
        SONNET,
        [{"input_tokens": 1000, "output_tokens": 200, "service_tier": "batch"}],
        Usage(1000, 200, service_tier="batch"),
        2000,
    ),
    (
        "priority capacity at the list price: 1000x2 + 200x10",
        SONNET,
        [{"input_tokens": 1000, "output_tokens": 200, "service_tier": "priority"}],
        Usage(1000, 200),
        4000,
    ),
    (
        "fast mode, cache too: 100x8 + 1000x0.4 + 50x10 + 200x40",
        OPUS,
        [
            {
                "input_tokens": 100,
                "output_tokens": 200,
                "cache_read_input_tokens": 1000,
                "cache_creation_input_tokens": 50,
                "speed": "fast",
            },
            {"output_tokens": 200},
        ],
        Usage(100, 200, 1000, 50, fast=True),
        9700,
    ),
    (
        "in the United States only, searches not: (1000x2 + 1000x0.1 + 200x10)x1.1 + 1x10000",
        SONNET,
        [
            {
                "input_tokens": 1000,
                "cache_read_input_tokens": 1000,
                "output_tokens": 200,
                "inference_geo": "us",
                "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            }
        ],
        Usage(1000, 200, 1000, web_searches=1, us_only=True),
        14_510,
    ),
    (
        "a compaction that the sums leave out: (100+4000)x2 + (20+300)x10",
        SONNET,
        [
            {
                "input_tokens": 100,
                "output_tokens": 20,
                "iterations": [
                    {"type": "compaction", "input_tokens": 4000, "output_tokens": 300},
                    {"type": "message", "input_tokens": 100, "output_tokens": 20},
                ],
            }
        ],
        Usage(4100, 320),
        11_400,
    ),
    (
        "an advisor at its own price: 100x2 + 20x10 + 500x4 + 30x20",
        SONNET,
        [
            {
                "input_tokens": 100,
                "output_tokens": 20,
                "iterations": [
                    {"type": "advisor_message", "model": OPUS, "input_tokens": 500, "output_tokens": 30},
                ],
            }
        ],
        Usage(100, 20, others=((OPUS, Usage(500, 30)),)),
        3000,
    ),
]


@pytest.mark.parametrize(
    ("model", "reports", "usage", "cost"), [row[1:] for row in ANTHROPIC], ids=[row[0] for row in ANTHROPIC]
)
def test_anthropic(pricing: Pricing, model: str, reports: list[Json], usage: Usage, cost: int) -> None:
    read: Usage | None = None
    for report in reports:
        read = read_anthropic_usage(report, read)
    assert read == usage
    assert pricing.cost_microusd("anthropic", model, read) == cost


# gpt-5.6-luna: 0.20 in, 1.20 out, 0.02 read, 0.25 written; above 272,000 0.40, 1.80, 0.04, 0.50; priority 0.40, 2.40,
# flex 0.10, 0.60. gpt-audio: 2.50 in, 10 out, audio 32 and 64. gpt-oss-120b at Groq: 0.15 in, 0.60 out, 0.075 read.
# deepseek-v3.1-terminus: 0.27 in, 0.95 out, 0.13 read.
LUNA, OSS, TERMINUS = "gpt-5.6-luna", "openai/gpt-oss-120b", "deepseek-v3.1-terminus"
OTHERS: list[tuple[str, str, str, Json, Usage, int]] = [
    (
        "cached and reasoning are part of the sums: 200x0.2 + 800x0.02 + 500x1.2",
        "openai",
        LUNA,
        {
            "service_tier": "default",
            "usage": {
                "prompt_tokens": 1000,
                "completion_tokens": 500,
                "total_tokens": 1500,
                "prompt_tokens_details": {"cached_tokens": 800, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 320,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 60,
                },
            },
        },
        Usage(200, 500, 800, reasoning_tokens=320),
        656,
    ),
    (
        "cache writes: 100x0.2 + 300x0.02 + 600x0.25 + 10x1.2",
        "openai",
        LUNA,
        {
            "usage": {
                "prompt_tokens": 1000,
                "completion_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 600},
            }
        },
        Usage(100, 10, 300, 600),
        188,
    ),
    (
        "priority as reported: 1000x0.4 + 100x2.4",
        "openai",
        LUNA,
        {"service_tier": "priority", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}},
        Usage(1000, 100, service_tier="priority"),
        640,
    ),
    (
        "flex as reported: 1000x0.1 + 100x0.6",
        "openai",
        LUNA,
        {"service_tier": "flex", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}},
        Usage(1000, 100, service_tier="flex"),
        160,
    ),
    (
        "a long prompt: 300000x0.4 + 10x1.8",
        "openai",
        LUNA,
        {"usage": {"prompt_tokens": 300_000, "completion_tokens": 10}},
        Usage(300_000, 10),
        120_018,
    ),
    (
        "audio: 100x2.5 + 50x32 + 20x10 + 30x64",
        "openai",
        "gpt-audio",
        {
            "usage": {
                "prompt_tokens": 150,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": 100, "audio_tokens": 50},
                "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 20, "audio_tokens": 30},
            }
        },
        Usage(150, 50, audio_input_tokens=50, audio_output_tokens=30),
        3970,
    ),
    (
        "Responses: 400x0.2 + 500x0.02 + 100x0.25 + 70x1.2",
        "openai",
        LUNA,
        {
            "object": "response",
            "usage": {
                "input_tokens": 1000,
                "input_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 100},
                "output_tokens": 70,
                "output_tokens_details": {"reasoning_tokens": 64},
                "total_tokens": 1070,
            },
        },
        Usage(400, 70, 500, 100, reasoning_tokens=64),
        199,
    ),
    (
        "Groq's stream: 100x0.15 + 100x0.075 + 10x0.6, rounded up once from 28.5",
        "groq",
        OSS,
        {
            "x_groq": {
                "id": "r",
                "usage": {
                    "queue_time": 0.01,
                    "prompt_tokens": 200,
                    "completion_tokens": 10,
                    "prompt_tokens_details": {"cached_tokens": 100},
                },
            }
        },
        Usage(100, 10, 100),
        29,
    ),
    (
        "DeepSeek's hits and misses: 400x0.27 + 600x0.13 + 100x0.95",
        "deepseek",
        TERMINUS,
        {
            "usage": {
                "prompt_tokens": 1000,
                "completion_tokens": 100,
                "prompt_cache_hit_tokens": 600,
                "prompt_cache_miss_tokens": 400,
            }
        },
        Usage(400, 100, 600),
        281,
    ),
    (
        "OpenRouter's own charge, 0.0012345 dollars rounded up",
        "openrouter",
        "anthropic/claude-sonnet-5",
        {
            "usage": {
                "prompt_tokens": 194,
                "completion_tokens": 2,
                "cost": 0.0012345,
                "cost_details": {"upstream_inference_cost": None},
                "is_byok": False,
            }
        },
        Usage(194, 2, reported_cost_microusd=1235),
        1235,
    ),
    (
        "OpenRouter with a key of one's own: a fee of 0.0001 beside 0.002 for the model",
        "openrouter",
        "anthropic/claude-sonnet-5",
        {
            "usage": {
                "prompt_tokens": 194,
                "completion_tokens": 2,
                "cost": 0.0001,
                "cost_details": {"upstream_inference_cost": 0.002},
                "is_byok": True,
            }
        },
        Usage(194, 2, reported_cost_microusd=2100),
        2100,
    ),
    (
        "llama.cpp's timings, free",
        "local",
        "any",
        {"timings": {"cache_n": 30, "prompt_n": 70, "predicted_n": 20, "predicted_ms": 100.5}},
        Usage(70, 20, 30),
        0,
    ),
    (
        "Ollama, free",
        "local",
        "qwen3:8b",
        {"usage": {"prompt_tokens": 26, "completion_tokens": 298, "total_tokens": 324}},
        Usage(26, 298),
        0,
    ),
]


@pytest.mark.parametrize(
    ("provider", "model", "body", "usage", "cost"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS]
)
def test_openai_and_its_kin(pricing: Pricing, provider: str, model: str, body: Json, usage: Usage, cost: int) -> None:
    assert read_usage(body) == usage
    assert pricing.cost_microusd(provider, model, usage) == cost


@pytest.mark.parametrize("cost", [-1, "0.5", None, True, float("nan"), float("inf"), 1e9, [], {"total_cost": -3}])
def test_a_charge_that_cannot_be_true_is_not_believed(pricing: Pricing, cost: object) -> None:
    usage = read_usage({"usage": {"prompt_tokens": 10, "completion_tokens": 1, "cost": cost}})
    assert usage == Usage(10, 1)


def test_a_charge_of_nothing_is_believed_only_where_no_price_is_known(pricing: Pricing) -> None:
    usage = Usage(1000, 100, reported_cost_microusd=0)
    assert pricing.cost_microusd("openai", LUNA, usage) == 320
    assert pricing.cost_microusd("openrouter", "nobody/model-of-tomorrow", usage) == 0


def test_the_users_own_price_wins_over_the_providers_charge() -> None:
    own = Pricing({"openrouter/*": Price(input=1, output=2)})
    assert own.cost_microusd("openrouter", "any/model", Usage(10, 5, reported_cost_microusd=7)) == 20


def test_the_nearest_pattern_of_a_price_wins() -> None:
    prices = {
        "openrouter/*": Price(input=1, output=1),
        "openrouter/meta/*": Price(input=2, output=2),
        "openrouter/meta/llama": Price(input=3, output=3),
    }
    own = Pricing(prices)
    costs = [own.cost_microusd("openrouter", model, Usage(1, 0)) for model in ("x", "meta/x", "meta/llama")]
    assert costs == [1, 2, 3]
    assert own.is_known("openrouter", "x") and not own.is_known("groq", "x")


def test_the_users_own_price_is_dearer_in_fast_mode_by_what_the_list_says() -> None:
    own = Pricing({f"anthropic/{OPUS}": Price(input=1, output=2), "anthropic/new": Price(input=1, output=2)})
    assert own.cost_microusd("anthropic", OPUS, Usage(100, 100, fast=True)) == 600
    assert own.cost_microusd("anthropic", "new", Usage(100, 100, fast=True)) == 1800  # six times: none is listed


def test_a_model_of_the_list_without_a_fast_price_is_charged_the_dearest_factor(pricing: Pricing) -> None:
    # claude-opus-4-6: 5 in, 25 out, six times that in fast mode
    assert pricing.cost_microusd("anthropic", "claude-opus-4-6", Usage(100, 100, fast=True)) == 18_000
    # gpt-4o-audio-preview has no priority price: 2.5 times 2.50 and 10
    assert pricing.cost_microusd("openai", "gpt-4o-audio-preview", Usage(100, 100, service_tier="priority")) == 3125


def test_deepseeks_price_is_that_of_the_hour() -> None:
    night, day = (Pricing(now=lambda at=at: datetime(2025, 8, 20, at, tzinfo=UTC)) for at in (17, 12))  # type: ignore[misc]
    usage = Usage(1000, 1000)
    assert night.cost_microusd("deepseek", "deepseek-reasoner", usage) < day.cost_microusd(
        "deepseek", "deepseek-reasoner", usage
    )
    early = Pricing(now=lambda: datetime(2025, 8, 20, 0, 20, tzinfo=UTC))
    assert early.worst_case_microusd("deepseek", "deepseek-reasoner", 1000, 1000) >= day.cost_microusd(
        "deepseek", "deepseek-reasoner", usage
    )


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [(("anthropic"), row[1], row[3]) for row in ANTHROPIC] + [(row[1], row[2], row[4]) for row in OTHERS],
)
def test_the_parts_of_a_cost_add_up_to_it(pricing: Pricing, provider: str, model: str, usage: Usage) -> None:
    cost = pricing.cost(provider, model, usage)
    assert sum(asdict(cost).values()) == cost.total_microusd == pricing.cost_microusd(provider, model, usage)
    body = usage_json(usage, cost.total_microusd, cost)
    assert round(sum(body["cost_details"].values()) * 1e6) == round(body["cost"] * 1e6) == cost.total_microusd


def test_parts_that_are_not_of_this_cost_are_left_out(pricing: Pricing) -> None:
    cost = pricing.cost("openai", LUNA, Usage(1000, 100))
    assert "cost_details" not in usage_json(Usage(1000, 100), 0, cost)
