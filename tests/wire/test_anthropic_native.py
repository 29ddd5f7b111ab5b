"""A caller's own Messages body and headers on their way to Anthropic."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.wire.anthropic_native import adapted, headers_for, native_body, unreserved, with_limits

Json = dict[str, Any]
ASKED: Json = {"model": "gateway-premium", "max_tokens": 4000, "messages": [{"role": "user", "content": "x"}]}
NONE: frozenset[str] = frozenset()


def body(limit: int = 4000, stream: bool = False, foreign: frozenset[str] = NONE, **more: Any) -> Json:
    return native_body({**ASKED, **more}, "claude-haiku-4-5", limit, stream=stream, foreign=foreign)


def test_only_the_model_the_limit_and_the_stream_are_the_gateways() -> None:
    extras: Any = {
        "temperature": 0.5,
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "new_field": [1],
    }
    assert body(**extras) == {**ASKED, **extras, "model": "claude-haiku-4-5"}
    assert body(limit=100, stream=True)["max_tokens"] == 100
    assert body(limit=9000)["max_tokens"] == 4000
    assert body(stream=True)["stream"] is True


@pytest.mark.parametrize(
    ("limit", "budget", "made"),
    [
        (4000, 5000, {"type": "enabled", "budget_tokens": 5000}),
        (3000, 2000, {"type": "enabled", "budget_tokens": 2000}),
        (3000, 3500, {"type": "enabled", "budget_tokens": 2999}),
        (1000, 2000, {"type": "disabled"}),
    ],
)
def test_a_lowered_limit_keeps_its_budget_below_it(limit: int, budget: int, made: Json) -> None:
    assert body(limit, thinking={"type": "enabled", "budget_tokens": budget})["thinking"] == made


def test_ways_of_inference_whose_price_is_set_aside_go_through_and_no_others() -> None:
    known: Json = {"speed": "fast", "inference_geo": "us", "service_tier": "standard_only"}
    assert unreserved(known, us_is_priced=True) == []
    assert unreserved(known, us_is_priced=False) == ["inference_geo"]
    odd: Json = {"speed": "warp", "inference_geo": ["us"], "service_tier": "priority"}
    assert unreserved(odd, us_is_priced=True) == ["speed", "inference_geo", "service_tier"]
    assert body(**known) == {**ASKED, **known, "model": "claude-haiku-4-5"}


def test_a_model_that_the_caller_did_not_name_is_not_asked_for_what_it_does_not_have() -> None:
    known: Json = {"max_tokens": 10, "speed": "fast", "inference_geo": "us"}
    assert adapted(known, "claude-opus-5-5") == (known, [])
    assert adapted(known, "claude-sonnet-5-5") == ({"max_tokens": 10, "inference_geo": "us"}, ["speed"])
    assert adapted(known, "claude-haiku-4-5") == ({"max_tokens": 10}, ["speed", "inference_geo"])


def test_a_server_tool_without_a_limit_gets_the_one_that_is_set_aside() -> None:
    search, fetch = ({"type": f"web_{kind}_20260318", "name": f"web_{kind}"} for kind in ("search", "fetch"))
    others = [{**fetch, "max_uses": 9}, {"name": "web_search_mine", "input_schema": {}}, {"type": "code_execution_1"}]
    made, names = with_limits({"tools": [search, *others]}, 5)
    assert (made["tools"], names) == ([{**search, "max_uses": 5}, *others], ["web_search"])
    assert with_limits(made, 7) == (made, []) and with_limits({}, 5) == ({}, [])


def test_thinking_that_the_model_did_not_write_is_left_out() -> None:
    thoughts = [{"type": "thinking", "thinking": "t", "signature": mark} for mark in ("own", "other", "llmgw", "")]
    hidden = [{"type": "redacted_thinking", "data": mark} for mark in ("own", "other")]
    said = {"role": "assistant", "content": [*thoughts, *hidden, {"type": "text", "text": "x"}]}
    made = body(foreign=frozenset({"other"}), messages=[said])["messages"][0]["content"]
    assert made == [thoughts[0], hidden[0], {"type": "text", "text": "x"}]
    alone = body(messages=[{"role": "assistant", "content": thoughts[2:]}])["messages"][0]["content"]
    assert [block["type"] for block in alone] == ["text"]


def test_headers_hold_nothing_but_betas_and_a_version() -> None:
    native = {"anthropic-beta": "a-1,, b-2,bad\r\nvalue,a-1", "anthropic-version": "2023-06-01"}
    assert headers_for(native, ["own"]) == {"anthropic-beta": "own,a-1,b-2", "anthropic-version": "2023-06-01"}
    assert headers_for({"anthropic-version": "new"}, []) == {}


FORCED = {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
BUDGET = {"type": "enabled", "budget_tokens": 7168}


@pytest.mark.parametrize(
    ("model", "said", "made"),
    [
        ("claude-sonnet-5-5", {"thinking": BUDGET, "temperature": 1},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}),
        ("claude-sonnet-5-5", {"thinking": BUDGET, "output_config": {"effort": "max"}},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("claude-haiku-4-5", {"thinking": BUDGET}, {"thinking": BUDGET}),
        ("claude-haiku-4-5", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
         {"thinking": {"type": "enabled", "budget_tokens": 2976}}),
        ("claude-sonnet-5-5", {"tool_choice": FORCED},
         {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        ("claude-opus-5", {"tool_choice": FORCED}, {"tool_choice": FORCED}),
        ("claude-sonnet-5-5", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
         {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
    ],
)  # fmt: skip
def test_a_caller_that_named_a_tier_is_spared_the_rules_of_its_model(model: str, said: Json, made: Json) -> None:
    body, changed = adapted({**ASKED, **said}, model)
    assert body == {**ASKED, **made}
    assert set(changed) == {name for name in said if said[name] != made.get(name)}
