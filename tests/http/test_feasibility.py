"""The router goes by what models really reported and took: over a real socket, and over a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_core.decisions import Considered
from gateway_core.model import RequestDetail
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import Client, client, with_groq
from tests.http.test_fallbacks import GROQ_MODEL
from tests.http.test_several_providers import entry

MODEL = "m:1b"
WORDS = "The quick brown fox jumps over the lazy dog by the river. "
SAID = "word " * 40
MORE_THAN_ANY_MEMORY = 10**13


@pytest.fixture
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(default=Reply(SAID)) as server:
        server.add(MODEL, trained=131_072, capabilities=("completion", "tools"))
        yield server


@pytest.fixture
async def groq() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="g", models=(GROQ_MODEL,), default=Reply("From Groq.")) as server:
        yield server


def with_ollama(fake: FakeOllama, **more: Any) -> dict[str, Any]:
    return {
        "local_llm_enabled": True,
        "local_llm_url": fake.base_url,
        "builtin_model": "off",
        "local_context_tokens": 65_536,
        "default_tier": "local",
        **more,
    }


async def newest(llmgw: Client) -> RequestDetail:
    (row, *_) = await llmgw.gateway.requests(1)
    found = await llmgw.gateway.detail(row.id)
    assert found and found.decision
    return found


async def considered(llmgw: Client, model: str) -> Considered:
    detail = await newest(llmgw)
    assert detail.decision
    return next(one for one in detail.decision.record.considered if one.model == model)


async def reasons(llmgw: Client) -> str:
    detail = await newest(llmgw)
    return "\n".join(reason.text for reason in detail.decision.reasons) if detail.decision else ""


async def test_how_a_model_counts_is_learned_and_kept_over_a_restart(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.default = Reply(SAID, usage={"prompt_eval_count": 1_900})
    settings = with_ollama(ollama, local_context_tokens=8_192)
    async with client(tmp_path, **settings) as llmgw:
        for number in range(12):
            status, _, _ = await llmgw.chat(f"{number} " + WORDS * 75, model="gateway-local")
            assert status == 200
        assert 1.3 < (await considered(llmgw, MODEL)).ratio < 2.0
        await llmgw.chat("Longer: " + WORDS * 175, model="gateway-local")
        assert [load["num_ctx"] for load in ollama.loads] == [4_096, 8_192], "4,096 hold the estimate and an answer"
    async with client(tmp_path, **settings) as llmgw:
        status, _, body = await llmgw.chat("Again: " + WORDS * 450, model="gateway-local")
        assert (status, body["error"]["code"]) == (400, "context_length_exceeded")
        assert "the model takes 8192" in body["error"]["message"]
        status, _, _ = await llmgw.chat("Shorter: " + WORDS * 280, model="gateway-local")
        local = await considered(llmgw, MODEL)
    estimated = (len(WORDS) * 280 + 9) / 4.4
    assert status == 200 and local.ratio > 1.3
    assert local.tokens_needed == pytest.approx(estimated * local.ratio + 512, rel=0.01)
    assert 450 * len(WORDS) / 4.4 + 512 < 8_192, "by the estimate alone it would have fitted"


async def test_a_prompt_that_was_cut_teaches_nothing(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.default = Reply(SAID, usage={"prompt_eval_count": 2_050})
    async with client(tmp_path, **with_ollama(ollama, local_context_tokens=4_096)) as llmgw:
        await llmgw.stream(WORDS * 255, model="gateway-local")
        assert (await newest(llmgw)).remarks
        status, _, _ = await llmgw.chat("Hello!", model="gateway-local")
        assert (status, (await considered(llmgw, MODEL)).ratio) == (200, 1.0)


async def test_a_model_that_would_take_too_long_leaves_the_request_to_a_quick_one(
    tmp_path: Path, ollama: FakeOllama, groq: FakeOpenAI
) -> None:
    """The fake reads 155 tokens a second: 30,000 of them take more than the 150 s that a person waits."""
    long = WORDS * 2_300
    async with client(tmp_path, **with_ollama(ollama), **with_groq(groq)) as llmgw:
        _, headers, _ = await llmgw.chat(WORDS * 40, model="gateway-auto")
        assert headers["x-llmgw-tier"] == "local"
        _, headers, _ = await llmgw.chat(long, model="gateway-auto")
        assert (headers["x-llmgw-tier"], headers["x-llmgw-route"]) == ("cheap", "simple>cheap")
        assert f"{MODEL} comes last: it would take about" in await reasons(llmgw)
        local = await considered(llmgw, MODEL)
        assert local.seconds and local.seconds > 150 and not local.obstacle
        assert (await considered(llmgw, GROQ_MODEL)).most_microusd > 0
        for model in ("gateway-local", f"local/{MODEL}", "gateway-background"):
            _, headers, _ = await llmgw.chat(f"{model} " + long, model=model)
            assert headers["x-llmgw-tier"] == "local", model
        assert ollama.calls == 4


async def test_a_cold_model_that_loads_slowly_leaves_the_request_to_a_quick_one(
    tmp_path: Path, ollama: FakeOllama, groq: FakeOpenAI
) -> None:
    ollama.default = Reply(SAID, usage={"load_duration": 200_000_000_000})
    async with client(tmp_path, **with_ollama(ollama), **with_groq(groq)) as llmgw:
        await llmgw.chat(WORDS * 40, model="gateway-auto")
        await llmgw.gateway.local.refresh()
        await llmgw.chat("Loaded: " + WORDS * 40, model="gateway-auto")
        warm = await considered(llmgw, MODEL)
        ollama.loaded.clear()
        await llmgw.gateway.local.refresh()
        _, headers, _ = await llmgw.chat("Cold: " + WORDS * 40, model="gateway-auto")
        cold = await considered(llmgw, MODEL)
        assert headers["x-llmgw-tier"] == "cheap" and "200 s to load it" in await reasons(llmgw)
    assert (warm.loaded, cold.loaded) == (True, False)
    assert warm.seconds and cold.seconds and cold.seconds - warm.seconds == pytest.approx(200, abs=15)


async def test_two_models_that_do_not_fit_together_are_not_loaded_by_turns(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.add("big:70b", trained=131_072, capabilities=("completion",))
    for model in (MODEL, "big:70b"):
        ollama.tagged[model]["size"] = MORE_THAN_ANY_MEMORY
    settings = with_ollama(
        ollama, local_llm_model=MODEL, cheap_provider="local", cheap_model="big:70b", default_tier="cheap"
    )
    async with client(tmp_path, **settings) as llmgw:
        await llmgw.chat("Hello!", model="gateway-auto")
        for number in range(6):
            ollama.loaded.pop("big:70b", None)
            _, headers, _ = await llmgw.chat(f"{number} " + WORDS * 3, model="gateway-auto")
            assert headers["x-llmgw-model"] == MODEL
        assert f"loading it would push out {MODEL}, used 0 s ago" in await reasons(llmgw)
        _, headers, _ = await llmgw.chat("Who is asked by name answers.", model="gateway-cheap")
        assert headers["x-llmgw-model"] == "big:70b"
        ollama.loaded.pop(MODEL)
        _, headers, _ = await llmgw.chat("Thanks!", model="gateway-auto")
        assert headers["x-llmgw-model"] == "big:70b"
    assert [load["model"] for load in ollama.loads] == [MODEL, "big:70b"]


async def test_models_that_fit_together_serve_their_own_tiers(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.add("other:1b", trained=131_072, capabilities=("completion",))
    settings = with_ollama(
        ollama, local_llm_model=MODEL, cheap_provider="local", cheap_model="other:1b", default_tier="cheap"
    )
    async with client(tmp_path, **settings) as llmgw:
        await llmgw.chat("Hello!", model="gateway-auto")
        await llmgw.gateway.local.refresh()
        await llmgw.gateway.local.fit(MODEL)
        _, headers, _ = await llmgw.chat(WORDS * 3, model="gateway-auto")
    assert headers["x-llmgw-model"] == "other:1b"


async def test_structured_output_goes_past_a_provider_that_is_said_to_lack_it(tmp_path: Path, groq: FakeOpenAI) -> None:
    async with FakeOpenAI(default=Reply("From the LAN.")) as lan:
        models = {"fake-model": {"structured": False}}
        own = {**entry("lan", lan, free=True, api_key=None), "models": models}
        own = {name: value for name, value in own.items() if name not in ("model", "price")}
        async with client(tmp_path, providers=[{**own, "order": -1}], cheap_provider=None, **with_groq(groq)) as llmgw:
            _, headers, body = await llmgw.chat(WORDS, model="gateway-auto")
            assert body["choices"][0]["message"]["content"] == "From the LAN."
            form = {"type": "json_object"}
            _, headers, body = await llmgw.chat("As JSON: " + WORDS, model="gateway-auto", response_format=form)
            assert body["choices"][0]["message"]["content"] == "From Groq."
            assert "cannot be held to JSON or a schema" in await reasons(llmgw)
            status, _, _ = await llmgw.chat("JSON: " + WORDS, model="lan/fake-model", response_format=form)
            assert status == 200


async def test_ollama_is_known_to_hold_models_to_a_schema(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **with_ollama(ollama)) as llmgw:
        status, headers, _ = await llmgw.chat("{}", model="gateway-auto", response_format={"type": "json_object"})
        place = next(p for p in llmgw.gateway.routing.status().lineup if p.model == MODEL)
    assert (status, headers["x-llmgw-tier"], place.structured) == (200, "local", True)
    assert ollama.chats[0]["format"] == "json"


# --- what is known of the local server ------------------------------------------------------------------------------


async def test_the_next_turn_of_a_session_is_expected_to_take_as_long_as_its_new_part(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    async with client(tmp_path, **with_ollama(ollama)) as llmgw:
        first = [{"role": "user", "content": WORDS * 800}]
        _, _, body = await llmgw.chat(messages=first, model="gateway-auto", headers={"session_id": "abc"})
        await llmgw.gateway.local.refresh()
        turn = [*first, body["choices"][0]["message"], {"role": "user", "content": "And then?"}]
        await llmgw.chat(messages=turn, model="gateway-auto", headers={"session_id": "abc"})
        same = await considered(llmgw, MODEL)
        turn[-1]["content"] = "And what then?"
        await llmgw.chat(messages=turn, model="gateway-auto", headers={"session_id": "other"})
        other = await considered(llmgw, MODEL)
    assert same.seconds and other.seconds
    assert other.seconds - same.seconds == pytest.approx(10_545 * 0.00646, rel=0.05)


async def test_requests_before_it_make_a_model_take_longer(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **with_ollama(ollama)) as llmgw:
        await llmgw.chat(WORDS * 40, model="gateway-auto")
        await llmgw.gateway.local.refresh()
        with llmgw.gateway.local.in_use(MODEL), llmgw.gateway.local.in_use(MODEL):
            trial = next(p for p in llmgw.gateway.routing.status().lineup if p.model == MODEL)
        idle = next(p for p in llmgw.gateway.routing.status().lineup if p.model == MODEL)
    assert idle.seconds_openclaw and idle.seconds_openclaw > 14_100 * 0.006
    assert trial.latency_p50_ms and trial.seconds_plain and idle.seconds_plain
    assert trial.seconds_plain - idle.seconds_plain == pytest.approx(2 * trial.latency_p50_ms / 1000)


async def test_a_provider_at_the_local_servers_address_shares_its_memory(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.add("big:70b", trained=131_072, capabilities=("completion",))
    for model in (MODEL, "big:70b"):
        ollama.tagged[model]["size"] = MORE_THAN_ANY_MEMORY
    own = {"name": "again", "base_url": ollama.base_url, "model": "big:70b", "free": True}
    settings = with_ollama(ollama, local_llm_model=MODEL, providers=[own], default_tier="cheap")
    async with client(tmp_path, **settings) as llmgw:
        _, headers, _ = await llmgw.chat("Mine.", model="again/big:70b")
        assert headers["x-llmgw-model"] == "big:70b"
        _, headers, _ = await llmgw.chat("Hello!", model="gateway-auto")
        assert headers["x-llmgw-model"] == "big:70b"
        assert f"{MODEL} is not loaded, and loading it would push out big:70b" in await reasons(llmgw)


async def test_a_request_that_nobody_could_take_keeps_what_was_looked_at(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **with_ollama(ollama, local_context_tokens=4_096)) as llmgw:
        status, _, body = await llmgw.chat(WORDS * 900, model="gateway-auto")
        (row, *_) = await llmgw.gateway.requests(1)
        found = await llmgw.gateway.detail(row.id)
        shown = await llmgw.get(f"/api/requests/{row.id}")
    assert (status, body["error"]["code"]) == (400, "context_length_exceeded")
    assert found and found.decision is None and found.weighed and found.weighed.difficulty
    local = next(one for one in found.weighed.considered if one.model == MODEL)
    assert "tokens are needed" in local.obstacle and local.context_tokens
    assert shown["weighed"]["considered"], "a program sees it too"
