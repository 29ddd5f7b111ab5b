"""The ledger against an export: what agrees, what does not, and why."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.model import Usage
from gateway_core.reconcile import Comparison, compare
from gateway_core.store.report import ProviderCalls
from gateway_core.wire.anthropic_exports import read_export
from tests.wire.test_anthropic_exports import COST, COST_CSV, USED, bucket, pages

DAY, TODAY, MODEL = "2026-11-23", "2026-11-28", "claude-sonnet-5-5"
CALLS = ProviderCalls(DAY, MODEL, 4, 500_000, Usage(1500, 500, 200, 500, 1000, web_searches=10))


def held(data: bytes, *calls: ProviderCalls, percent: float = 1.0) -> tuple[Comparison, ...]:
    return compare(read_export(data), calls, percent, TODAY)


def cents(amount: str, **more: object) -> dict[str, object]:
    return {**COST, "amount": amount, **more}


def test_equal_tokens_agree() -> None:
    (compared,) = held(pages(bucket({**USED, "model": MODEL})), CALLS)
    assert not compared.off and not compared.reasons


def test_each_kind_of_token_is_compared() -> None:
    ours = replace(CALLS, usage=replace(CALLS.usage, cache_read_tokens=400, cache_write_5m_tokens=0))
    (compared,) = held(pages(bucket({**USED, "model": MODEL})), ours)
    assert compared.off == ("cache_read_tokens", "cache_write_5m_tokens")
    ours = replace(CALLS, usage=replace(CALLS.usage, output_tokens=590, web_searches=9))
    (compared,) = held(pages(bucket({**USED, "model": MODEL})), ours)
    assert compared.off == ("web_searches",)


def test_searches_are_held_against_their_own_line_of_a_cost_report() -> None:
    searched = cents("10", cost_type="web_search", model=None)
    found = held(pages(bucket(cents("40"), searched)), CALLS)
    assert [(compared.model, int(compared.ours.cost_microusd), list(compared.off)) for compared in found] == [
        ("", 100_000, []),
        (MODEL, 400_000, []),
    ]


def test_a_report_that_names_no_model_is_held_against_the_whole_day() -> None:
    other = ProviderCalls(DAY, "claude-opus-5-5", 1, 100_000)
    (compared,) = held(pages(bucket(cents("60", model=None))), CALLS, other)
    assert (compared.model, int(compared.ours.cost_microusd)) == ("", 600_000)
    assert not compared.off


def test_the_tolerance_is_in_percent() -> None:
    data, calls = pages(bucket(cents("103"))), replace(CALLS, cost_microusd=1_000_000, usage=Usage())
    assert held(data, calls, percent=1)[0].off == ("cost_microusd",)
    assert held(data, calls, percent=3)[0].off == ()


def test_a_cent_and_the_consoles_rounding_are_no_difference() -> None:
    calls = replace(CALLS, cost_microusd=310_000, usage=Usage(web_searches=5))  # 0.22 and 0.05 in whole cents
    assert [compared.off for compared in held(COST_CSV.encode(), replace(calls, cost_microusd=279_000))] == [(), ()]
    assert any(compared.off for compared in held(COST_CSV.encode(), calls))


def test_more_on_their_side_was_made_elsewhere() -> None:
    (compared,) = held(pages(bucket(cents("90"))), replace(CALLS, usage=Usage()))
    assert "outside llmgw" in compared.reasons[0]
    (compared,) = held(pages(bucket(cents("90"))))
    assert "no call of this model that day" in compared.reasons[0]


def test_more_on_our_side_may_be_what_was_charged_at_its_worst_case() -> None:
    calls = replace(CALLS, orphans=2, orphans_microusd=400_000, estimated=1, estimated_microusd=50_000, usage=Usage())
    (compared,) = held(pages(bucket(cents("5"))), calls)
    said = " / ".join(compared.reasons)
    assert "2 calls cut off by a crash" in said and "0.4000 USD" in said
    assert "1 calls ended without a count" in said and "0.0500 USD" in said
    (_, compared) = held(pages(bucket(cents("5"), day="2026-11-22", after=DAY), bucket()), calls)
    assert "does not have this day or model" in " / ".join(compared.reasons)


def test_pages_that_are_missing_and_a_day_under_way_are_named() -> None:
    data = pages(bucket(cents("90"), day=TODAY, after="2026-11-29"), more=True)
    (compared,) = held(data)
    said = " / ".join(compared.reasons)
    assert "more pages" in said and "not over" in said
