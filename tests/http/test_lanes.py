"""The background lane over sockets: who gets into it, what it may cost, and what happens when that is spent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_core.model import Lane
from tests.clients.recorded import recorded, recorded_lanes
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.openclaw_rules import disables, shows_verbatim
from tests.fakes.script import Reply
from tests.http.inside import Client, client, with_claude, with_groq

CHEAP, JUDGE = "openai/gpt-oss-120b", "openai/gpt-oss-20b"
UNCLEAR = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
USAGE = {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110}
PRICES = {f"groq/{CHEAP}": {"input": 10, "output": 10}, f"groq/{JUDGE}": {"input": 1, "output": 1}}
BACKGROUND = {"x-llmgw-lane": "background"}
COST_USD = 0.0011
"""Of one answer of Groq's."""


def groq_server() -> FakeOpenAI:
    return FakeOpenAI(kind="groq", key="gsk", models=(JUDGE, CHEAP), default=Reply(text="Fine.", usage=USAGE))


@asynccontextmanager
async def gateway(folder: Path, **more: Any) -> AsyncIterator[tuple[Client, FakeOpenAI]]:
    """One that has Groq alone to ask, at a price that is known."""
    settings = {"prices": PRICES, "exact_cache": "off", "max_output_tokens": 100, **more}
    async with groq_server() as groq, client(folder, **with_groq(groq), **settings) as llmgw:
        yield llmgw, groq


def local_server() -> FakeOpenAI:
    return FakeOpenAI(kind="lmstudio", models=("qwen3",))


async def row_of(llmgw: Client, headers: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await llmgw.get(f"/api/requests/{headers['x-llmgw-request-id']}"))["row"]
    return found


# --- who is in it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "more", "lane", "route"),
    [
        ({}, {"model": "gateway-background"}, "background", "background:chat>cheap"),
        (BACKGROUND, {"model": "gateway-auto"}, "background", "background:chat>cheap"),
        ({"X-LLMGW-Lane": " Background "}, {"model": "gateway-cheap"}, "background", "forced:model"),
        ({}, {"model": "gateway-auto", "context": "recap"}, "background", "background:recap>cheap"),
        ({"x-llmgw-lane": "interactive"}, {"model": "gateway-background"}, "interactive", "default"),
        ({"x-llmgw-lane": "interactive"}, {"model": "gateway-auto", "context": "cron"}, "interactive", "default"),
        ({}, {"model": "gateway-auto"}, "interactive", "default"),
    ],
)
async def test_the_lane_is_told_by_the_model_the_body_or_a_header_that_goes_first(
    tmp_path: Path, headers: dict[str, str], more: dict[str, Any], lane: str, route: str
) -> None:
    async with gateway(tmp_path) as (llmgw, _):
        status, answered, _ = await llmgw.chat(UNCLEAR, headers, **more)
        row, budget = await row_of(llmgw, answered), await llmgw.get("/api/budget")
    assert (status, row["lane"], answered["x-llmgw-route"]) == (200, lane, route)
    assert budget["spent_usd"] == COST_USD
    assert budget["background"]["spent_usd"] == (COST_USD if lane == "background" else 0)


async def test_a_lane_that_there_is_not_is_refused_with_what_there_is(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (llmgw, groq):
        status, _, body = await llmgw.chat(headers={"x-llmgw-lane": "slow"})
    assert (status, body["error"]["code"], groq.requests) == (400, "invalid_request", [])
    assert "interactive or background" in body["error"]["message"]


@pytest.mark.parametrize("api", ["messages", "responses", "completions"])
async def test_openclaws_own_requests_are_counted_in_their_lanes(tmp_path: Path, api: str) -> None:
    path = {"messages": "/v1/messages", "responses": "/v1/responses", "completions": "/v1/chat/completions"}[api]
    sent = [request for request in recorded_lanes() if request.api == api]
    async with gateway(tmp_path, background_budget_daily=0) as (llmgw, _):
        for request in sent:
            body = {**request.sent.body, "stream": False}
            body.pop("stream_options", None)
            async with llmgw.http.post(path, json=body, headers=request.sent.headers) as answer:
                assert answer.status == 200, await answer.text()
        rows = await llmgw.gateway.requests(len(sent))
        budget = await llmgw.get("/api/budget")
    assert [(row.purpose, row.lane is Lane.BACKGROUND) for row in reversed(rows)] == [
        (request.purpose, request.purpose != "chat") for request in sent
    ]
    behind = sum(row.cost_microusd for row in rows if row.lane is Lane.BACKGROUND)
    assert 0 < round(budget["background"]["spent_usd"] * 1e6) == behind < round(budget["spent_usd"] * 1e6)


# --- what it may cost ----------------------------------------------------------------------------------------------


async def test_past_its_limit_it_goes_to_free_tiers_and_persons_are_served_as_before(tmp_path: Path) -> None:
    beat = recorded("heartbeat")
    body = {**beat.body, "stream": False, "model": "gateway-auto"}
    del body["stream_options"]
    async with gateway(tmp_path, background_budget_daily=0.003, default_tier="cheap") as (llmgw, groq):
        spent = [await llmgw.chat(f"{UNCLEAR} {n}", BACKGROUND, model="gateway-auto") for n in range(5)]
        async with llmgw.http.post("/v1/chat/completions", json=body, headers=beat.headers) as answer:
            refused = answer.status, await answer.json()
        person = await llmgw.chat(UNCLEAR, model="gateway-auto")
        named = await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-cheap")
        budget, asked = await llmgw.get("/api/budget"), len(groq.requests)
    passed = [status for status, _, _ in spent].count(200)
    assert 0 < passed < 5 and budget["background"]["spent_usd"] == pytest.approx(passed * COST_USD)
    assert passed * COST_USD <= 0.003
    message = refused[1]["error"]["message"]
    assert (refused[0], refused[1]["error"]["code"]) == (429, "budget_exceeded")
    assert shows_verbatim(429, message) and not disables(429, message) and "background" in message
    assert (person[0], named[0]) == (200, 429), "a tier that is named is not exchanged for another"
    assert asked == passed + 1


async def test_a_hundred_at_once_never_pass_it(tmp_path: Path) -> None:
    async with gateway(tmp_path, background_budget_daily=0.03) as (llmgw, groq):
        behind, waited = await asyncio.gather(
            asyncio.gather(*(llmgw.chat(f"{n} {UNCLEAR}", BACKGROUND, model="gateway-auto") for n in range(100))),
            asyncio.gather(*(llmgw.chat(f"{n} {UNCLEAR}", model="gateway-auto") for n in range(20))),
        )
        budget, asked = await llmgw.get("/api/budget"), len(groq.requests)
    passed = [status for status, _, _ in behind].count(200)
    assert 0 < passed < 100 and {status for status, _, _ in behind} == {200, 429}
    assert {status for status, _, _ in waited} == {200}
    assert budget["background"]["spent_usd"] == pytest.approx(passed * COST_USD) and passed * COST_USD <= 0.03
    assert asked == passed + 20


async def test_once_it_is_spent_the_local_model_takes_what_only_the_cloud_could(tmp_path: Path) -> None:
    async with (
        local_server() as local,
        groq_server() as groq,
        client(
            tmp_path,
            **with_groq(groq),
            prices=PRICES,
            exact_cache="off",
            max_output_tokens=100,
            local_llm_enabled=True,
            local_llm_url=local.base_url,
        ) as llmgw,
    ):
        first = await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-cheap")
        await llmgw.post("/api/commands/set_budget", background=COST_USD)
        auto = await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-auto")
        detail = await llmgw.get(f"/api/requests/{auto[1]['x-llmgw-request-id']}")
        over = await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-cheap")
        fallback = await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-local")
        snapshot = await llmgw.get("/api/snapshot")
    assert (first[0], first[1]["x-llmgw-tier"]) == (200, "cheap")
    assert (auto[0], auto[1]["x-llmgw-tier"], auto[1]["x-llmgw-cost-usd"]) == (200, "local", "0.000000")
    obstacles = {one["tier"]: one["obstacle"] for one in detail["decision"]["record"]["considered"]}
    assert over[0] == 429 and fallback[0] == 200, "OpenClaw's fallback model still answers"
    assert snapshot["budget"]["background"]["spent_microusd"] == 1100
    assert (obstacles["local"], obstacles["cheap"]) == ("", "the daily limit for background work is reached")


async def test_a_person_who_asks_the_same_meanwhile_is_not_refused_with_it(tmp_path: Path) -> None:
    async with gateway(tmp_path, background_budget_daily=0.0001, exact_cache="on") as (llmgw, _):
        behind, waited = await asyncio.gather(
            llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-auto", temperature=0),
            llmgw.chat(UNCLEAR, model="gateway-auto", temperature=0),
        )
    assert (behind[0], waited[0]) == (429, 200)


async def test_no_judge_is_paid_for_what_nobody_waits_for(tmp_path: Path) -> None:
    async with gateway(tmp_path, router_provider="groq") as (llmgw, groq):
        await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-auto")
        behind = len(groq.requests)
        await llmgw.chat(UNCLEAR, model="gateway-auto")
        budget, asked = await llmgw.get("/api/budget"), len(groq.requests)
    assert (behind, asked) == (1, 3), "the second one was judged, and answered"
    assert budget["background"]["spent_usd"] == COST_USD < budget["spent_usd"] / 2


async def test_premium_counts_too(tmp_path: Path) -> None:
    async with (
        FakeAnthropic() as claude,
        client(tmp_path, **with_claude(claude), background_budget_daily=0.000001) as llmgw,
    ):
        status, _, body = await llmgw.chat("Hello?", BACKGROUND, model="gateway-premium")
        person, _, _ = await llmgw.chat("Hello?", model="gateway-premium")
    assert (status, body["error"]["code"], person) == (429, "budget_exceeded", 200)


# --- moving it -----------------------------------------------------------------------------------------------------


async def test_the_operators_limit_lasts_until_the_configured_one_changes(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        assert (await llmgw.get("/api/budget"))["background"]["limit_usd"] == 0.5
        _, moved = await llmgw.post("/api/commands/set_budget", background=2)
        _, wrong = await llmgw.post("/api/commands/set_budget", background=51)
        _, lowered = await llmgw.post("/api/commands/set_budget", hard=1)
        budget = await llmgw.get("/api/budget")
        report = {one.name: one for one in (await llmgw.gateway.settings_report()).settings}
    assert moved["ok"] and "background 2.00 USD; kept over a restart (configured: soft 5.00" in moved["message"]
    assert not wrong["ok"] and "would be above the hard one" in wrong["message"]
    assert lowered["ok"] and budget["background"]["limit_usd"] == 1, "it is never above the hard limit"
    assert report["BACKGROUND_BUDGET_DAILY"].value == "2"
    async with client(tmp_path) as llmgw:
        assert (await llmgw.get("/api/budget"))["hard_usd"] == 1
        _, back = await llmgw.post("/api/commands/set_budget", soft=5, medium=15, hard=50)
        assert back["ok"] and (await llmgw.get("/api/budget"))["background"]["limit_usd"] == 2
        _, off = await llmgw.post("/api/commands/set_budget", background=0)
        assert off["ok"] and (await llmgw.get("/api/budget"))["background"]["limit_usd"] is None
    async with client(tmp_path, background_budget_daily=1) as llmgw:
        assert (await llmgw.get("/api/budget"))["background"]["limit_usd"] == 1
        _, again = await llmgw.post("/api/commands/set_budget", background=1)
        assert again["message"].endswith("as configured.")


async def test_prometheus_tells_the_lanes_apart(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (llmgw, _):
        await llmgw.chat(UNCLEAR, BACKGROUND, model="gateway-auto")
        await llmgw.chat(f"{UNCLEAR} Again.", model="gateway-auto")
        found = await (await llmgw.http.get("/metrics")).text()
    for line in (
        'llmgw_budget_lane_spent_usd{lane="background"} 0.0011',
        'llmgw_budget_lane_spent_usd{lane="interactive"} 0.0011',
        'llmgw_budget_lane_reserved_usd{lane="background"} 0.0',
        'llmgw_budget_lane_limit_usd{lane="background"} 0.5',
        "llmgw_budget_spent_usd 0.0022",
    ):
        assert line in found.splitlines()
