"""Servers that are not Ollama: listed with what they tell, switchable, and the reason for all they cannot do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway_core.local_values import ABILITIES, LocalServer
from gateway_core.ollama.manager import LocalError, LocalModels
from tests.fakes.local_servers import FakeLMStudio, FakeServer, llama_cpp, llama_cpp_router, local_ai, vllm
from tests.ollama.support import Collector, running, settings


@asynccontextmanager
async def at(fake: FakeServer) -> AsyncIterator[LocalModels]:
    async with fake, running(LocalModels(settings(f"{fake.root}/v1"), Collector().publish, poll_s=3600.0)) as local:
        yield local


def able(server: LocalServer) -> set[str]:
    return {ability.name for ability in server.abilities if ability.can}


@pytest.mark.parametrize(
    ("fake", "product", "version", "can"),
    [
        (FakeLMStudio(), "lmstudio", "", {"switch", "load", "unload", "num_ctx"}),
        (FakeLMStudio(v1=False), "lmstudio", "", {"switch"}),
        (local_ai(), "localai", "v4.9.0", {"switch"}),
        (vllm(), "vllm", "0.11.0", {"switch"}),
        (llama_cpp(), "llamacpp", "b8681", {"switch"}),
        (llama_cpp_router(), "llamacpp", "", {"switch"}),
        (FakeServer({"/v1/models": {"data": [{"id": "x"}]}}), "other", "", {"switch"}),
    ],
    ids=["lm-studio", "lm-studio-0.3", "localai", "vllm", "llama.cpp", "llama.cpp-router", "other"],
)
async def test_each_product_is_recognised_with_what_it_lets_be_done(
    fake: FakeServer, product: str, version: str, can: set[str]
) -> None:
    async with at(fake) as local:
        server = local.server
        assert (server.kind, server.product, server.version) == ("openai", product, version)
        assert able(server) == can
        assert [ability.name for ability in server.abilities] == list(ABILITIES)
        for ability in server.abilities:
            assert ability.can or "is not Ollama: " in ability.why_not
        with pytest.raises(LocalError, match="is not Ollama"):
            local.operations.pull("new:1b")
        assert (await local.fit("new:1b")).why.startswith("Unknown: ")
        assert local.switch(server.models[-1].name) == server.models[-1].name
        assert local.server.current_model == server.models[-1].name


async def test_lm_studio_tells_all_and_loads_with_the_context_that_was_set() -> None:
    fake = FakeLMStudio()
    async with at(fake) as local:
        chat, embeds = local.server.models
        assert (chat.quantization, chat.family, chat.size_bytes, chat.parameter_size) == (
            "4bit",
            "qwen2_vl",
            4_700_000_000,
            "7B",
        )
        assert chat.capabilities == ("completion", "tools", "vision") and embeds.capabilities == ("embedding",)
        local.operations.set_context("qwen2-vl-7b", 16_384)
        loaded = await local.operations.load("qwen2-vl-7b")
        assert loaded.loaded and loaded.context_length == 16_384
        assert local.context_of("qwen2-vl-7b") == 16_384
        await local.operations.unload("qwen2-vl-7b")
        assert not local.server.models[0].loaded
        assert fake.posted[-1] == ("/api/v1/models/unload", {"instance_id": "qwen2-vl-7b:1"})


async def test_local_ai_is_not_taken_for_ollama_and_tells_what_is_loaded() -> None:
    async with at(local_ai()) as local:
        loaded, other = local.server.models
    assert loaded.loaded and (loaded.memory_bytes, loaded.size_vram_bytes) == (2_900_000_000, 2_000_000_000)
    assert loaded.gpu_share == pytest.approx(0.69, abs=0.01)
    assert not other.loaded


async def test_vllm_and_llama_cpp_tell_their_contexts() -> None:
    async with at(vllm()) as local:
        assert local.context_of("Qwen/Qwen3-8B") == 40_960 and local.server.models[0].loaded
    async with at(llama_cpp()) as local:
        (model,) = local.server.models
        assert (model.context_length, model.trained_context, model.parameter_size) == (65_536, 262_144, "34.7B")
        assert model.size_bytes == 22_000_000_000 and "vision" in model.capabilities
    async with at(llama_cpp_router()) as local:
        assert [(model.name, model.loaded) for model in local.server.models] == [("a", True), ("b", False)]
