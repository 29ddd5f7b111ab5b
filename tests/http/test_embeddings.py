"""Embeddings over a real socket, with OpenAI's own client: the built-in encoder, Ollama, another server, OpenAI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import SecretStr

from gateway_core.events import RequestFinished
from gateway_core.model import Lane, RequestRow, Status
from tests.cache.fakes import FakeEncoder
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI, embedding
from tests.fakes.script import Failure, Raw, Reply
from tests.http.encoder import DEAD, use_child
from tests.http.inside import KEY, Client, client, with_claude

SMALL = "text-embedding-3-small"


@asynccontextmanager
async def sdk(running: Client) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{running.gateway.address}/v1", max_retries=0) as made:
        yield made


@asynccontextmanager
async def paid(tmp_path: Path, **more: Any) -> AsyncIterator[tuple[Client, openai.AsyncOpenAI, FakeOpenAI]]:
    """A gateway with OpenAI's key, and the fake OpenAI that refuses what the real one refuses."""
    async with FakeOpenAI(key="sk-paid", models=(SMALL, "text-embedding-3-large")) as fake:
        settings = {"openai_api_key": SecretStr("sk-paid"), "openai_base_url": fake.base_url, **more}
        async with client(tmp_path, **settings) as running, sdk(running) as made:
            yield running, made, fake


@asynccontextmanager
async def local(tmp_path: Path, url: str) -> AsyncIterator[tuple[Client, openai.AsyncOpenAI]]:
    settings = {"local_llm_enabled": True, "local_llm_url": url, "builtin_model": "off"}
    async with client(tmp_path, **settings) as running, sdk(running) as made:
        yield running, made


@asynccontextmanager
async def until_finished(running: Client) -> AsyncIterator[None]:
    """Waits at the end of the block until the gateway has finished a request."""
    with running.gateway.bus.subscribe() as events:
        yield
        async for event in events:
            if isinstance(event, RequestFinished):
                return


async def row(running: Client) -> RequestRow:
    (newest, *_) = await running.gateway.requests(1)
    return newest


async def refused(made: openai.AsyncOpenAI, **asked: Any) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    with pytest.raises(openai.APIStatusError) as refusal:
        await made.embeddings.create(**{"model": "gateway-embed", "input": "a", **asked})
    body: Any = refusal.value.body
    return refusal.value.status_code, body["code"], body["message"]


# --- the built-in encoder ----------------------------------------------------------------------------------------


async def test_the_sdk_gets_the_encoders_vectors_in_both_formats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_child(monkeypatch)
    texts = ["The code word is plum.", "Another note.", "The code word is plum."]
    expected = [pytest.approx(vector, abs=1e-6) for vector in FakeEncoder().encode(texts)]
    async with client(tmp_path) as running, sdk(running) as made:
        by_default = await made.embeddings.create(model="gateway-embed", input=texts)
        as_floats = await made.embeddings.create(model="builtin", input=texts, encoding_format="float", user="me")
        for answer in (by_default, as_floats):
            assert [item.embedding for item in answer.data] == expected
            assert [item.index for item in answer.data] == [0, 1, 2]
            assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == ("all-MiniLM-L6-v2", 15, 15)
        assert (await row(running)).client == "AsyncOpenAI/Python"


async def test_an_answer_says_where_it_comes_from_and_the_request_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_child(monkeypatch)
    body = {"model": "all-MiniLM-L6-v2", "input": ["word " * 300, "second"]}
    async with client(tmp_path) as running:
        async with running.http.post("/v1/embeddings", json=body) as answer:
            assert answer.status == 200
            headers, usage = answer.headers, (await answer.json())["usage"]
        assert usage == {"prompt_tokens": 301, "total_tokens": 301, "cost": 0}
        assert headers["x-llmgw-tier"] == "local"
        assert headers["x-llmgw-model"] == "all-MiniLM-L6-v2"
        assert (headers["x-llmgw-cache"], headers["x-llmgw-route"]) == ("bypass", "embedding:builtin")
        assert (headers["x-llmgw-cost-usd"], headers["x-llmgw-windowed-texts"]) == ("0.000000", "1")
        detail = await running.gateway.detail(headers["x-llmgw-request-id"])
        assert detail is not None
        kept = detail.row
        assert (kept.status, kept.lane, kept.purpose) == (Status.OK, Lane.BACKGROUND, "embedding")
        assert kept.preview.startswith("2 texts: word word")
        assert [message["content"] for message in detail.messages] == body["input"]
        assert [(remark.step, remark.text[:8]) for remark in detail.remarks] == [("windows", "1 texts ")]


async def test_bad__input_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_child(monkeypatch, DEAD)
    async with client(tmp_path, max_body_bytes=5_000) as running, sdk(running) as made:
        assert (await refused(made, input=""))[:2] == (400, "invalid_request")
        assert (await refused(made, input=[1, 2]))[:2] == (400, "invalid_request")
        assert (await refused(made, dimensions=256))[:2] == (400, "invalid_request")
        assert (await refused(made, input="x" * 6_000))[0] == 413
        status, code, message = await refused(made, model="nope")
        assert (status, code) == (404, "model_not_found") and "gateway-embed" in message
        async with running.http.post("/v1/embeddings", data=b"{", headers={"Content-Type": "application/json"}) as bad:
            assert bad.status == 400
        async with running.http.post("/v1/embeddings", json={}, headers={"Authorization": "Bearer no"}) as bad:
            assert bad.status == 401


async def test_an_encoder_that_dies_is_a_503_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_child(monkeypatch, DEAD)
    async with client(tmp_path) as running, sdk(running) as made:
        status, code, message = await refused(made)
        assert (status, code) == (503, "no_provider") and "llmgw doctor" in message
        assert (await row(running)).status is Status.FAILED


async def test_the_kill_switch_refuses_embeddings_and_stops_those_at_work(tmp_path: Path) -> None:
    async with FakeOllama("chat", "embed") as ollama:
        ollama.add("embed", capabilities=("embedding",))
        ollama.script(Raw(b"{", content_type="application/json", stall=True))
        async with local(tmp_path, ollama.base_url) as (running, made):
            at_work = asyncio.create_task(refused(made, model="ollama/embed"))
            await ollama.wait_for_requests(1)
            await running.post("/api/commands/kill")
            assert (await at_work)[:2] == (503, "kill_switch")
            await ollama.wait_for_disconnects(1)
            assert (await row(running)).status is Status.KILLED
            assert (await refused(made))[:2] == (503, "kill_switch")


async def test_a_client_that_leaves_stops_its_embeddings(tmp_path: Path) -> None:
    async with FakeOllama("chat") as ollama:
        ollama.add("embed", capabilities=("embedding",))
        ollama.script(Raw(b"{", content_type="application/json", stall=True))
        async with local(tmp_path, ollama.base_url) as (running, made):
            leaving = asyncio.create_task(made.embeddings.create(model="ollama/embed", input="a"))
            await ollama.wait_for_requests(1)
            async with until_finished(running):
                leaving.cancel()
            await ollama.wait_for_disconnects(1)
            assert (await row(running)).status is Status.CANCELLED


async def test_embeddings_have_a_rate_limit_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_child(monkeypatch)
    async with (
        FakeAnthropic() as claude,
        client(tmp_path, rate_limit_rpm=2, **with_claude(claude)) as running,
        sdk(running) as made,
    ):
        for _ in range(2):
            await made.embeddings.create(model="gateway-embed", input="a")
        assert (await refused(made))[:2] == (429, "rate_limit_exceeded")
        assert (await running.chat())[0] == 200


# --- the local server --------------------------------------------------------------------------------------------


async def test_ollama_embeds_by_its_own_api_and_cuts_nothing(tmp_path: Path) -> None:
    async with FakeOllama("chat") as ollama:
        ollama.add("nomic:latest", capabilities=("embedding",))
        async with local(tmp_path, ollama.base_url) as (running, made):
            texts = [f"note {number}" for number in range(40)]
            answer = await made.embeddings.create(model="ollama/nomic", input=texts)
            assert answer.model == "nomic:latest"
            assert [item.embedding for item in answer.data] == [pytest.approx(embedding(text, 6)) for text in texts]
            assert [(body["truncate"], len(body["input"])) for body in ollama.requests] == [(False, 32), (False, 8)]
            assert answer.usage.prompt_tokens == (await row(running)).input_tokens > 40
            assert (await row(running)).cost_microusd == 0
            short = await made.embeddings.create(model="nomic", input="a", dimensions=4)
            assert len(short.data[0].embedding) == 4

            status, code, message = await refused(made, model="ollama/nomic", input="word " * 2000)
            assert (status, code) == (400, "context_length_exceeded") and "not cut" in message
            assert (await refused(made, model="ollama/chat"))[:2] == (400, "invalid_request")
            status, code, message = await refused(made, model="ollama/missing")
            assert (status, code) == (404, "model_not_found")
            assert "ollama pull missing" in message and "ollama/nomic:latest" in message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Raw(b'{"embeddings": [[1, 0]]}', content_type="application/json"), (502, "upstream_error")),
        (Raw(b'{"embeddings": [[1], [1, 0]]}', content_type="application/json"), (502, "upstream_error")),
        (Raw(b"<html>", status=500), (502, "upstream_error")),
        (Raw(b'{"error": "no"}', status=401, content_type="application/json"), (502, "upstream_error")),
        (Raw(b'{"error": "input is too large to process"}', status=500), (400, "context_length_exceeded")),
    ],
)
async def test_a_local_server_that_fails_is_said_to_have_failed(
    tmp_path: Path, answer: Raw, expected: tuple[int, str]
) -> None:
    async with FakeOllama("chat") as ollama:
        ollama.add("embed", capabilities=("embedding",))
        ollama.script(answer)
        async with local(tmp_path, ollama.base_url) as (_, made):
            assert (await refused(made, model="ollama/embed", input=["a", "b"]))[:2] == expected


async def test_another_local_server_embeds_over_openais_api(tmp_path: Path) -> None:
    async with FakeOpenAI(kind="lmstudio", models=("bge",)) as server, local(tmp_path, server.base_url) as (_, made):
        asked: dict[str, Any] = {"model": "local/bge", "input": ["a", "b"], "extra_body": {"input_type": "query"}}
        answer = await made.embeddings.create(**asked)
        assert [item.embedding for item in answer.data] == [pytest.approx(embedding(text, 8)) for text in "ab"]
        assert server.requests[-1]["input_type"] == "query"


async def test_without_a_local_server_the_built_in_model_is_named(tmp_path: Path) -> None:
    async with local(tmp_path, "http://127.0.0.1:9/v1") as (_, made):
        status, code, message = await refused(made, model="ollama/nomic")
        assert (status, code) == (503, "no_provider") and "gateway-embed" in message


# --- OpenAI ------------------------------------------------------------------------------------------------------


async def test_openai_is_paid_for_to_the_microdollar(tmp_path: Path) -> None:
    async with paid(tmp_path) as (running, made, fake):
        texts = ["note " * 5000, "second"]
        answer = await made.embeddings.create(model=f"openai/{SMALL}", input=texts, dimensions=16, user="me")
        assert [item.embedding for item in answer.data] == [pytest.approx(embedding(t, 16), abs=1e-6) for t in texts]
        assert fake.rejected == []
        tokens = answer.usage.prompt_tokens
        assert tokens == fake.input_tokens
        cost = -(-tokens * 20_000 // 1_000_000)  # 0.02 USD a million tokens, rounded up to a micro-dollar
        assert cost > 100
        assert answer.usage.model_dump()["cost"] == cost / 1e6
        assert (await row(running)).cost_microusd == cost
        assert (await running.get("/api/budget"))["spent_usd"] == cost / 1e6
        bare = await made.embeddings.create(model=SMALL, input="a")
        assert bare.model == SMALL


async def test_more_tokens_than_the_texts_can_have_are_not_charged(tmp_path: Path) -> None:
    async with paid(tmp_path) as (running, made, fake):
        fake.script(Reply(usage={"prompt_tokens": 900_000_000, "total_tokens": 900_000_000}))
        await made.embeddings.create(model=f"openai/{SMALL}", input=["a note", "another"])
        told = await row(running)
        detail = await running.get(f"/api/requests/{told.id}")
        assert (await running.get("/api/budget"))["spent_usd"] == told.cost_microusd / 1e6
    assert 0 < told.cost_microusd <= 20 and told.input_tokens < 1_000
    assert "900,000,000" in detail["remarks"][0]["text"]


async def test_a_day_that_is_spent_pays_for_no_embeddings_but_has_free_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_child(monkeypatch)
    async with paid(tmp_path, daily_budget_hard=0.000001) as (_, made, fake):
        assert (await refused(made, model=f"openai/{SMALL}", input="word " * 1000))[:2] == (429, "budget_exceeded")
        assert fake.calls == 0
        await made.embeddings.create(model="gateway-embed", input="a")


@pytest.mark.parametrize(
    ("step", "expected", "charged"),
    [
        (Failure(429, "Slow down", headers={"Retry-After": "7"}), (429, "rate_limit_exceeded"), False),
        (Failure(401, "Incorrect API key"), (502, "upstream_error"), False),
        (Failure(500, "no"), (502, "upstream_error"), False),
        (Raw(b'{"data": []}', content_type="application/json"), (502, "upstream_error"), True),
        (Raw(b"{", content_type="application/json"), (502, "upstream_error"), True),
    ],
)
async def test_openais_failures_cost_only_what_may_have_been_charged(
    tmp_path: Path, step: Any, expected: tuple[int, str], charged: bool
) -> None:
    async with paid(tmp_path) as (running, made, fake):
        fake.script(step)
        assert (await refused(made, model=f"openai/{SMALL}", input="word " * 1000))[:2] == expected
        assert ((await running.get("/api/budget"))["spent_usd"] > 0) == charged
        assert (await running.get("/api/budget"))["reserved_usd"] == 0


async def test_what_is_cut_off_is_charged_at_what_it_can_have_cost(tmp_path: Path) -> None:
    async with paid(tmp_path) as (running, made, fake):
        fake.script(Raw(b"{", content_type="application/json", stall=True))
        text = "word " * 1000
        leaving = asyncio.create_task(made.embeddings.create(model=f"openai/{SMALL}", input=text))
        await fake.wait_for_requests(1)
        reserved = (await running.get("/api/budget"))["reserved_usd"]
        async with until_finished(running):
            leaving.cancel()
        await fake.wait_for_disconnects(1)
        budget = await running.get("/api/budget")
        assert (budget["spent_usd"], budget["reserved_usd"]) == (reserved, 0)
        assert reserved > 0


async def test_providers_without_embeddings_are_told_apart(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude)) as running, sdk(running) as made:
        status, code, message = await refused(made, model="anthropic/claude-sonnet-5-5")
        assert (status, code) == (400, "invalid_request") and "no embeddings" in message
        assert (await refused(made, model=f"openai/{SMALL}"))[0] == 404
