"""The LOCAL tier's server and model: found, chosen, switched, managed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway_core.events import LocalChanged, PullProgress
from gateway_core.model import JsonObject
from gateway_core.ollama.manager import LocalError, LocalModels
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import NOTHING, Collector, json_server, running, settings

POLL_S = 3600.0


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama("first:1b", "second:1b") as server:
        yield server


@pytest.fixture
def events() -> Collector:
    return Collector()


@pytest.fixture
async def local(fake: FakeOllama, events: Collector) -> AsyncIterator[LocalModels]:
    async with running(LocalModels(settings(fake.base_url), events.publish, poll_s=POLL_S)) as started:
        yield started


async def test_ollama_is_recognised_with_its_models(fake: FakeOllama, local: LocalModels) -> None:
    server = local.server
    assert (server.kind, server.reachable, server.version) == ("ollama", True, "0.32.15")
    assert [model.name for model in server.models] == ["first:1b", "second:1b"]
    assert local.endpoint() == (fake.base_url, None, "ollama")


async def test_the_first_model_serves_until_another_is_loaded(fake: FakeOllama, local: LocalModels) -> None:
    assert local.server.current_model == "first:1b"
    fake.load("second:1b")
    assert (await local.refresh()).current_model == "second:1b"
    fake.loaded.clear()
    assert (await local.refresh()).current_model == "second:1b", "going back would cost a reload"


async def test_the_operators_switch_beats_the_setting_and_what_is_loaded(fake: FakeOllama, events: Collector) -> None:
    fake.load("first:1b")
    configured = settings(fake.base_url, local_llm_model="first:1b")
    async with running(LocalModels(configured, events.publish, switched="second:1b", poll_s=POLL_S)) as local:
        assert local.server.current_model == "second:1b"
        local.switch(None)
        assert local.server.current_model == "first:1b"


async def test_a_configured_model_that_is_missing_is_said(fake: FakeOllama, events: Collector) -> None:
    configured = settings(fake.base_url, local_llm_model="absent:7b")
    async with running(LocalModels(configured, events.publish, poll_s=POLL_S)) as local:
        assert local.server.current_model == "first:1b"
        assert "absent:7b (LOCAL_LLM_MODEL) is not on Ollama" in local.server.detail


async def test_a_name_without_a_tag_means_latest(fake: FakeOllama, local: LocalModels) -> None:
    fake.add("third:latest")
    await local.refresh()
    assert local.switch("third") == "third:latest"
    assert local.server.current_model == "third:latest"


async def test_switching_to_a_model_that_is_not_there_is_refused(local: LocalModels) -> None:
    with pytest.raises(LocalError, match="Pull it first"):
        local.switch("absent:7b")


async def test_embedding_models_do_not_serve(fake: FakeOllama, local: LocalModels) -> None:
    for name in ("first:1b", "second:1b"):
        fake.remove(name)
    fake.add("embedder", capabilities=("embedding",))
    server = await local.refresh()
    assert server.current_model is None and "pull one" in server.detail


async def test_the_context_is_the_largest_that_ollama_can_be_asked_for(fake: FakeOllama, events: Collector) -> None:
    fake.load("first:1b", context=4096)
    configured = settings(fake.base_url, local_context_tokens=100_000)
    async with running(LocalModels(configured, events.publish, poll_s=POLL_S)) as local:
        assert local.context_of("first:1b") == 8192, "what it was trained for"
        assert local.server.models[0].context_length == 4096, "the screen shows what is in force"


async def test_num_ctx_of_the_model_is_its_context_over_v1_loaded_or_not(fake: FakeOllama, local: LocalModels) -> None:
    fake.add("made", num_ctx=2048)
    fake.load("made", context=8192)
    await local.refresh()
    local.contexts.lacks_native_chat()
    assert local.context_of("made") == 2048, "the next /v1 call reloads it with its own num_ctx"


async def test_the_context_seen_when_loaded_is_remembered_for_v1(fake: FakeOllama, local: LocalModels) -> None:
    fake.load("first:1b", context=6000)
    await local.refresh()
    fake.loaded.clear()
    await local.refresh()
    local.contexts.lacks_native_chat()
    assert (local.context_of("first:1b"), local.context_of("second:1b")) == (6000, 4096)


async def test_capabilities_are_told_where_they_are_known(fake: FakeOllama, local: LocalModels) -> None:
    fake.add("able", capabilities=("completion", "tools"))
    await local.refresh()
    assert local.supports("able", "tools") is True
    assert local.supports("able", "vision") is False
    assert local.supports("unknown", "tools") is None


async def test_nothing_is_published_while_nothing_changes(
    fake: FakeOllama, local: LocalModels, events: Collector
) -> None:
    before = len(events.of(LocalChanged))
    await local.refresh()
    assert len(events.of(LocalChanged)) == before
    fake.load("second:1b")
    await local.refresh()
    assert len(events.of(LocalChanged)) == before + 1


async def test_load_and_unload_change_what_is_seen(fake: FakeOllama, local: LocalModels) -> None:
    await local.operations.load("second:1b")
    assert [model.name for model in local.server.models if model.loaded] == ["second:1b"]
    assert [model.name for model in await local.operations.unload_all()] == ["second:1b"]
    assert not fake.loaded
    with pytest.raises(LocalError, match="absent:7b is not there. There are: "):
        await local.operations.load("absent:7b")


async def test_a_pull_runs_in_the_background_and_its_model_appears(
    fake: FakeOllama, local: LocalModels, events: Collector
) -> None:
    fake.pull_as("new:1b", "pull_ok")
    local.operations.pull("new:1b")
    await events.until(lambda: any(event.pull.done for event in events.of(PullProgress)))
    assert [(pull.model, pull.done, pull.error) for pull in local.server.pulls] == [("new:1b", True, None)]
    assert "new:1b" in [model.name for model in (await local.refresh()).models]


async def test_a_cancelled_pull_closes_the_connection(fake: FakeOllama, local: LocalModels, events: Collector) -> None:
    fake.pull_as("new:1b", "pull_slow_resumed", hold_after=3)
    local.operations.pull("new:1b")
    await events.until(lambda: any(event.pull.completed_bytes for event in events.of(PullProgress)))
    assert local.operations.cancel_pull("new:1b")
    await fake.wait_for_disconnects(1)
    assert local.server.pulls[0].status == "cancelled"
    assert not local.operations.cancel_pull("new:1b")


async def test_an_empty_name_is_not_pulled(local: LocalModels) -> None:
    with pytest.raises(LocalError, match="which model"):
        local.operations.pull("  ")


async def test_a_server_that_is_not_there_comes_with_advice(events: Collector) -> None:
    async with running(LocalModels(settings(NOTHING), events.publish, poll_s=POLL_S)) as local:
        assert not local.server.reachable and local.endpoint() is None
        assert local.server.detail.startswith("No local server at http://127.0.0.1:1: Nothing listens at 127.0.0.1:1")
        with pytest.raises(LocalError, match="Nothing listens at"):
            local.operations.pull("new:1b")


async def test_a_server_that_goes_is_noticed_and_its_return_too(events: Collector) -> None:
    async with FakeOllama("first:1b") as fake:
        port = int(fake.root.rpartition(":")[2])
        local = LocalModels(settings(fake.base_url), events.publish, poll_s=POLL_S)
        await local.start()
        assert (await local.refresh()).reachable
    assert not (await local.refresh()).reachable
    async with FakeOllama("first:1b", port=port):
        assert (await local.refresh()).reachable
    await local.close()


@pytest.mark.parametrize(
    ("listing", "more", "context"),
    [
        ({"id": "m", "max_model_len": 32768}, {}, 32768),
        ({"id": "m", "meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, {}, 8192),
        ({"id": "m"}, {"/props": {"default_generation_settings": {"n_ctx": 12288}}}, 12288),
        ({"id": "m"}, {}, None),
        (
            {"id": "m"},
            {
                "/api/v0/models": {
                    "data": [{"id": "m", "type": "llm", "state": "loaded", "loaded_context_length": 9000}]
                }
            },
            9000,
        ),
        (
            {"id": "m"},
            {"/api/v0/models": {"data": [{"id": "m", "state": "not-loaded", "max_context_length": 131072}]}},
            4096,
        ),
    ],
    ids=["vllm", "llama.cpp", "llama.cpp-props", "unknown", "lm-studio", "lm-studio-unloaded"],
)
async def test_other_servers_are_recognised_with_the_context_they_tell(
    events: Collector, listing: dict[str, object], more: dict[str, dict[str, object]], context: int | None
) -> None:
    async with (
        json_server({"/v1/models": {"data": [listing]}, **more}) as root,
        running(LocalModels(settings(f"{root}/v1"), events.publish, poll_s=POLL_S)) as local,
    ):
        assert (local.server.kind, local.server.current_model) == ("openai", "m")
        assert local.context_of("m") == context
        with pytest.raises(LocalError, match="not Ollama"):
            local.operations.pull("new:1b")


async def test_a_server_too_busy_for_one_look_is_not_gone(events: Collector) -> None:
    answers: dict[str, JsonObject | int] = {"/v1/models": {"data": [{"id": "m"}]}}
    async with (
        json_server(answers) as root,
        running(LocalModels(settings(f"{root}/v1"), events.publish, poll_s=POLL_S)) as local,
    ):
        answers["/v1/models"] = 503
        assert (await local.refresh()).reachable and (await local.refresh()).reachable
        assert not (await local.refresh()).reachable


async def test_a_server_that_wants_a_key_says_so(events: Collector) -> None:
    async with (
        json_server({"/v1/models": 401}) as root,
        running(LocalModels(settings(f"{root}/v1"), events.publish, poll_s=POLL_S)) as local,
    ):
        assert "LOCAL_LLM_API_KEY" in local.server.detail and not local.server.reachable


async def test_a_server_without_a_list_serves_the_configured_model(events: Collector) -> None:
    async with json_server({}) as root:
        configured = settings(f"{root}/v1", local_llm_model="mine")
        async with running(LocalModels(configured, events.publish, poll_s=POLL_S)) as local:
            assert local.server.current_model == "mine" and local.server.reachable


async def test_a_tier_that_is_off_asks_nobody(fake: FakeOllama, events: Collector) -> None:
    local = LocalModels(settings(fake.base_url, local_llm_enabled=False), events.publish)
    await local.start()
    assert local.endpoint() is None and "off" in local.server.detail
    await local.close()
