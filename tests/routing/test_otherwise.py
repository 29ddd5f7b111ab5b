"""What would have sent a request elsewhere: told in words, and true when it is done."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.model import Decision, Lane, Tier
from gateway_core.routing.landscape import Bands, Capabilities, Option
from gateway_core.routing.router import Known, route
from tests.routing.requests import LOCAL, landscape, request

UNCLEAR = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
HARD = "Design a distributed lock service and prove that it has no deadlock. It must survive partitions without clocks."


def told(decision: object) -> tuple[str, ...]:
    assert isinstance(decision, Decision), decision
    return decision.record.otherwise


def test_an_unclear_prompt_names_what_would_make_it_easy_and_hard() -> None:
    local, premium = told(route(request(UNCLEAR), landscape()))
    assert local.startswith("LOCAL if its difficulty were below 0.35") and "but for commas, 2 commas (+0.14)" in local
    assert premium.startswith("PREMIUM if its difficulty were 0.65 or more")


def test_what_is_named_is_enough() -> None:
    """Without the comma's weight the same prompt is easy."""
    easier = UNCLEAR.replace(",", "")
    decision = route(request(easier), landscape())
    assert isinstance(decision, Decision) and decision.target.tier is Tier.LOCAL


def test_what_is_named_is_enough_where_the_features_add_up_to_more_than_all() -> None:
    """The score ends at 1, and what is above it must go too."""
    decision = route(request(f"{HARD} Debug the algorithm, analyse every trade-off, compare the matrix."), landscape())
    assert isinstance(decision, Decision) and decision.record.difficulty and decision.difficulty == 1
    features = decision.record.difficulty.features
    assert round(0.45 + sum(one.points for one in features), 3) == 1 and features[-1].points < 0
    local, _ = decision.record.otherwise
    assert "it is 1.00" in local and "but for" not in local


def test_who_is_sent_where_the_difficulty_sends_it_anyway_is_told_so() -> None:
    (text,) = told(route(request("Hello!", force_tier=Tier.LOCAL), landscape()))
    assert text.startswith("LOCAL too if the difficulty, 0.0")


def test_a_hard_prompt_names_the_tier_that_takes_what_is_unclear() -> None:
    local, cheap = told(route(request(HARD), landscape()))
    assert local.startswith("LOCAL if") and cheap.startswith("CHEAP if its difficulty were unclear, from 0.35")


def test_a_threshold_is_told_as_it_is_set() -> None:
    told_of = told(route(request(HARD), landscape(bands=Bands(0.335, 0.745))))
    assert any("from 0.335 to below 0.745" in text for text in told_of)


def test_a_tier_that_no_difficulty_reaches_is_not_promised() -> None:
    never = landscape(bands=Bands(0.35, 1.01))
    assert not [text for text in told(route(request(UNCLEAR), never)) if text.startswith("PREMIUM")]


def test_a_context_that_is_too_small_is_named_first() -> None:
    small = landscape(local=Option(LOCAL, can=Capabilities(300)))
    first, *_ = told(route(request("Hello!" + " " * 2, tools=[]), small))
    assert first.startswith("LOCAL if local/qwen3:8b could have answered: about ")
    assert first.endswith("its context is 300")


def test_whoever_named_the_tier_is_told_what_the_difficulty_asked_for() -> None:
    (text,) = told(route(request("Hello!", force_tier=Tier.PREMIUM), landscape()))
    assert text.startswith("LOCAL if the difficulty, 0.0") and text.endswith("but the request names the tier")


def test_a_heartbeat_is_told_what_a_person_would_have_got() -> None:
    asked = request(HARD)
    beat = replace(asked, view=replace(asked.view, lane=Lane.BACKGROUND, purpose="heartbeat"))
    (text,) = told(route(beat, landscape()))
    assert text.startswith("PREMIUM if the difficulty") and "heartbeat: nobody waits for it" in text


def test_the_record_holds_every_model_that_was_looked_at() -> None:
    decision = route(request("Hello!"), landscape(local=Option(unavailable="Ollama does not answer")), Known())
    assert isinstance(decision, Decision)
    looked = {one.tier: one for one in decision.record.considered}
    assert looked[Tier.LOCAL].obstacle == "Ollama does not answer" and not looked[Tier.CHEAP].obstacle
    assert looked[Tier.PREMIUM].tokens_needed > 500 and not looked[Tier.PREMIUM].free


def test_a_tier_that_could_not_take_it_in_any_case_says_so() -> None:
    without = landscape(local=Option(unavailable="Ollama does not answer"))
    local, premium = told(route(request(UNCLEAR), without))
    assert local.endswith("; but it could not take it: Ollama does not answer")
    assert "could not take it" not in premium
