"""Token counts in, token counts out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import Usage
from gateway_core.wire.usage import read_usage, usage_json


def test_cached_tokens_are_part_of_the_prompt() -> None:
    usage = read_usage(
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 5},
            }
        }
    )
    assert usage == Usage(10, 20, cache_read_tokens=60, cache_write_5m_tokens=30, reasoning_tokens=5)
    assert usage.prompt_tokens == 100


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"x_groq": {"id": "r", "usage": {"prompt_tokens": 7, "completion_tokens": 2}}}, Usage(7, 2)),
        ({"usage": {"prompt_tokens": 7, "completion_tokens": 2, "prompt_cache_hit_tokens": 3}}, Usage(4, 2, 3)),
        ({"usage": {"prompt_tokens": 7.0, "completion_tokens": None}}, Usage(7, 0)),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 2}}, Usage(0, 2)),
        (
            {"usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}},
            Usage(0, 2, 5),
        ),
        ({"usage": {"prompt_tokens": math.nan, "completion_tokens": "7"}}, None),
        ({"usage": {"prompt_tokens": math.inf, "completion_tokens": True}}, None),
        ({"usage": None}, None),
        ({"usage": [], "x_groq": 3}, None),
        ({}, None),
    ],
)
def test_every_servers_shape_is_read_and_nonsense_is_not(body: dict[str, Any], usage: Usage | None) -> None:
    assert read_usage(body) == usage


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3))
def test_no_report_makes_a_negative_or_endless_count(value: Any) -> None:
    usage = read_usage(
        {
            "usage": {
                "prompt_tokens": value,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": value, "cache_write_tokens": value},
                "completion_tokens_details": {"reasoning_tokens": value},
            }
        }
    )
    assert usage is not None
    counts = [
        getattr(usage, name) for name in ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
    ]
    assert all(isinstance(number, int) and 0 <= number <= 10**9 for number in counts)
    assert usage.reasoning_tokens <= usage.output_tokens


@given(st.builds(Usage, *[st.integers(0, 10**6)] * 4))
def test_reported_usage_is_read_back(usage: Usage) -> None:
    assert read_usage({"usage": usage_json(usage, None)}) == usage
    assert read_usage({"usage": usage_json(usage, 1_234_567)}) == replace(usage, reported_cost_microusd=1_234_567)


def test_cost_is_in_dollars_and_left_out_when_unknown() -> None:
    assert usage_json(Usage(1, 2), 1_234_567)["cost"] == 1.234567
    assert usage_json(Usage(1, 2), 0)["cost"] == 0
    assert "cost" not in usage_json(Usage(1, 2), None)
