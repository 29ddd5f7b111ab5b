"""What a conversation asks of the router: to stay, to go a tier up once, or to keep a warm cache."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import ChatRequest, Decision, Lane, SessionLook, Target, Tier
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.routing.router import Judgement, Known, is_unclear, route
from gateway_core.routing.session import Standing
from gateway_core.routing.switching import Prices
from gateway_core.wire import errors
from tests.routing.requests import CHEAP, LOCAL, PREMIUM, landscape, request
from tests.routing.talks import asked, step

CLAUDE = Prices(input=2_000_000, output=10_000_000, cache_read=200_000, cache_write=2_500_000)
GROQ = Prices(input=150_000, output=600_000, cache_read=75_000, cache_write=150_000)
HARD = "Design a distributed lock service and prove step by step that it has no deadlock. It must not use clocks."
SPENT = errors.budget_exceeded(5_000_000, 5_000_000)


def prices(target: Target) -> Prices:
    return CLAUDE if target == PREMIUM else GROQ


def warm(target: Target = PREMIUM, **more: Any) -> Standing:
    known = {"cached_tokens": 41_200, "life_s": 300.0, "warm_until": 212.0, "output_tokens": 400, "turns": 2, **more}
    return Standing(target, "req_0", prices=prices, **known)


def decide(standing: Standing | None, what: ChatRequest, where: Landscape | None = None, **more: Any) -> Decision:
    decision = route(what, where or landscape(), Known(standing, **more))
    assert isinstance(decision, Decision)
    return decision


def look(decision: Decision) -> SessionLook:
    assert decision.record.session is not None
    return decision.record.session


def loop(text: str = "Hello!") -> ChatRequest:
    return asked(text, *step("call_1"))


# --- tool loops ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "target", "why"),
    [
        (landscape(premium_blocked=True), CHEAP, "the medium daily limit is reached"),
        (landscape(paid_refusal=SPENT), LOCAL, "paid tiers are stopped"),
        (landscape(premium=Option(PREMIUM, can=Capabilities(1))), CHEAP, "its context is 1"),
        (landscape(premium=Option(unavailable="ANTHROPIC_API_KEY is not set")), CHEAP, "ANTHROPIC_API_KEY is not set"),
    ],
)
def test_a_tool_loop_whose_tier_cannot_take_it_moves_says_so_and_stays(
    where: Landscape, target: Target, why: str
) -> None:
    decision = decide(Standing(PREMIUM), loop(), where)
    assert decision.target == target
    assert any(why in reason.text for reason in decision.reasons)
    assert decide(Standing(decision.target), loop(HARD)).target == target


def test_the_operators_tier_and_named_models_go_before_a_tool_loop() -> None:
    assert decide(Standing(PREMIUM), loop(), landscape(forced=Tier.LOCAL)).target == LOCAL
    named = replace(loop(), model="gateway-cheap")
    assert decide(Standing(PREMIUM), named).target == CHEAP


def test_a_loop_of_background_work_stays_too_and_is_never_raised() -> None:
    asking = loop()
    heartbeat = replace(asking, view=replace(asking.view, lane=Lane.BACKGROUND, purpose="heartbeat"))
    decision = decide(Standing(CHEAP, looping="read"), heartbeat)
    assert (decision.target, decision.route) == (CHEAP, "background:heartbeat")
    first = replace(heartbeat, view=replace(heartbeat.view, in_tool_loop=False))
    assert decide(Standing(CHEAP, again_of="req_0", repeats=2), first).target == LOCAL


def test_a_loop_that_turns_in_circles_goes_up_once() -> None:
    decision = decide(Standing(LOCAL, looping="read"), loop())
    assert (decision.target, decision.route) == (CHEAP, "session:loop")
    assert "qwen3:8b calls read over and over" in decision.reasons[0].text
    assert (look(decision).escalated, look(decision).looping) == (True, "read")
    after = decide(Standing(CHEAP, looping="read", raised=True), loop())
    assert (after.target, after.route, look(after).escalated) == (CHEAP, "session:tool-loop", False)


def test_a_loop_at_the_top_stays_at_the_top() -> None:
    assert decide(Standing(PREMIUM, looping="read"), loop()).route == "session:tool-loop"


# --- asked again -----------------------------------------------------------------------------------------------------

AGAIN = Standing(LOCAL, "req_0", asked_again=0.93, again_of="req_0")


def test_what_is_asked_again_goes_one_tier_up_from_who_answered() -> None:
    decision = decide(AGAIN, request("Hello!"))
    assert (decision.target, decision.route) == (CHEAP, "session:again")
    assert "asks again for what qwen3:8b answered (0.93 alike): a tier up, once" in decision.reasons[0].text
    assert look(decision) == SessionLook(LOCAL, asked_again=0.93, escalated=True, again_of="req_0")
    assert not is_unclear(request("Tell me of it, as you like."), landscape(), Known(AGAIN))


def test_three_strikes_go_one_tier_up() -> None:
    decision = decide(Standing(CHEAP, repeats=2), request("Hello!"))
    assert (decision.target, decision.route) == (PREMIUM, "session:strikes")
    assert (look(decision).repeats, look(decision).escalated) == (2, True)
    assert decide(Standing(CHEAP, repeats=1), request("Hello!")).target == LOCAL
    assert decide(Standing(CHEAP, repeats=3), request("Hello!")).target == LOCAL


def test_a_harder_turn_goes_higher_by_itself() -> None:
    decision = decide(AGAIN, request(HARD))
    assert (decision.target, decision.route, look(decision).escalated) == (PREMIUM, "hard", False)


def test_what_was_raised_is_not_raised_again_and_does_not_fall_back() -> None:
    decision = decide(replace(AGAIN, target=CHEAP, raised=True), request("Hello!"))
    assert (decision.target, decision.route, look(decision).escalated) == (CHEAP, "session:raised", False)


def test_nothing_is_raised_above_what_is_there_or_allowed() -> None:
    again = replace(AGAIN, target=CHEAP)
    assert decide(again, request("Hello!"), landscape(premium_blocked=True)).target == LOCAL
    assert decide(AGAIN, request("Hello!"), landscape(paid_refusal=SPENT)).target == LOCAL
    assert decide(replace(AGAIN, target=PREMIUM), request("Hello!")).target == LOCAL


def test_the_next_tier_is_one_that_another_model_serves() -> None:
    """Where the local model serves the cheap tier as well, that is no step up."""
    same = landscape(cheap=Option(replace(LOCAL, tier=Tier.CHEAP)))
    assert decide(AGAIN, request("Hello!"), same).target == PREMIUM


@pytest.mark.parametrize("more", [{"force_tier": Tier.LOCAL}, {"model": "gateway-local"}, {"model": "qwen3:8b"}])
def test_an_explicit_wish_is_never_raised(more: Any) -> None:
    assert decide(replace(AGAIN, repeats=2), request("Hello!", **more)).target == LOCAL


# --- the warm cache --------------------------------------------------------------------------------------------------


def test_a_switch_down_that_does_not_pay_is_not_made_and_says_why_in_dollars() -> None:
    decision = decide(warm(), request("Hello!"))
    assert (decision.target, decision.route) == (PREMIUM, "session:warm-cache")
    assert decision.reasons[0].text.startswith(
        "stays on claude-sonnet-5-5: its prompt cache of 41,200 tokens is warm for 212 s; "
        "local would save $0.0122 and lose $0.0536; difficulty 0.0"
    )
    assert (look(decision).saves_microusd, look(decision).loses_microusd) == (12_240, 53_571)
    assert (look(decision).cached_tokens, look(decision).warm_s) == (41_200, 212.0)


@pytest.mark.parametrize(
    "standing",
    [
        warm(warm_until=0.0),
        warm(cached_tokens=0),
        warm(warm_until=10.0),
        warm(LOCAL),
        warm(replace(PREMIUM, model="claude-gone")),
    ],
)
def test_a_switch_down_is_made_where_little_or_nothing_is_lost(standing: Standing) -> None:
    assert decide(standing, request("Hello!")).target == LOCAL


def test_a_switch_that_pays_though_the_cache_is_warm_says_so_too() -> None:
    decision = decide(warm(warm_until=10.0), request("Hello!"))
    assert "leaves claude-sonnet-5-5, though its prompt cache" in decision.reasons[0].text
    assert look(decision).saves_microusd > look(decision).loses_microusd > 0


def test_a_switch_up_is_never_held_back() -> None:
    decision = decide(warm(CHEAP), request(HARD))
    assert (decision.target, decision.route) == (PREMIUM, "hard")


def test_money_that_is_spent_keeps_no_cache_warm() -> None:
    assert decide(warm(), request("Hello!"), landscape(premium_blocked=True)).target == LOCAL
    assert decide(warm(), request("Hello!"), landscape(paid_refusal=SPENT)).target == LOCAL


def test_another_model_of_the_same_tier_must_earn_the_switch_as_well() -> None:
    second = Target(Tier.CHEAP, "openrouter", "deepseek/deepseek-chat", free=False)
    where = landscape(cheap=(Option(CHEAP), Option(second)))
    unclear = request("Tell me something about the weather in spring, in the mountains and at the sea, as you like it.")
    standing = replace(warm(second), prices=lambda target: CLAUDE)
    assert decide(standing, unclear, where).target == second
    assert decide(replace(standing, cached_tokens=0), unclear, where).target == CHEAP


def test_a_model_that_says_easy_is_weighed_as_well() -> None:
    unclear = request("Tell me something about the weather in spring, in the mountains and at the sea, as you like it.")
    assert decide(warm(), unclear, judgement=Judgement("easy", "groq")).route == "session:warm-cache"
    assert decide(warm(CHEAP), unclear, judgement=Judgement("hard", "groq")).target == PREMIUM


def test_a_dearer_model_is_said_to_cost_more() -> None:
    standing = replace(warm(), prices=lambda target: GROQ if target == PREMIUM else CLAUDE)
    unclear = request("Tell me something about the weather in spring, in the mountains and at the sea, as you like it.")
    assert "openai/gpt-oss-120b would cost $0.0" in decide(standing, unclear).reasons[0].text
