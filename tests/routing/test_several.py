"""Tiers that several providers serve, and the limits of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import Decision, Refusal, Target, Tier
from gateway_core.routing.landscape import Capabilities, Landscape, Option, Room
from gateway_core.routing.router import Judgement, Known, is_unclear, route
from gateway_core.routing.session import Standing
from gateway_core.wire import errors
from tests.routing.requests import CHEAP, LOCAL, PREMIUM, landscape, request
from tests.routing.test_router import HARD

UNCLEAR = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
ROUTED = Target(Tier.CHEAP, "openrouter", "deepseek/deepseek-chat", free=False)
LAN = Target(Tier.CHEAP, "vllm", "qwen3-32b", free=True)
GPT = Target(Tier.PREMIUM, "openai", "gpt-6", free=False)
NAMED = {
    "local": Tier.LOCAL,
    "ollama": Tier.LOCAL,
    "groq": Tier.CHEAP,
    "openrouter": Tier.CHEAP,
    "vllm": Tier.CHEAP,
    "anthropic": Tier.PREMIUM,
    "openai": Tier.PREMIUM,
}


def several(**more: Any) -> Landscape:
    cheap = (Option(CHEAP), Option(ROUTED), Option(LAN))
    return landscape(cheap=cheap, premium=(Option(PREMIUM), Option(GPT)), named=NAMED, **more)


def decide(text: str, where: Landscape, model: str = "gateway-auto", **more: object) -> Decision:
    decision = route(request(text, model), where, Known(**more))  # type: ignore[arg-type]
    assert isinstance(decision, Decision), decision
    return decision


def refuse(text: str, where: Landscape, model: str) -> Refusal:
    refusal = route(request(text, model), where)
    assert isinstance(refusal, Refusal), refusal
    return refusal


def test_the_others_of_the_tier_come_before_the_other_tiers() -> None:
    decision = decide(UNCLEAR, several())
    assert (decision.target, decision.fallbacks) == (CHEAP, (ROUTED, LAN, PREMIUM, GPT, LOCAL))


def test_a_tier_that_is_named_keeps_to_itself() -> None:
    decision = decide("Hello!", several(), "gateway-cheap")
    assert (decision.target, decision.fallbacks) == (CHEAP, (ROUTED, LAN))


@pytest.mark.parametrize("model", ["openrouter/deepseek/deepseek-chat", "deepseek/deepseek-chat", "vllm/other"])
def test_a_model_that_is_named_has_no_fallback(model: str) -> None:
    where = several()
    if model == "deepseek/deepseek-chat":
        assert refuse("Hello!", where, model).code == "model_not_found"
        return
    decision = decide("Hello!", where, model)
    assert f"{decision.target.provider}/{decision.target.model}" == model
    assert decision.fallbacks == ()


def test_a_bare_model_is_found_at_whoever_serves_it() -> None:
    assert decide("Hello!", several(), "qwen3-32b").target == LAN
    assert decide("Hello!", several(), "qwen3-32b").fallbacks == ()


def test_a_free_provider_is_free_for_its_other_models_too() -> None:
    where = several(free=frozenset({"local", "ollama", "vllm"}))
    assert decide("Hello!", where, "vllm/other").target == Target(Tier.CHEAP, "vllm", "other", free=True)


def test_what_the_first_cannot_take_the_next_one_gets_and_the_reason_names_it() -> None:
    small = landscape(cheap=(Option(CHEAP, can=Capabilities(4_096)), Option(ROUTED)), named=NAMED)
    decision = decide("word " * 5_000, small, "gateway-cheap")
    assert decision.target == ROUTED
    assert any("cheap (groq/openai/gpt-oss-120b)" in r.text and "4,096" in r.text for r in decision.reasons)


def test_a_tool_loop_stays_on_the_second_provider_and_falls_back_to_its_tier() -> None:
    asked = request("Hello!")
    in_loop = replace(asked, view=replace(asked.view, in_tool_loop=True))
    decision = route(in_loop, several(), Known(Standing(ROUTED)))
    assert isinstance(decision, Decision)
    assert (decision.target, decision.fallbacks[:2]) == (ROUTED, (CHEAP, LAN))


def test_the_hard_limit_leaves_the_free_ones_of_a_paid_tier() -> None:
    spent = several(premium_blocked=True, paid_refusal=errors.budget_exceeded(5_000_000, 5_000_000))
    decision = decide(UNCLEAR, spent)
    assert (decision.target, decision.fallbacks) == (LAN, (LOCAL,))
    assert decide("Hello!", spent, "gateway-cheap").target == LAN
    assert decide("Hello!", spent, "vllm/qwen3-32b").target == LAN


def test_the_medium_limit_does_not_move_a_premium_tier_that_is_free() -> None:
    free = replace(GPT, free=True)
    where = landscape(premium=(Option(PREMIUM), Option(free)), named=NAMED, premium_blocked=True)
    assert decide(HARD, where, "gateway-premium").target == free


# --- limits of a provider's own -------------------------------------------------------------------------------------


FULL = {"groq": Room(wait_s=7)}


def test_a_provider_at_its_limit_is_skipped_with_the_reason() -> None:
    decision = decide(UNCLEAR, several(rooms=FULL))
    assert (decision.target, CHEAP in decision.fallbacks) == (ROUTED, False)
    assert any("groq's own limit is reached, free again in 7 s" in reason.text for reason in decision.reasons)


@pytest.mark.parametrize("model", ["groq/openai/gpt-oss-120b", "gateway-cheap"])
def test_what_can_only_go_there_is_told_when_to_come_back(model: str) -> None:
    refusal = refuse("Hello!", landscape(rooms=FULL, named=NAMED), model)
    assert (refusal.http_status, refusal.code, refusal.retry_after_s) == (429, "rate_limit_exceeded", 7)
    assert "groq" in refusal.message


def test_the_wait_for_tokens_depends_on_the_request() -> None:
    room = {"groq": Room(tokens_per_minute=6_000, tokens=1_000)}
    assert decide("Hello!", landscape(rooms=room, named=NAMED), "gateway-cheap").target == CHEAP
    refusal = refuse("word " * 2_500, landscape(rooms=room, named=NAMED), "gateway-cheap")
    assert refusal.retry_after_s is not None and 5 <= refusal.retry_after_s <= 40


def test_a_request_above_a_whole_minute_is_too_long_and_no_wait_helps() -> None:
    room = {"groq": Room(tokens_per_minute=1_000, tokens=1_000)}
    refusal = refuse("word " * 5_000, landscape(rooms=room, named=NAMED), "groq/x")
    assert (refusal.code, refusal.retry_after_s) == ("context_length_exceeded", None)


def test_a_providers_own_daily_limit_stops_what_it_charges_for_only() -> None:
    spent = errors.budget_exceeded(1_000_000, 1_000_000, "openrouter")
    where = several(rooms={"openrouter": Room(spent=spent), "vllm": Room(spent=spent)})
    assert ROUTED not in (decision := decide(UNCLEAR, where)).fallbacks and LAN in decision.fallbacks
    assert refuse("Hello!", where, "openrouter/x") == spent
    assert "daily limit of openrouter reached" in spent.message and len(spent.message) <= 300


# --- a model that judges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "target", "name"),
    [("easy", LOCAL, "judged:easy"), ("medium", CHEAP, "judged:medium"), ("hard", PREMIUM, "judged:hard")],
)
def test_a_judgement_decides_what_the_rules_leave_open(level: str, target: Target, name: str) -> None:
    judgement = Judgement(level, "groq's openai/gpt-oss-20b")  # type: ignore[arg-type]
    decision = decide(UNCLEAR, landscape(), judgement=judgement)
    assert (decision.target, decision.route) == (target, name)
    assert f"groq's openai/gpt-oss-20b says {level}" in decision.reasons[0].text


def test_nobody_is_asked_where_the_rules_or_the_caller_know() -> None:
    assert is_unclear(request(UNCLEAR), landscape())
    for clear in (request("Hello!"), request(HARD), request(UNCLEAR, "gateway-cheap"), request(UNCLEAR, "nobody/x")):
        assert not is_unclear(clear, landscape())
    assert not is_unclear(request(UNCLEAR), landscape(forced=Tier.LOCAL))
    judgement = Judgement("hard", "somebody")
    assert decide("Hello!", landscape(), judgement=judgement).target == LOCAL
