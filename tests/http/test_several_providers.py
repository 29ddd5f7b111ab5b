"""Several providers in a tier, each with its own limits, over a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import client, with_claude

DOWN = Failure(401, "no such key")


def entry(name: str, fake: FakeOpenAI, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "base_url": fake.base_url,
        "api_key": fake.key,
        "model": "fake-model",
        "price": {"input": 2.0, "output": 8.0},
        **more,
    }


async def test_the_next_provider_of_the_tier_answers_and_an_exact_name_does_not_move(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(key="a", default=Reply(text="from a")) as a,
        FakeOpenAI(key="b", default=Reply(text="from b")) as b,
        client(tmp_path, providers=[entry("one", a), entry("two", b)]) as llmgw,
    ):
        a.script(DOWN, DOWN)
        _, headers, body = await llmgw.chat("Hello.", model="gateway-cheap")
        status, _, refused = await llmgw.chat("Hello again.", model="one/fake-model")
    assert body["choices"][0]["message"]["content"] == "from b"
    assert (headers["x-llmgw-tier"], b.calls) == ("cheap", 1)
    assert (status, refused["error"]["code"], b.calls) == (503, "no_provider", 1)


async def test_what_it_costs_is_the_entrys_own_price(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010}
    async with (
        FakeOpenAI(key="a", default=Reply(usage=usage)) as a,
        client(tmp_path, providers=[entry("one", a)]) as llmgw,
    ):
        _, headers, body = await llmgw.chat(model="one/fake-model")
        spent = (await llmgw.get("/api/budget"))["spent_usd"]
    assert body["usage"]["cost"] == spent == 0.00208
    assert headers["x-llmgw-cost-usd"] == "0.002080"


async def test_a_free_provider_costs_nothing_and_answers_past_the_hard_limit(tmp_path: Path) -> None:
    async with (
        FakeOpenAI() as lan,
        client(tmp_path, providers=[entry("lan", lan, free=True, api_key=None)], daily_budget_hard=0.000001) as llmgw,
    ):
        status, headers, _ = await llmgw.chat(model="gateway-cheap")
        spent = (await llmgw.get("/api/budget"))["spent_usd"]
    assert (status, headers["x-llmgw-cost-usd"], spent) == (200, "0.000000", 0)
    assert "authorization" not in lan.headers[0] or lan.headers[0]["authorization"] == "Bearer none"


async def test_premium_may_be_openai_compatible_where_there_is_no_anthropic_key(tmp_path: Path) -> None:
    async with FakeOpenAI(key="a") as a, client(tmp_path, providers=[entry("big", a, tier="premium")]) as llmgw:
        _, headers, _ = await llmgw.chat(model="gateway-premium")
    assert (headers["x-llmgw-tier"], headers["x-llmgw-model"]) == ("premium", "fake-model")


async def test_a_provider_may_speak_messages(tmp_path: Path) -> None:
    async with FakeAnthropic(key="sk-other") as fake:
        own: dict[str, Any] = {"name": "claudeish", "api": "messages", "base_url": fake.base_url, "api_key": fake.key}
        own |= {"model": "claude-haiku-5-5", "price": {"input": 1, "output": 5}}
        async with client(tmp_path, providers=[own]) as llmgw:
            status, headers, _ = await llmgw.chat(model="claudeish/claude-haiku-5-5")
    assert (status, headers["x-llmgw-tier"], fake.rejected) == (200, "cheap", [])


async def test_they_are_listed_shown_and_looked_at(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(key="a") as a,
        FakeOpenAI(key="b") as b,
        client(tmp_path, providers=[entry("one", a), entry("two", b, models=["x", "y"], model=None)]) as llmgw,
    ):
        models = [model["id"] for model in (await llmgw.get("/v1/models"))["data"]]
        await llmgw.gateway.checks.looked.wait()
        now = llmgw.gateway.snapshot()
    assert [model for model in models if "/" in model] == ["one/fake-model", "two/x", "two/y"]
    cheap = next(tier for tier in now.tiers if tier.name == "cheap")
    assert (cheap.target, cheap.others) == ("one/fake-model", ("two/x", "two/y"))
    assert [(provider.name, provider.state) for provider in now.providers] == [("one", "ok"), ("two", "ok")]


# --- limits of their own ---------------------------------------------------------------------------------------------


async def test_a_provider_at_its_limit_is_passed_over_and_says_so_when_it_is_named(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(key="a") as a,
        FakeOpenAI(key="b") as b,
        client(tmp_path, providers=[entry("one", a, limits={"requests_per_minute": 1}), entry("two", b)]) as llmgw,
    ):
        for number in range(3):
            status, headers, _ = await llmgw.chat(f"Request {number}.", model="gateway-cheap")
            assert status == 200
        detail = await llmgw.get(f"/api/requests/{headers['x-llmgw-request-id']}")
        status, headers, body = await llmgw.chat("Another.", model="one/fake-model")
    assert (a.calls, b.calls) == (1, 2)
    assert any("one's own limit is reached" in reason["text"] for reason in detail["decision"]["reasons"])
    assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 50 <= int(headers["Retry-After"]) <= 60


async def test_requests_that_come_at_once_do_not_pass_a_limit(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(key="a") as a,
        client(tmp_path, providers=[entry("one", a, limits={"requests_per_minute": 3})]) as llmgw,
    ):
        answers = await asyncio.gather(*(llmgw.chat(f"Request {n}.", model="gateway-cheap") for n in range(8)))
    assert a.calls == 3
    assert sorted(status for status, _, _ in answers) == [200] * 3 + [429] * 5
    assert all("Retry-After" in headers for status, headers, _ in answers if status == 429)


async def test_tokens_count_as_they_were_used(tmp_path: Path) -> None:
    used = Reply(usage={"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1_000})
    async with (
        FakeOpenAI(key="a", default=used) as a,
        client(tmp_path, providers=[entry("one", a, limits={"tokens_per_minute": 1_000})]) as llmgw,
    ):
        first, _, _ = await llmgw.chat("One.", model="gateway-cheap")
        second, headers, _ = await llmgw.chat("Two.", model="gateway-cheap")
    assert (first, second, a.calls) == (200, 429, 1)
    assert int(headers["Retry-After"]) <= 2


async def test_a_daily_limit_of_a_provider_holds_over_a_restart_and_leaves_the_others(tmp_path: Path) -> None:
    async with FakeOpenAI(key="a") as a, FakeOpenAI(key="b") as b:
        own = [entry("one", a, limits={"daily_budget": 0.002}), entry("two", b)]
        async with client(tmp_path, providers=own) as llmgw:
            first, _, _ = await llmgw.chat("Say one.", model="one/fake-model", max_tokens=100)
            await llmgw.chat("Say more.", model="one/fake-model", max_tokens=100)
        spent = a.calls
        async with client(tmp_path, providers=own) as llmgw:
            for number in range(30):
                status, headers, body = await llmgw.chat(f"Say {number}.", model="one/fake-model", max_tokens=100)
                if status != 200:
                    break
            other, _, _ = await llmgw.chat("Elsewhere.", model="gateway-cheap", max_tokens=100)
            budget = await llmgw.get("/api/budget")
    assert first == 200 and spent >= 1 and b.calls == 1 and other == 200
    assert (status, body["error"]["code"]) == (429, "budget_exceeded")
    assert "daily limit of one reached" in body["error"]["message"]
    assert budget["spent_usd"] < 0.0025


# --- switching -------------------------------------------------------------------------------------------------------


async def test_the_premium_model_is_switched_live_and_stays_so(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        async with client(tmp_path, **with_claude(fake)) as llmgw:
            status, result = await llmgw.post("/api/commands/switch", tier="premium", model="claude-opus-5-5")
            _, headers, _ = await llmgw.chat("Hello?")
        assert (status, headers["x-llmgw-model"]) == (200, "claude-opus-5-5"), result
        async with client(tmp_path, **with_claude(fake)) as llmgw:
            _, headers, _ = await llmgw.chat("Hello there?")
            await llmgw.post("/api/commands/switch", tier="premium", model="auto")
            _, after, _ = await llmgw.chat("Hello again?")
    assert (headers["x-llmgw-model"], after["x-llmgw-model"]) == ("claude-opus-5-5", "claude-sonnet-5-5")


@pytest.mark.parametrize("status", [413, 429])
async def test_groqs_plan_limit_sends_a_request_elsewhere(tmp_path: Path, status: int) -> None:
    too_large = Failure(
        status,
        "Request too large for model `x` on tokens per minute (TPM): Limit 8000, Requested 12328.",
        type="tokens",
        code="rate_limit_exceeded",
    )
    async with (
        FakeOpenAI(key="a") as a,
        FakeOpenAI(key="b", default=Reply(text="from b")) as b,
        client(tmp_path, providers=[entry("one", a), entry("two", b)]) as llmgw,
    ):
        a.script(too_large)
        got, _, body = await llmgw.chat("Hello.", model="gateway-cheap")
        spent = (await llmgw.get("/api/budget"))["reserved_usd"]
    assert (got, a.calls, body["choices"][0]["message"]["content"], spent) == (200, 1, "from b", 0)


async def test_a_tool_call_that_groqs_model_botched_is_not_the_callers_fault(tmp_path: Path) -> None:
    botched = Failure(400, "Failed to call a function.", type="invalid_request_error", code="tool_use_failed")
    async with (
        FakeOpenAI(key="a") as a,
        FakeOpenAI(key="b", default=Reply(text="from b")) as b,
        client(tmp_path, providers=[entry("one", a), entry("two", b)]) as llmgw,
    ):
        a.script(botched, botched, botched)
        got, _, body = await llmgw.chat("Hello.", model="gateway-cheap")
    assert (got, body["choices"][0]["message"]["content"]) == (200, "from b")


async def test_a_free_server_that_cut_a_prompt_gets_no_such_prompt_for_a_while(tmp_path: Path) -> None:
    long = "the cat sat on the mat " * 200
    cut = Reply(text="from lan", usage={"prompt_tokens": 400, "completion_tokens": 2, "total_tokens": 402})
    async with (
        FakeOpenAI(default=cut) as lan,
        FakeOpenAI(key="b", default=Reply(text="from b")) as b,
        client(tmp_path, providers=[entry("lan", lan, free=True, api_key=None), entry("two", b)]) as llmgw,
    ):
        refused, _, first = await llmgw.chat(long, model="gateway-cheap")
        _, _, second = await llmgw.chat(f"{long}!", model="gateway-cheap")
        _, _, short = await llmgw.chat("Hello.", model="lan/fake-model")
    assert (refused, first["error"]["code"]) == (400, "context_length_exceeded")
    assert [body["choices"][0]["message"]["content"] for body in (second, short)] == ["from b", "from lan"]
    assert lan.calls == 2
