"""Where requests go, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.model import ChatRequest, Decision, Lane, Refusal, Tier
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.routing.router import NOTHING, Known, route
from gateway_core.routing.session import Standing
from gateway_core.wire import errors
from tests.routing.requests import CHEAP, LOCAL, PREMIUM, landscape, request

HARD = (
    "Design a distributed lock service and prove that it has no deadlock. "
    "It must survive partitions and must not use clocks."
)
SPENT = errors.budget_exceeded(5_000_000, 5_000_000)


def decide(asked: ChatRequest, where: Landscape | None = None, known: Known = NOTHING) -> Decision:
    decision = route(asked, where or landscape(), known)
    assert isinstance(decision, Decision), decision
    return decision


def refuse(asked: ChatRequest, where: Landscape) -> Refusal:
    refusal = route(asked, where)
    assert isinstance(refusal, Refusal), refusal
    return refusal


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("Hello!", Tier.LOCAL),
        ("Danke dir!", Tier.LOCAL),
        ("What is the capital of France?", Tier.LOCAL),
        ("Was ist die Hauptstadt von Frankreich?", Tier.LOCAL),
        ("Fix the typos: teh cat", Tier.LOCAL),
        (HARD, Tier.PREMIUM),
        (
            "Analysiere die Architektur und entwirf ein Sicherheitskonzept, Schritt für Schritt. Vergleiche drei Wege.",
            Tier.PREMIUM,
        ),
        (
            "Write down what a team should look at before it moves its files to another server, in plain words.",
            Tier.CHEAP,
        ),
    ],
)
def test_difficulty_chooses_the_tier(text: str, tier: Tier) -> None:
    decision = decide(request(text))
    assert decision.target.tier is tier
    assert 0.0 <= decision.difficulty <= 1.0
    assert decision.reasons


def test_tools_alone_do_not_raise_the_tier() -> None:
    tools = [{"type": "function", "function": {"name": f"tool_{n}", "parameters": {}}} for n in range(32)]
    assert decide(request("Hello!", tools=tools)).target == LOCAL


@pytest.mark.parametrize(
    ("asked", "route_name", "target"),
    [
        (request(HARD, force_tier=Tier.LOCAL), "forced:request", LOCAL),
        (request("Hello!", "gateway-premium"), "forced:model", PREMIUM),
        (request("Hello!", "gateway-cheap"), "forced:model", CHEAP),
        (request("Hello!", "claude-sonnet-5-5"), "forced:model", PREMIUM),
    ],
)
def test_what_the_request_names_decides(asked: ChatRequest, route_name: str, target: object) -> None:
    decision = decide(asked)
    assert (decision.route, decision.target, decision.fallbacks) == (route_name, target, ())


def test_a_provider_and_model_are_taken_exactly() -> None:
    decision = decide(request("Hello!", "anthropic/claude-haiku-4-5"))
    assert (decision.target.provider, decision.target.model) == ("anthropic", "claude-haiku-4-5")
    assert not decision.target.free


def test_the_operators_tier_goes_before_the_difficulty_but_not_before_the_request() -> None:
    forced = landscape(forced=Tier.LOCAL)
    assert decide(request(HARD), forced).target == LOCAL
    assert decide(request(HARD, "gateway-premium"), forced).target == PREMIUM


def test_background_work_goes_to_the_local_tier() -> None:
    asked = request(HARD)
    heartbeat = replace(asked, view=replace(asked.view, lane=Lane.BACKGROUND, purpose="heartbeat"))
    decision = decide(heartbeat)
    assert (decision.target, decision.route) == (LOCAL, "background:heartbeat")
    assert decide(request(HARD, "gateway-background")).target == LOCAL


def test_a_tool_loop_stays_where_it_began() -> None:
    asked = request("Hello!")
    in_loop = replace(asked, view=replace(asked.view, in_tool_loop=True))
    assert decide(in_loop, known=Known(Standing(PREMIUM))).target == PREMIUM
    assert decide(asked, known=Known(Standing(PREMIUM))).target == LOCAL


def test_a_tool_loop_whose_model_is_gone_stays_on_its_tier() -> None:
    asked = request("Hello!")
    in_loop = replace(asked, view=replace(asked.view, in_tool_loop=True))
    gone = replace(PREMIUM, model="claude-gone")
    decision = decide(in_loop, known=Known(Standing(gone)))
    assert (decision.target, decision.route) == (PREMIUM, "session:tool-loop")
    assert "claude-gone, which serves the premium tier no more" in decision.reasons[0].text


def test_a_prompt_that_does_not_fit_goes_a_tier_up_and_says_so() -> None:
    long = request("Hello! " + "word " * 30_000)
    small = landscape(local=Option(LOCAL, can=Capabilities(4_096)), forced=None)
    decision = decide(replace(long, view=replace(long.view, lane=Lane.BACKGROUND)), small)
    assert decision.target == CHEAP
    assert any("4,096" in reason.text for reason in decision.reasons)


def test_a_prompt_that_fits_nowhere_is_refused_with_numbers() -> None:
    option = Capabilities(4_096)
    where = landscape(Option(LOCAL, can=option), Option(CHEAP, can=option), Option(PREMIUM, can=option))
    refusal = refuse(request("word " * 30_000), where)
    assert (refusal.http_status, refusal.code) == (400, "context_length_exceeded")
    assert "4096" in refusal.message


def test_tools_and_images_need_a_model_that_takes_them() -> None:
    plain = landscape(local=Option(LOCAL, can=Capabilities(32_768, tools=False, vision=False)))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert decide(request("Hello!", tools=tools), plain).target == CHEAP
    refusal = refuse(request("Hello!", "gateway-local", tools=tools), plain)
    assert (refusal.code, refusal.http_status) == ("no_provider", 503)


def test_the_next_tiers_are_kept_as_fallbacks() -> None:
    assert decide(request("Hello!")).fallbacks == (CHEAP, PREMIUM)
    assert decide(request(HARD)).fallbacks == (CHEAP, LOCAL)


def test_the_built_in_model_stands_in_only_where_no_other_tier_can() -> None:
    stand_in = Option(LOCAL, can=Capabilities(24_576), stands_in=True)
    assert decide(request("Hello!"), landscape(local=stand_in)).target == CHEAP
    assert decide(request("Hello!"), landscape(local=stand_in)).fallbacks == (PREMIUM, LOCAL)
    nothing = Option(unavailable="no key")
    assert decide(request(HARD), landscape(stand_in, nothing, nothing)).target == LOCAL
    assert decide(request(HARD, "gateway-local"), landscape(local=stand_in)).target == LOCAL


# --- money -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [request(HARD), request("Hello!", "gateway-premium")])
def test_the_medium_limit_sends_premium_to_a_cheaper_tier(asked: ChatRequest) -> None:
    decision = decide(asked, landscape(premium_blocked=True))
    assert (decision.target, decision.route) == (CHEAP, "budget:medium>cheap")


def test_the_hard_limit_sends_to_the_free_tier() -> None:
    decision = decide(request(HARD), landscape(premium_blocked=True, paid_refusal=SPENT))
    assert (decision.target, decision.fallbacks) == (LOCAL, ())


def test_the_hard_limit_refuses_what_names_a_paid_tier() -> None:
    spent = landscape(premium_blocked=True, paid_refusal=SPENT)
    for model in ("gateway-premium", "gateway-cheap", "anthropic/claude-haiku-4-5"):
        assert refuse(request("Hello!", model), spent) == SPENT


def test_free_tiers_are_never_blocked_by_money() -> None:
    spent = landscape(premium_blocked=True, paid_refusal=SPENT)
    assert decide(request(HARD, "gateway-local"), spent).target == LOCAL


def test_without_a_free_tier_the_hard_limit_refuses_everything() -> None:
    spent = landscape(local=Option(unavailable="Ollama is away"), premium_blocked=True, paid_refusal=SPENT)
    assert refuse(request("Hello!"), spent) == SPENT


def test_without_any_provider_the_refusal_says_what_to_do() -> None:
    nothing = Option(unavailable="it is not configured")
    refusal = refuse(request("Hello!"), landscape(nothing, nothing, nothing))
    assert refusal.code == "no_provider"
    assert "ANTHROPIC_API_KEY" in refusal.message


def test_reasons_that_are_sentences_do_not_end_the_refusal_twice() -> None:
    nothing = Option(unavailable="Nothing listens there. Set LOCAL_LLM_URL.")
    for model in ("gateway-auto", "gateway-local"):
        message = refuse(request("Hello!", model), landscape(nothing, nothing, nothing)).message
        assert "Set LOCAL_LLM_URL" in message and ".." not in message and ".;" not in message


@pytest.mark.parametrize("model", ["nobody/knows", "unknown-model"])
def test_an_unknown_model_is_named(model: str) -> None:
    refusal = refuse(request("Hello!", model), landscape())
    assert (refusal.http_status, refusal.code) == (404, "model_not_found")
    assert model in refusal.message
