"""The native client against recordings of a real Ollama."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway_core.ollama.client import OllamaClient, OllamaError
from gateway_core.ollama.pulling.progress import PullLine
from tests.fakes.ollama import FakeOllama

MODEL = "smollm2:135m"


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(MODEL) as server:
        yield server


@pytest.fixture
async def client(fake: FakeOllama) -> AsyncIterator[OllamaClient]:
    async with aiohttp.ClientSession() as session:
        yield OllamaClient(session, fake.root)


async def _pull(client: OllamaClient, model: str) -> list[PullLine]:
    return [status async for status in client.pull(model)]


async def test_version_and_tags_read_as_recorded(client: OllamaClient) -> None:
    assert await client.version() == "0.32.15"
    ((model, digest),) = await client.tags()
    assert (model.name, model.size_bytes, model.parameter_size) == (MODEL, 98_362_985, "134.52M")
    assert (model.quantization, model.context_length, model.capabilities) == ("Q4_1", 8192, ("completion",))
    assert len(digest) == 64


async def test_ps_tells_the_context_in_force_and_when_the_model_goes(fake: FakeOllama, client: OllamaClient) -> None:
    fake.load(MODEL)
    fake.loaded[MODEL]["expires_at"] = "2026-11-23T16:21:23.574915364Z"
    running = (await client.ps())[MODEL]
    assert running.loaded and running.context_length == 4096
    assert running.expires_at == pytest.approx(1_795_450_883.574915)


async def test_a_pinned_model_has_no_expiry(fake: FakeOllama, client: OllamaClient) -> None:
    await client.load(MODEL, keep_alive=-1)
    assert (await client.ps())[MODEL].expires_at is None


async def test_show_tells_capabilities_trained_context_and_num_ctx(fake: FakeOllama, client: OllamaClient) -> None:
    fake.add("small", num_ctx=2048, capabilities=("completion", "tools"))
    shown = await client.show("small")
    assert (shown.num_ctx, shown.trained_context, shown.capabilities) == (2048, 8192, ("completion", "tools"))
    assert (await client.show(MODEL)).num_ctx is None


async def test_load_and_unload_send_what_ollama_wants(fake: FakeOllama, client: OllamaClient) -> None:
    await client.load(MODEL)
    assert MODEL in fake.loaded and "keep_alive" not in fake.loads[-1]
    await client.unload(MODEL)
    assert MODEL not in fake.loaded and fake.loads[-1]["keep_alive"] == 0


async def test_a_missing_model_is_a_404_with_ollamas_words(client: OllamaClient) -> None:
    with pytest.raises(OllamaError, match="model 'nope' not found") as caught:
        await client.show("nope")
    assert caught.value.status == 404
    with pytest.raises(OllamaError):
        await client.delete("nope")


async def test_delete_removes_a_model(fake: FakeOllama, client: OllamaClient) -> None:
    await client.delete(MODEL)
    assert await client.tags() == ()


async def test_a_pull_ends_with_success(fake: FakeOllama, client: OllamaClient) -> None:
    fake.pull_as("new", "pull_ok")
    statuses = await _pull(client, "new")
    assert [status.status for status in statuses][:2] == ["pulling manifest", "pulling b179c9523d0e"]
    assert statuses[1].total_bytes == 98_362_432 and statuses[1].completed_bytes == 25_493_504
    assert statuses[-1].ends and statuses[-1].error is None


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        ("pull_gone", "file does not exist"),
        ("pull_boom", "registry exploded"),
        ("pull_offline", "connection refused"),
        ("pull_corrupt", "digest mismatch"),
        ("pull_flaky", "max retries exceeded"),
    ],
)
async def test_an_error_inside_http_200_ends_a_pull(
    fake: FakeOllama, client: OllamaClient, recorded: str, words: str
) -> None:
    fake.pull_as("new", recorded)
    last = (await _pull(client, "new"))[-1]
    assert last.ends and last.error is not None and words in last.error


async def test_a_refused_name_is_an_error(fake: FakeOllama, client: OllamaClient) -> None:
    fake.pull_as("bad name", "pull_badname")
    with pytest.raises(OllamaError, match="invalid model name"):
        await _pull(client, "bad name")


async def test_a_pull_that_just_ends_has_failed(fake: FakeOllama, client: OllamaClient) -> None:
    fake.pull_as("new", "pull_slow_cancelled")
    last = (await _pull(client, "new"))[-1]
    assert last.ends and last.error


async def test_nothing_listening_is_told_from_a_refusal() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(OllamaError) as caught:
            await OllamaClient(session, "http://127.0.0.1:1").version()
    assert caught.value.refused and caught.value.status is None
