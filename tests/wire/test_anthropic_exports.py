"""Exports of Anthropic's Console and Admin API, and what is none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.wire.anthropic_exports import Amounts, NoExport, model_key, read_export

USAGE_CSV = """usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,\
usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,\
usage_output_tokens,web_search_count,inference_geo,speed
2026-11-23,claude-sonnet-5-5,"laptop, mine",Default,standard,≤ 200k,1000,400,200,20000,50,3,global,
2026-11-23,claude-sonnet-5-5,other,Default,standard,≤ 200k,1,0,0,0,2,0,global,
2026-11-24,claude-haiku-4-5-20251001,other,Default,standard,≤ 200k,7,0,0,0,2,0,not_available,
"""
COST_CSV = """usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,\
cost_type,inference_geo,speed
2026-11-23,Claude Sonnet 5.5,Default,laptop,message,≤ 200k,input_no_cache,0.19,0.19,token,global,
2026-11-23,Claude Sonnet 5.5,Default,laptop,message,≤ 200k,output,0.03,0.03,token,global,
2026-11-23,,Default,laptop,,,,0.05,0.05,web_search,,
"""


def bucket(*results: dict[str, Any], day: str = "2026-11-23", after: str = "2026-11-24") -> dict[str, Any]:
    return {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{after}T00:00:00Z", "results": list(results)}


def pages(*buckets: dict[str, Any], more: bool = False) -> bytes:
    return json.dumps({"data": list(buckets), "has_more": more, "next_page": None}).encode()


USED: dict[str, Any] = {
    "uncached_input_tokens": 1500,
    "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
    "cache_read_input_tokens": 200,
    "output_tokens": 500,
    "server_tool_use": {"web_search_requests": 10},
}
COST: dict[str, Any] = {
    "currency": "USD",
    "amount": "123.78912",
    "cost_type": "tokens",
    "model": "claude-sonnet-5-5",
    "token_type": "uncached_input_tokens",
}


def test_the_consoles_usage() -> None:
    export = read_export(USAGE_CSV.encode())
    assert not export.has_cost and not export.rounded
    assert export.amounts == {
        ("2026-11-23", "claude-sonnet-5-5"): Amounts(1001, 20_000, 400, 200, 52, 3, rows=2),
        ("2026-11-24", "claude-haiku-4-5"): Amounts(7, output_tokens=2, rows=1),
    }
    assert (export.first_day, export.last_day) == ("2026-11-23", "2026-11-24")


def test_the_consoles_costs_with_searches_apart() -> None:
    export = read_export(b"\xef\xbb\xbf" + COST_CSV.encode())
    assert export.has_cost and export.rounded
    assert {key: (amounts.cost_microusd, amounts.rows) for key, amounts in export.amounts.items()} == {
        ("2026-11-23", "claude-sonnet-5-5"): (Decimal(220_000), 2),
        ("2026-11-23", ""): (Decimal(50_000), 1),
    }


def test_the_usage_report() -> None:
    result = {**USED, "model": "claude-sonnet-5-5", "service_tier": "standard", "context_window": "0-200k"}
    export = read_export(pages(bucket(result), bucket(day="2026-11-24", after="2026-11-25"), more=True))
    assert export.amounts == {("2026-11-23", "claude-sonnet-5-5"): Amounts(1500, 200, 500, 1000, 500, 10, rows=1)}
    assert (export.first_day, export.last_day, export.complete) == ("2026-11-23", "2026-11-24", False)


def test_the_cost_report_is_in_cents() -> None:
    searched = {"currency": "USD", "amount": "50", "cost_type": "web_search", "model": None}
    export = read_export(pages(bucket(COST, {**COST, "amount": "0.5"}, searched)))
    assert {key: amounts.cost_microusd for key, amounts in export.amounts.items()} == {
        ("2026-11-23", "claude-sonnet-5-5"): Decimal("1242891.2"),
        ("2026-11-23", ""): Decimal(500_000),
    }


def test_the_analytics_reports_have_no_list_within_a_bucket() -> None:
    span = {"starting_at": "2026-11-23T00:00:00Z", "ending_at": "2026-11-24T00:00:00Z"}
    group = {"model": "claude-opus-5-5"}
    used = read_export(pages({**span, "group": group, "usage": {**USED, "total_tokens": 3700}}))
    cost = {"amount": "12.5", "list_amount": "13", "currency": "USD", "requests": 3}
    paid = read_export(pages({**span, "group": group, "cost": cost}))
    assert used.amounts["2026-11-23", "claude-opus-5-5"].output_tokens == 500
    assert paid.amounts["2026-11-23", "claude-opus-5-5"].cost_microusd == 125_000


def test_pages_in_a_list_or_one_a_line_and_hours_are_added_up() -> None:
    first, second = (json.loads(pages(bucket({**USED, "model": "claude-x"}))) for _ in range(2))
    for data in (json.dumps([first, second]), f"{json.dumps(first)}\n{json.dumps(second)}\n"):
        assert read_export(data.encode()).amounts["2026-11-23", "claude-x"].output_tokens == 1000
    late = {**bucket({**USED, "model": "claude-x"}), "starting_at": "2026-11-24T01:00:00+02:00"}
    late["ending_at"] = "2026-11-24T02:00:00+02:00"
    assert list(read_export(pages(late)).amounts) == [("2026-11-23", "claude-x")]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Claude Sonnet 4.5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("Claude 3.5 Sonnet 2024-10-22", "claude-3-5-sonnet"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("", ""),
    ],
)
def test_a_model_has_one_name(name: str, key: str) -> None:
    assert model_key(name) == key


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "first line has nothing"),
        (b"\xff\xfe\x00", "no text"),
        (b"foo,bar\n1,2\n", "foo, bar"),
        (b"usage_date_utc,cost_usd\n", "no day"),
        (b"usage_date_utc,cost_usd\nAugust,0.1\n", "Line 2: usage_date_utc"),
        (b"usage_date_utc,cost_usd\n2026-11-23,much\n", "Line 2: cost_usd"),
        (b"usage_date_utc,cost_usd\n2026-11-23,-0.1\n", "can be charged"),
        (b"usage_date_utc,cost_usd\n2026-11-23,NaN\n", "can be charged"),
        (USAGE_CSV.replace(",50,3,", ",fifty,3,").encode(), "usage_output_tokens is no count"),
        (b"{", "begins like JSON"),
        (b'{"data": 3}', "no list data"),
        (b'[{"data": []}, 3]', "no list data"),
        (b'{"data": []}', "no day"),
        (pages(bucket({"tokens": 3})), "no usage or cost report"),
        (pages(bucket(COST, USED)), "no usage or cost report"),
        (pages(bucket({**COST, "currency": "EUR"})), "EUR"),
        (pages(bucket({**COST, "amount": None})), "amount"),
        (pages(bucket({**USED, "output_tokens": -1})), "output_tokens"),
        (pages(bucket(USED, after="2026-12-24")), "by day"),
        (b'{"data": [{"results": [{"amount": "1"}]}]}', "starting_at"),
    ],
)
def test_what_is_no_export_is_said_clearly(data: bytes, says: str) -> None:
    with pytest.raises(NoExport, match=says):
        read_export(data)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: ("usage_date_utc,cost_usd\n" + text).encode()))
def test_no_file_breaks_the_reader(data: bytes) -> None:
    try:
        export = read_export(data)
    except NoExport:
        return
    assert export.amounts
