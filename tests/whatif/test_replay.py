"""Policies over histories made by hand: who would have answered, and what it would have cost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.local_values import ModelSpeed
from gateway_core.model import Tier, Usage
from gateway_core.providers.rates import rates_of_price, round_up
from gateway_core.whatif.history import History
from gateway_core.whatif.prices import priced
from gateway_core.whatif.replay import Replayer
from gateway_core.whatif.world import LocalKnown, Server, World, with_local
from gateway_core.whatif_values import Outcome, Policy
from tests.whatif.support import (
    CHEAP,
    EASY,
    HARD,
    HIT,
    PREMIUM,
    UNCLEAR,
    WORLD,
    Asked,
    history_of,
    long_prompts,
    price,
    with_server,
)

CENTS = Server("groq/small", rates_of_price(price(0.075, 0.29), "groq"))
ALL = Policy(all_to=Tier.PREMIUM)
CHEAP_MICROUSD = 1000 + 2 * 100
PREMIUM_MICROUSD = 10 * 1000 + 50 * 100


def outcome(
    asked: list[Asked], policy: Policy, world: World = WORLD, *, days: int = 1, not_answered: int = 0
) -> Outcome:
    return Replayer(history_of(asked, days=days, not_answered=not_answered), world).outcome(policy)


def moves(found: Outcome) -> dict[tuple[str, str], int]:
    return {(one.source, one.target): one.requests for one in found.moves}


# --- the whole, whatever was asked -----------------------------------------------------------------------------------

KINDS = st.sampled_from([EASY, UNCLEAR, HARD, HIT])


@st.composite
def asked_at_list_price(draw: st.DrawFn) -> Asked:
    """A request that cost what its tier charges for it."""
    kind, prompt, output = draw(KINDS), draw(st.integers(0, 40_000)), draw(st.integers(0, 2_000))
    cost = {EASY: 0, UNCLEAR: prompt + 2 * output, HARD: 10 * prompt + 50 * output, HIT: 0}[kind]
    return replace(
        kind,
        day=draw(st.integers(0, 2)),
        difficulty=draw(st.none() | st.integers(0, 100).map(lambda number: number / 100)),
        lane=draw(st.sampled_from(["interactive", "background"])),
        purpose=draw(st.sampled_from(["chat", "chat", "embedding"])),
        input_tokens=prompt,
        output_tokens=output,
        output_counted=draw(st.sampled_from(["measured", "measured", "estimated", "ceiling"])),
        cost_microusd=cost,
        no_answer_cache_microusd=draw(st.none() | st.just(prompt + 2 * output)) if kind is HIT else None,
    )


HISTORIES = st.lists(asked_at_list_price(), max_size=40).map(lambda found: sorted(found, key=lambda one: one.day))
POLICIES = st.builds(
    Policy,
    premium_share=st.none() | st.floats(0, 1),
    local_model=st.sampled_from(["", "small"]),
    local_context_tokens=st.just(8_192),
    all_to=st.none() | st.sampled_from(list(Tier)),
    answer_cache=st.booleans(),
    prompt_cache=st.booleans(),
)


@given(HISTORIES, st.integers(0, 90_000))
def test_as_it_was_costs_what_the_ledger_holds_to_the_micro_dollar(asked: list[Asked], other: int) -> None:
    history = history_of(asked, days=3)
    charged = {day: other + int(sum(one.cost_microusd for one in asked if one.day == number))
               for number, day in enumerate(history.days)}  # fmt: skip
    found = Replayer(history_of(asked, days=3, charged=charged), WORLD).outcome(Policy())
    spent = sum(charged.values())
    assert found.before_microusd == found.after_microusd == found.low_microusd == found.high_microusd == spent
    assert found.left_out.other_microusd == 3 * other and found.moved == 0
    assert [(day.before_microusd, day.after_microusd) for day in found.days] == [
        (cost, cost) for cost in charged.values()
    ]
    assert all(tier.before == tier.after for tier in found.tiers)
    assert found.limit_before == found.limit_after


@given(HISTORIES, POLICIES)
def test_tiers_moves_lanes_and_days_tell_of_the_same_requests_and_money(asked: list[Asked], policy: Policy) -> None:
    replayer = Replayer(history_of(asked, days=3), WORLD)
    found = replayer.outcome(policy, with_local(WORLD, policy, {}))
    paid = found.after_microusd - found.left_out.other_microusd
    assert sum(tier.after.cost_microusd for tier in found.tiers) == paid
    assert sum(lane.after_microusd for lane in found.lanes) == paid
    assert sum(day.after_microusd for day in found.days) == found.after_microusd
    assert sum(tier.before.requests for tier in found.tiers) == sum(tier.after.requests for tier in found.tiers)
    assert sum(one.requests for one in found.moves) == found.requests == len(asked)
    assert not asked or sum(one.share for one in found.moves) == pytest.approx(1)
    assert sum(one.requests for one in found.moves if one.source != one.target) == found.moved
    assert sum(lane.moved for lane in found.lanes) == found.moved
    for tier in found.tiers:
        assert tier.after.requests == sum(one.requests for one in found.moves if one.target == tier.name)
        assert tier.before.requests == sum(one.requests for one in found.moves if one.source == tier.name)
    assert found.low_microusd <= found.after_microusd <= found.high_microusd


@given(HISTORIES, st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_a_larger_premium_share_never_costs_less(asked: list[Asked], shares: list[float]) -> None:
    replayer = Replayer(history_of(asked, days=3), WORLD)
    less, more = (replayer.outcome(Policy(premium_share=share)) for share in sorted(shares))
    assert less.after_microusd <= more.after_microusd
    assert less.then.share <= more.then.share and less.then.hard_from >= more.then.hard_from


@given(st.integers(0, 3_000_000), st.integers(0, 300_000), st.sampled_from([PREMIUM, CHEAP, CENTS]))
def test_a_request_is_priced_as_a_charge_is(prompt: int, output: int, server: Server) -> None:
    rates = long_prompts(server.rates[0], 200_000, 2)
    history = history_of([replace(UNCLEAR, input_tokens=prompt, output_tokens=output)])
    tier = rates[1] if prompt > 200_000 else rates[0]
    charged = round_up(tier.parts(Usage(prompt, output))).total_microusd
    assert int(priced(history, rates, prompt_cache=True).cost[0]) == charged


# --- the slider ------------------------------------------------------------------------------------------------------


def test_the_hardest_go_to_premium_and_the_thresholds_that_do_it_are_told() -> None:
    asked = [replace(UNCLEAR, difficulty=number / 100) for number in range(36, 64)]
    found = outcome(asked, Policy(premium_share=0.25))
    assert moves(found) == {("cheap", "cheap"): 21, ("cheap", "premium"): 7}
    assert (found.then.hard_from, found.then.easy_below, found.then.share) == (0.57, 0.35, 0.25)
    assert (found.now.hard_from, found.now.share, found.now.decided) == (0.65, 0.0, 28)
    assert found.after_microusd - found.before_microusd == 7 * (PREMIUM_MICROUSD - CHEAP_MICROUSD)
    assert (found.repriced, found.repriced_with_cache) == (7, 0)


def test_requests_of_one_difficulty_go_one_way_so_the_nearest_share_is_sent() -> None:
    asked = [UNCLEAR] * 6 + [replace(UNCLEAR, difficulty=0.6)] * 4
    for wanted, sent in ((0.0, 0.0), (0.19, 0.0), (0.3, 0.4), (0.69, 0.4), (0.8, 1.0), (1.0, 1.0)):
        found = outcome(asked, Policy(premium_share=wanted))
        assert found.then.share == sent, wanted
        assert moves(found).get(("cheap", "premium"), 0) == sent * 10
    assert outcome(asked, Policy(premium_share=0.0)).then.hard_from == 0.65, "the usual threshold does the same"


def test_a_threshold_below_easy_takes_easy_along_and_no_difficulty_is_above_never() -> None:
    asked = [replace(EASY, difficulty=0.2), UNCLEAR, HARD]
    all_of_it = outcome(asked, Policy(premium_share=1.0))
    assert all_of_it.then.easy_below == all_of_it.then.hard_from == 0.2
    assert moves(all_of_it) == {("local", "premium"): 1, ("cheap", "premium"): 1, ("premium", "premium"): 1}
    none = outcome([HARD], Policy(premium_share=0.0))
    assert none.then.hard_from > 1 and moves(none) == {("premium", "cheap"): 1}


def test_where_premium_is_the_default_tier_what_is_not_hard_is_easy() -> None:
    world = replace(WORLD, default_tier=Tier.PREMIUM)
    found = outcome([replace(UNCLEAR, tier="premium", difficulty=0.5), HARD], Policy(premium_share=0.5), world)
    assert found.then.easy_below == found.then.hard_from == 0.65
    assert moves(found) == {("premium", "local"): 1, ("premium", "premium"): 1}


def test_what_was_said_a_lane_a_tool_loop_and_a_cache_decide_stays() -> None:
    routes = ("forced:model", "session:tool-loop", "background:heartbeat", "family:cheap", "budget:medium>cheap")
    asked = [*(replace(UNCLEAR, route=route, difficulty=0.9) for route in routes), HIT]
    found = outcome(asked, Policy(premium_share=1.0))
    assert found.moved == 0 and found.then.decided == 0
    assert outcome(asked, ALL).moved == len(routes), "but all means all, save what a cache answers"


def test_what_a_model_judged_stays_while_it_is_unclear() -> None:
    asked = [replace(UNCLEAR, route="judged:easy", tier="local", cost_microusd=0), replace(UNCLEAR, difficulty=0.6)]
    assert moves(outcome(asked, Policy(premium_share=0.5))) == {("local", "local"): 1, ("cheap", "premium"): 1}
    assert moves(outcome(asked, Policy(premium_share=1.0)))["local", "premium"] == 1


def test_a_request_that_was_moved_or_fell_back_stays_where_its_band_stays() -> None:
    asked = [replace(UNCLEAR, route="simple>cheap", difficulty=0.1), replace(HARD, route="hard>cheap", tier="cheap")]
    assert outcome(asked, Policy(premium_share=0.5)).moved == 0


def test_unknown_difficulties_and_tokens_and_embeddings_are_left_and_counted() -> None:
    asked = [
        replace(UNCLEAR, difficulty=None),
        replace(UNCLEAR, input_tokens=0, output_tokens=0),
        replace(UNCLEAR, purpose="embedding", route="embedding:openai"),
    ]
    found = outcome(asked, Policy(premium_share=1.0), not_answered=4)
    left = found.left_out
    assert (left.without_difficulty, left.without_usage, left.embeddings, left.not_answered) == (1, 1, 1, 4)
    assert found.moved == 0 and found.after_microusd == found.before_microusd
    assert moves(outcome(asked, ALL)) == {("cheap", "cheap"): 2, ("cheap", "premium"): 1}


# --- what it fits -----------------------------------------------------------------------------------------------------


def with_small_local(asked: list[Asked], known: LocalKnown, policy: Policy) -> Outcome:
    replayer = Replayer(history_of(asked), WORLD)
    return replayer.outcome(policy, with_local(WORLD, policy, {"small": known}))


def test_another_local_model_sends_up_what_it_cannot_take_and_takes_what_was_for_local() -> None:
    asked = [
        replace(EASY, input_tokens=8_192 - 512),
        replace(EASY, input_tokens=8_192 - 511),
        replace(UNCLEAR, route="simple>cheap", difficulty=0.1),
        replace(UNCLEAR, route="background:title>cheap"),
        UNCLEAR,
    ]
    found = with_small_local(asked, LocalKnown(8_192), Policy(local_model="small"))
    assert moves(found) == {("local", "local"): 1, ("local", "cheap"): 1, ("cheap", "local"): 2, ("cheap", "cheap"): 1}
    assert (found.local.model, found.local.context_tokens, found.local.too_long) == ("local/small", 8_192, 1)
    assert found.tiers[0].model == "local/small" and found.local.seconds_p50 is None


def test_a_local_model_without_tools_takes_no_request_with_tools() -> None:
    asked = [replace(EASY, tools=3), EASY]
    found = with_small_local(asked, LocalKnown(32_768, False), Policy(local_model="small"))
    assert moves(found) == {("local", "cheap"): 1, ("local", "local"): 1}


def test_how_long_the_local_model_writes_is_told_from_its_measured_speed() -> None:
    known = LocalKnown(32_768, speed=ModelSpeed(tokens_per_s=20.0, prompt_tokens_per_s=500.0))
    found = with_small_local([EASY], known, Policy(local_model="small"))
    assert found.local.answers == 1 and found.local.seconds_p50 == pytest.approx(100 / 20 + 1000 / 500)


def test_a_context_that_nobody_knows_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"give it as big@TOKENS\. Known are small\."):
        with_local(WORLD, Policy(local_model="big"), {"small": LocalKnown(8_192)})
    assert with_local(WORLD, Policy(local_model="big", local_context_tokens=7), {}).servers[0].context_tokens == 7


def test_what_fits_no_tier_stays_and_is_counted() -> None:
    found = outcome([replace(UNCLEAR, input_tokens=300_000)], ALL)
    assert found.moved == 0 and found.left_out.fits_nowhere == 1


def test_a_tier_that_nobody_serves_is_passed_over() -> None:
    world = with_server(with_server(WORLD, Tier.LOCAL, Server()), Tier.CHEAP, Server())
    assert moves(outcome([HARD], Policy(all_to=Tier.LOCAL), world)) == {("premium", "premium"): 1}


# --- caches -----------------------------------------------------------------------------------------------------------


def test_without_the_answer_cache_a_hit_costs_what_it_cost_to_make() -> None:
    asked = [HIT, replace(HIT, no_answer_cache_microusd=None)]
    found = outcome(asked, Policy(answer_cache=False))
    assert moves(found) == {("cache", "cheap"): 2} and found.after_microusd == 1200
    assert found.left_out.without_counterfactual == 1 and found.repriced == 0
    premium = outcome(asked, replace(ALL, answer_cache=False))
    assert premium.after_microusd == 2 * PREMIUM_MICROUSD and premium.left_out.without_counterfactual == 0


def test_without_prompt_caching_every_token_is_plain_input() -> None:
    asked = [replace(HARD, cost_microusd=7_000, no_prompt_cache_microusd=15_000), HARD]
    found = outcome(asked, Policy(prompt_cache=False))
    assert found.after_microusd == 15_000 + 15_000 and found.left_out.without_counterfactual == 1


def test_a_request_that_moves_reads_the_share_of_its_prompt_that_its_session_read() -> None:
    warm = replace(HARD, session="s", cache_read_tokens=600, cache_write_tokens=100)
    cold = replace(UNCLEAR, session="t")
    asked = [warm, replace(UNCLEAR, session="s"), cold, UNCLEAR]
    found = outcome(asked, ALL)
    read = 300 * 10 + 600 * 1 + 100 * 25 // 2 + 100 * 50
    assert found.after_microusd == 15_000 + read + 2 * PREMIUM_MICROUSD
    assert (found.repriced, found.repriced_with_cache) == (3, 1)
    plain = outcome(
        [replace(one, no_prompt_cache_microusd=one.cost_microusd) for one in asked], replace(ALL, prompt_cache=False)
    )
    assert plain.after_microusd == 15_000 + 3 * PREMIUM_MICROUSD and plain.repriced_with_cache == 0


# --- bounds, limits ---------------------------------------------------------------------------------------------------


def test_tokens_that_nobody_counted_give_bounds() -> None:
    estimated = outcome([replace(UNCLEAR, output_counted="estimated")], ALL)
    assert (estimated.low_microusd, estimated.high_microusd) == (10_000 + 2_500, 10_000 + 10_000)
    ceiling = outcome([replace(UNCLEAR, output_counted="ceiling")], ALL)
    assert (ceiling.low_microusd, ceiling.after_microusd, ceiling.high_microusd) == (10_000, 15_000, 15_000)
    assert estimated.estimated == ceiling.estimated == 1
    stays = outcome([replace(UNCLEAR, output_counted="estimated")], Policy())
    assert stays.low_microusd == stays.high_microusd, "what was charged is known"


def test_days_that_reach_the_hard_limit_and_what_it_would_have_refused() -> None:
    world = replace(WORLD, hard_limit_microusd=30_000)
    asked = [UNCLEAR] * 3 + [replace(UNCLEAR, day=1)] * 2 + [EASY]
    asked = sorted(asked, key=lambda one: one.day)
    found = outcome(asked, ALL, world, days=2)
    assert found.limit_before.days_reached == 0
    look = found.limit_after
    assert (look.days_reached, look.refused) == (2, 2), "of four on the first day two come after it is reached"
    assert (look.highest_day, look.highest_microusd) == ("2026-11-22", 4 * PREMIUM_MICROUSD)
    off = outcome(asked, ALL, replace(WORLD, hard_limit_microusd=0), days=2)
    assert off.limit_after.days_reached == off.limit_after.refused == 0


def test_models_without_a_known_price_or_a_key_are_named_where_requests_move_to_them() -> None:
    guessed = replace(PREMIUM, guessed=True, missing="ANTHROPIC_API_KEY")
    world = with_server(WORLD, Tier.PREMIUM, guessed)
    found = outcome([UNCLEAR], ALL, world)
    assert (found.guessed, found.not_set_up) == (("anthropic/claude",), ("ANTHROPIC_API_KEY",))
    assert outcome([UNCLEAR], Policy(), world).guessed == ()


def test_free_tiers_cost_nothing_and_a_price_per_request_counts() -> None:
    assert outcome([HARD], Policy(all_to=Tier.LOCAL)).after_microusd == 0
    rates = (replace(rates_of_price(price(1, 2), "p")[0], request=rates_of_price(price(7, 7), "p")[0].input),)
    world = with_server(WORLD, Tier.CHEAP, Server("p/m", rates))
    assert outcome([HARD], Policy(all_to=Tier.CHEAP), world).after_microusd == CHEAP_MICROUSD + 7


@settings(max_examples=30)
@given(HISTORIES)
def test_a_replayer_gives_the_same_however_it_was_asked_before(asked: list[Asked]) -> None:
    history: History = history_of(asked, days=3)
    used = Replayer(history, WORLD)
    for policy in (ALL, Policy(answer_cache=False), Policy(premium_share=0.4)):
        used.outcome(policy)
    for policy in (Policy(), Policy(premium_share=0.6, prompt_cache=False), ALL):
        assert used.outcome(policy) == Replayer(history, WORLD).outcome(policy)
