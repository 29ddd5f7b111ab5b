"""What a model can take and how long it would take, as what was reported and measured says."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import ChatRequest, Decision, DecisionRecord, Lane, Refusal, Target, Tier
from gateway_core.routing.feasibility import fits, obstacle, prompt_tokens, seconds, tokens_needed
from gateway_core.routing.landscape import (
    Capabilities,
    ExpectedAnswer,
    InMemory,
    Landscape,
    Option,
    Pace,
    Patience,
)
from gateway_core.routing.router import NOTHING, Known, route
from gateway_core.routing.session import Standing
from gateway_core.store.codec import from_json
from tests.routing.requests import CHEAP, LOCAL, PREMIUM, landscape, request

UNCLEAR = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
LONG = f"{UNCLEAR}\n" * 520
BIG = Target(Tier.CHEAP, "local", "qwen3:14b", free=True)
BUILTIN = Target(Tier.LOCAL, "local", "builtin/smollm2-135m", free=True)
PACE = Pace(prompt_tokens_per_s=100.0, tokens_per_s=10.0)
PATIENT = Patience(150.0, 300.0)
PUSHES = InMemory(False, pushes_out="qwen3:8b", in_use="used 40 s ago")
LOADED = InMemory(True)


def decide(asked: ChatRequest, where: Landscape, known: Known = NOTHING) -> Decision:
    decision = route(asked, where, known)
    assert isinstance(decision, Decision), decision
    return decision


def on(target: Target | None) -> Known:
    """A session whose last request that model answered."""
    return Known(Standing(target) if target else None)


def told(decision: Decision) -> str:
    return "\n".join(f"{reason.step}: {reason.text}" for reason in decision.reasons)


def background(asked: ChatRequest) -> ChatRequest:
    return replace(asked, view=replace(asked.view, lane=Lane.BACKGROUND, purpose="heartbeat"))


def in_tool_loop(asked: ChatRequest) -> ChatRequest:
    return replace(asked, view=replace(asked.view, in_tool_loop=True, session="s"))


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_tokens_are_counted_as_the_model_counts_them() -> None:
    size = request(LONG).size
    plain, finer = Option(LOCAL, can=Capabilities(16_384)), Option(LOCAL, can=Capabilities(16_384), ratio=1.4)
    assert prompt_tokens(size, finer) == pytest.approx(size.input_tokens * 1.4, abs=1)
    assert tokens_needed(size, finer) - prompt_tokens(size, finer) == 512
    assert fits(size, plain) and not fits(size, finer)
    problem = obstacle(size, finer, landscape())
    assert problem and f"{tokens_needed(size, finer):,} tokens are needed" in problem and "16,384" in problem


def test_a_refusal_tells_the_tokens_of_the_model_that_could_have_taken_the_most() -> None:
    asked = request(LONG)
    small, larger = Capabilities(4_096), Capabilities(12_000)
    where = landscape(
        Option(LOCAL, can=small, ratio=2.0), Option(CHEAP, can=larger, ratio=1.2), Option(PREMIUM, can=small)
    )
    refusal = route(asked, where)
    assert isinstance(refusal, Refusal) and refusal.code == "context_length_exceeded"
    assert f"about {prompt_tokens(asked.size, Option(CHEAP, ratio=1.2))} tokens" in refusal.message
    assert "takes 12000" in refusal.message


# --- structured output ----------------------------------------------------------------------------------------------

SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


@pytest.mark.parametrize("form", [SCHEMA, {"type": "json_object"}])
def test_a_model_that_is_known_not_to_hold_to_json_is_passed_over(form: object) -> None:
    loose = landscape(Option(LOCAL, can=Capabilities(structured=False)))
    decision = decide(request("Hello!", response_format=form), loose)
    assert decision.target == CHEAP and "cannot be held to JSON or a schema" in told(decision)
    assert decide(request("Hello!"), loose).target == LOCAL


@pytest.mark.parametrize("known", [True, None])
def test_structure_is_no_obstacle_where_it_can_be_or_nobody_knows(known: bool | None) -> None:
    where = landscape(Option(LOCAL, can=Capabilities(structured=known)))
    assert decide(request("Hello!", response_format=SCHEMA), where).target == LOCAL


# --- seconds --------------------------------------------------------------------------------------------------------


def test_the_seconds_are_of_load_wait_prompt_and_answer() -> None:
    size = request(LONG).size
    option = Option(LOCAL, ratio=1.2, pace=PACE, answer=ExpectedAnswer(300))
    whole_s = prompt_tokens(size, option) / 100 + 30
    assert seconds(size, option, Lane.INTERACTIVE) == pytest.approx(whole_s)
    busy = replace(option, pace=replace(PACE, load_s=12.0, wait_s=7.0))
    assert seconds(size, busy, Lane.INTERACTIVE) == pytest.approx(whole_s + 19)
    short = replace(size, max_output_tokens=20)
    assert seconds(short, option, Lane.INTERACTIVE) == pytest.approx(whole_s - 28)
    quick = replace(option, background_answer=ExpectedAnswer(10))
    assert seconds(size, quick, Lane.BACKGROUND) == pytest.approx(whole_s - 29)


@pytest.mark.parametrize(
    "pace", [Pace(), Pace(100.0), Pace(None, 10.0), Pace(0.0, 10.0), replace(PACE, load_s=None), Pace(usual_s=3.0)]
)
def test_what_was_not_measured_is_not_guessed_and_stands_in_nobodys_way(pace: Pace) -> None:
    option = Option(LOCAL, pace=pace)
    assert seconds(request(LONG).size, option, Lane.INTERACTIVE) is None
    assert decide(request("Hello!"), landscape(option, patience=Patience(0.001, 0.001))).target == LOCAL


def test_what_the_session_has_read_before_takes_no_time_again() -> None:
    size = request(LONG).size
    cold_s = seconds(size, Option(LOCAL, pace=PACE), Lane.INTERACTIVE, "s")
    warm = replace(PACE, kept_session="s", kept_tokens=10_000, kept_context=32_768)
    warm_s = seconds(size, Option(LOCAL, pace=warm), Lane.INTERACTIVE, "s")
    assert cold_s and warm_s and cold_s - warm_s == pytest.approx(100)


@pytest.mark.parametrize(
    ("kept", "session"),
    [
        ({"kept_session": "s"}, "other"),
        ({"kept_session": "s"}, None),
        ({"kept_session": None}, None),
        ({"kept_session": "s", "kept_tokens": 60_000}, "s"),
        ({"kept_session": "s", "kept_context": 8_192}, "s"),
    ],
)
def test_a_prompt_counts_as_unread_where_that_is_not_certain(kept: dict[str, object], session: str | None) -> None:
    size = request(LONG).size
    pace = replace(PACE, **{"kept_tokens": 10_000, "kept_context": 32_768, **kept})  # type: ignore[arg-type]
    cold_s = seconds(size, Option(LOCAL, pace=PACE), Lane.INTERACTIVE, session)
    assert seconds(size, Option(LOCAL, pace=pace), Lane.INTERACTIVE, session) == cold_s


# --- slow ones come last --------------------------------------------------------------------------------------------


def slow(**more: Any) -> Landscape:
    """LOCAL needs 40 s for its answer, and for LONG more than the 150 s that a person waits."""
    local = Option(LOCAL, can=Capabilities(32_768), pace=replace(PACE, load_s=30.0), memory=InMemory(False))
    return landscape(local, patience=PATIENT, **more)


def test_a_model_that_would_take_too_long_comes_after_the_others_and_says_why() -> None:
    where = slow(default_tier=Tier.LOCAL)
    assert decide(request(UNCLEAR), where).target == LOCAL
    decision = decide(request(LONG), where)
    assert (decision.target, decision.fallbacks) == (CHEAP, (PREMIUM, LOCAL))
    assert decision.route == "default>cheap"
    assert "qwen3:8b comes last: it would take about" in told(decision) and "150 s is the limit" in told(decision)
    assert "30 s to load it" in told(decision)


def test_a_slow_model_is_better_than_none_and_than_the_stand_in() -> None:
    nothing = Option(unavailable="no key")
    where = slow(cheap=nothing, premium=nothing, default_tier=Tier.LOCAL)
    assert decide(request(LONG), where).target == LOCAL
    own = Option(BIG, can=Capabilities(32_768), pace=PACE, memory=LOADED)
    with_stand_in = landscape(Option(BUILTIN, stands_in=True), own, nothing, patience=Patience(1.0, 1.0))
    decision = decide(request("Hello!"), with_stand_in)
    assert (decision.target, decision.fallbacks) == (BIG, (BUILTIN,))
    both_slow = landscape(Option(BUILTIN, stands_in=True, pace=PACE), own, nothing, patience=Patience(1.0, 1.0))
    assert decide(request("Hello!"), both_slow).target == BIG


def test_who_names_a_slow_model_gets_it() -> None:
    for asked in (
        request(LONG, "gateway-local"),
        request(LONG, force_tier=Tier.LOCAL),
        request(LONG, "local/qwen3:8b"),
    ):
        decision = decide(asked, slow())
        assert decision.target == LOCAL and "comes last" not in told(decision)
    assert decide(request(LONG), slow(forced=Tier.LOCAL)).target == LOCAL


def test_a_tool_loop_stays_on_a_slow_model() -> None:
    assert decide(in_tool_loop(request(LONG)), slow(), on(LOCAL)).target == LOCAL


def test_background_work_waits_longer_than_a_person() -> None:
    for asked in (background(request(LONG)), request(LONG, "gateway-background")):
        assert decide(asked, slow()).target == LOCAL
        impatient = replace(slow(), patience=Patience(150.0, 151.0))
        assert decide(asked, impatient).target == CHEAP


def test_patience_of_0_is_for_ever() -> None:
    assert decide(request(LONG), replace(slow(default_tier=Tier.LOCAL), patience=Patience())).target == LOCAL


# --- what is in memory ----------------------------------------------------------------------------------------------


def two_local(*, small: InMemory = LOADED, big: InMemory = PUSHES, **more: Any) -> Landscape:
    """LOCAL and CHEAP are two models of the same server."""
    return landscape(
        Option(LOCAL, can=Capabilities(32_768), memory=small), Option(BIG, can=Capabilities(32_768), memory=big), **more
    )


def test_a_model_in_use_is_preferred_to_one_that_would_push_it_out() -> None:
    decision = decide(request(UNCLEAR), two_local())
    assert (decision.target, decision.fallbacks[0], decision.route) == (LOCAL, BIG, "default>local")
    said = "qwen3:14b is not loaded, and loading it would push out qwen3:8b, used 40 s ago"
    assert f"memory: {said}" in told(decision)
    big = next(one for one in decision.record.considered if one.model == "qwen3:14b")
    assert (big.passed_over, big.obstacle, big.loaded) == (said, "", False)


def test_background_work_takes_the_model_that_is_in_use_too() -> None:
    pushes = InMemory(False, pushes_out="qwen3:14b", in_use="which is answering")
    decision = decide(background(request("Hello!")), two_local(small=pushes, big=LOADED))
    assert decision.target == BIG and "which is answering" in told(decision)


def test_both_keep_their_tiers_where_they_fit_together() -> None:
    assert decide(request(UNCLEAR), two_local(big=InMemory(False))).target == BIG


def test_a_model_that_only_others_than_this_request_can_have_is_loaded() -> None:
    where = two_local()
    plain = replace(where.all(Tier.LOCAL)[0], can=Capabilities(32_768, tools=False))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    only_big = replace(where, options={**where.options, Tier.LOCAL: (plain,)})
    loaded = decide(request(UNCLEAR, tools=tools), only_big)
    assert loaded.target == BIG and not any(one.passed_over for one in loaded.record.considered)
    assert decide(request(UNCLEAR), only_big).target == LOCAL


def test_one_that_leaves_memory_for_another_is_not_asked_back() -> None:
    leaves = InMemory(True, pushes_out="qwen3:14b", in_use="which is answering")
    decision = decide(request("Hello!"), two_local(small=leaves, big=InMemory(False)))
    assert decision.target == BIG and "qwen3:8b leaves memory for qwen3:14b, which is answering" in told(decision)


def test_the_model_of_another_server_with_the_same_name_is_no_reason() -> None:
    elsewhere = Target(Tier.LOCAL, "vllm", "qwen3:8b", free=True)
    where = landscape(Option(elsewhere), Option(BIG, memory=PUSHES))
    assert decide(request(UNCLEAR), where).target == BIG


def test_who_names_a_model_gets_it_loaded() -> None:
    for asked in (
        request("Hi", "gateway-cheap"),
        request("Hi", force_tier=Tier.CHEAP),
        request("Hi", "local/qwen3:14b"),
    ):
        assert decide(asked, two_local()).target.model == "qwen3:14b"
    assert decide(request(UNCLEAR), two_local(forced=Tier.CHEAP)).target == BIG
    assert decide(in_tool_loop(request(UNCLEAR)), two_local(), on(BIG)).target == BIG


# --- for people -----------------------------------------------------------------------------------------------------


def test_the_record_holds_what_each_model_would_need_and_take() -> None:
    where = landscape(
        Option(
            LOCAL,
            can=Capabilities(32_768),
            ratio=1.25,
            pace=PACE,
            memory=LOADED,
            answer=ExpectedAnswer(310, "its last answers"),
        ),
        Option(CHEAP, pace=Pace(usual_s=2.5)),
        Option(unavailable="ANTHROPIC_API_KEY is not set"),
        most_microusd=lambda asked, target: 1_234,
    )
    asked = request(LONG)
    local, cheap, premium = decide(asked, where).record.considered
    assert (local.tokens_needed, local.context_tokens) == (tokens_needed(asked.size, where.option(Tier.LOCAL)), 32_768)
    assert (local.loaded, local.ratio, local.most_microusd) == (True, 1.25, 0)
    assert local.seconds == pytest.approx(prompt_tokens(asked.size, where.option(Tier.LOCAL)) / 100 + 31, abs=0.1)
    assert (local.answer_tokens, local.answer_told_by) == (310, "its last answers")
    assert (cheap.seconds, cheap.most_microusd, cheap.loaded, cheap.answer_tokens) == (2.5, 1_234, None, 0)
    assert (premium.model, premium.obstacle) == ("", "ANTHROPIC_API_KEY is not set")


def test_a_record_of_before_these_fields_still_loads() -> None:
    old = '{"considered": [{"tier": "local", "provider": "local", "model": "m", "tokens_needed": 5}]}'
    (one,) = from_json(DecisionRecord, old).considered
    assert (one.tokens_needed, one.passed_over, one.ratio) == (5, "", 1.0)


def test_a_decision_among_six_local_models_takes_well_under_a_millisecond() -> None:
    def local(tier: Tier, number: int) -> Option:
        target = Target(tier, "local", f"m{number}:8b", free=True)
        pushes = InMemory(number == 0, "" if number == 0 else "m0:8b", "used 40 s ago")
        return Option(target, can=Capabilities(32_768, True, True, True), ratio=1.1, pace=PACE, memory=pushes)

    options = {
        Tier.LOCAL: tuple(local(Tier.LOCAL, number) for number in range(3)),
        Tier.CHEAP: (*(local(Tier.CHEAP, number) for number in range(3, 6)), Option(CHEAP)),
        Tier.PREMIUM: (Option(PREMIUM),),
    }
    where = replace(landscape(patience=PATIENT), options=options)
    asked, took_s = request(UNCLEAR), []
    for _ in range(300):
        began = time.perf_counter()
        route(asked, where)
        took_s.append(time.perf_counter() - began)
    assert sorted(took_s)[len(took_s) // 4] < 0.001
