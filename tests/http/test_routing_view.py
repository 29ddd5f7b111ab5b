"""The router as it is seen over HTTP: line-up and health, counts, decisions, and a prompt that is only tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway_core.reader import DifficultyReader
from gateway_core.routing.difficulty import difficulty
from gateway_core.routing.landscape import Bands
from gateway_core.routing_values import LineupPlace, RouteTrial, RoutingStatus
from gateway_core.routing_view import SAMPLES
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import Client, client, with_claude, with_groq
from tests.test_reader import TEXT, VECTOR, Encoder, Taught

HARD = SAMPLES[2][1]
BANDS = Bands()


async def status(llmgw: Client) -> RoutingStatus:
    return TypeAdapter(RoutingStatus).validate_python(await llmgw.get("/api/routing"))


async def trial(llmgw: Client, prompt: str) -> RouteTrial:
    code, answer = await llmgw.post("/api/routing/trial", prompt=prompt)
    assert code == 200
    return TypeAdapter(RouteTrial).validate_python(answer)


def place(found: RoutingStatus, tier: str, index: int = 0) -> LineupPlace:
    return [one for one in found.lineup if one.tier == tier][index]


def test_the_samples_are_as_hard_as_their_names_say() -> None:
    easy, unclear, hard = (difficulty(prompt).score for _, prompt in SAMPLES)
    assert easy < BANDS.easy_below <= unclear < BANDS.hard_from <= hard


async def test_who_serves_each_tier_is_told_with_price_and_times(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text="Hi.")) as claude,
        FakeOpenAI(key="gsk-test-key", models=("openai/gpt-oss-120b",)) as groq,
        client(tmp_path, **with_claude(claude), **with_groq(groq)) as llmgw,
    ):
        for text in ("One?", "Two?"):
            await llmgw.chat(text, model="gateway-premium")
        await llmgw.chat(model="gateway-cheap")
        await llmgw.chat("Two?", model="gateway-premium")
        found = await status(llmgw)
    local, cheap, premium = place(found, "local"), place(found, "cheap"), place(found, "premium")
    assert local.unavailable == "LOCAL_LLM_ENABLED is off" and not local.chosen
    assert (cheap.provider, cheap.model, cheap.chosen) == ("groq", "openai/gpt-oss-120b", True)
    assert (premium.samples, premium.requests_today, premium.tries_last_hour) == (2, 2, 2), "a cached answer is none"
    assert premium.latency_p50_ms and premium.latency_p95_ms and premium.first_token_p50_ms
    assert premium.input_usd and premium.output_usd and premium.output_usd > premium.input_usd
    assert premium.error_share == 0 and premium.circuit == "closed" and premium.price_known
    assert {count.name: count.requests for count in found.routes} == {"forced:model": 3, "cache:exact": 1}
    assert found.counted == 4 and sum(count.share for count in found.routes) == 1
    assert [count.name for count in found.lanes] == ["interactive"]
    assert sum(count.cost_microusd for count in found.lanes) > 0
    assert found.decisions[0].served_by == "cache"
    assert found.decisions[1].reasons[-1] == "target: groq/openai/gpt-oss-120b as cheap"
    assert [name for name, _ in found.trials] == ["easy", "unclear", "hard"]
    assert found.trials[2][1].provider == "anthropic" and found.fallbacks == 0


async def test_a_provider_that_fails_is_passed_over_until_it_is_called_again(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text="Hi.")) as claude,
        FakeOpenAI(key="gsk-test-key", models=("openai/gpt-oss-120b",)) as groq,
        client(tmp_path, **with_claude(claude), **with_groq(groq)) as llmgw,
    ):
        groq.script(*[Failure(500)] * 12)
        for number in range(3):
            await llmgw.chat(f"Question {number}?", model="gateway-auto")
        down = await status(llmgw)
        tried = await trial(llmgw, SAMPLES[1][1])
        provider = next(one for one in llmgw.gateway.snapshot().providers if one.name == "groq")
        _, unknown = await llmgw.post("/api/commands/retry_provider", provider="nobody")
        _, again = await llmgw.post("/api/commands/retry_provider", provider="groq")
        _, nothing = await llmgw.post("/api/commands/retry_provider", provider="groq")
        up = await status(llmgw)
        retried = await trial(llmgw, SAMPLES[1][1])
    cheap = place(down, "cheap")
    assert cheap.circuit == "open" and cheap.wait_s > 0 and not cheap.chosen and "circuit open" in cheap.obstacle
    assert cheap.errors_last_hour >= 5 and "500" in cheap.last_error and cheap.last_error_at
    assert down.fallbacks == 3 and provider.state == "down" and "next try in" in provider.detail
    assert tried.provider == "anthropic" and any(reason.startswith("health: groq/") for reason in tried.reasons)
    assert "Known: " in unknown["message"] and "from the next request" in again["message"]
    assert "was not paused" in nothing["message"]
    assert place(up, "cheap").circuit == "closed" and place(up, "cheap").chosen
    assert place(up, "cheap").last_error, "what went wrong stays to be read"
    assert retried.provider == "groq"


async def test_a_prompt_is_tried_with_what_it_means_and_with_what_was_learned(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as llmgw:
        reader = DifficultyReader(Encoder(), Taught())
        llmgw.gateway.reader.vector = reader.vector  # type: ignore[method-assign]
        llmgw.gateway.reader.known = reader.known  # type: ignore[method-assign]
        found = await trial(llmgw, TEXT)
    assert found.difficulty == difficulty(TEXT, VECTOR, Taught.head).score != difficulty(TEXT).score
    assert "like: Bullet points, please. (cheap was what it needed, cosine 0.91)" in found.reasons
    assert any(reason.startswith("would be: ") for reason in found.reasons)


async def test_a_prompt_is_tried_without_a_call_or_a_trace(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as llmgw:
        calls = len(claude.requests)
        found = await trial(llmgw, HARD)
        assert (await status(llmgw)).decisions == () and len(claude.requests) == calls
        await llmgw.post("/api/commands/kill")
        killed = await trial(llmgw, HARD)
    assert (found.tier, found.route, found.problem) == ("premium", "hard", "")
    assert found.difficulty > BANDS.hard_from and found.worst_microusd > 0
    assert killed.problem and killed.route == "kill_switch" and not killed.provider


async def test_own_limits_show_how_full_they_are(tmp_path: Path) -> None:
    async with FakeOpenAI(key=None) as fake:
        entry: dict[str, Any] = {
            "name": "own",
            "base_url": fake.base_url,
            "model": "fake-model",
            "price": {"input": 1, "output": 2},
            "limits": {"requests_per_minute": 4, "daily_budget": 1.0},
        }
        second = {**entry, "name": "second", "limits": {}}
        async with client(tmp_path, providers=[entry, second], max_output_tokens=64) as llmgw:
            for number in range(3):
                await llmgw.chat(f"Question {number}?", model="gateway-cheap")
            found = await status(llmgw)
            own, behind = place(found, "cheap"), place(found, "cheap", 1)
            for number in range(3, 6):
                await llmgw.chat(f"Question {number}?", model="gateway-cheap")
            full = await status(llmgw)
    assert (own.chosen, behind.chosen, behind.provider, behind.limits) == (True, False, "second", ())
    assert "own limit is reached" in place(full, "cheap").obstacle and place(full, "cheap", 1).chosen
    assert [(one.name, one.limit) for one in own.limits] == [("requests a minute", 4), ("USD a day", 1.0)]
    assert own.limits[0].share > 0.7 and 0 < own.limits[1].used < 0.1


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"prompt": 1}', b'{"prompt": "' + b"x" * 20_001 + b'"}'])
async def test_a_wrong_trial_is_refused(tmp_path: Path, body: bytes) -> None:
    async with (
        client(tmp_path) as llmgw,
        llmgw.http.post("/api/routing/trial", data=body, headers={"Content-Type": "application/json"}) as answer,
    ):
        assert answer.status == 400 and (await answer.json())["error"]["message"]
