"""What a request asks Ollama for, held against what is loaded at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway_core.learned_contexts import LEARNED_S
from gateway_core.model import LocalModel
from gateway_core.ollama.client import OllamaClient
from gateway_core.ollama.contexts import Contexts
from gateway_core.ollama.discovery import Discovery, Found
from gateway_core.wire.ollama_chat import Loading
from tests.fakes.ollama import FakeOllama

GIB = 1024**3


class ManualClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class Scene:
    """Contexts over a fake server, with the memory and the clock in the test's hand."""

    def __init__(self, fake: FakeOllama, session: aiohttp.ClientSession) -> None:
        self.fake = fake
        self.clock = ManualClock()
        self.memory_bytes: int | None = 64 * GIB
        self.found: Found | None = None
        self.client: OllamaClient | None = OllamaClient(session, fake.root)
        self._discovery = Discovery(session, fake.base_url, environment={})
        self.contexts = self.make()

    def make(self, limit: int | None = None, keep_alive: str | None = None, same_machine: bool = True) -> Contexts:
        return Contexts(
            lambda: self.found,
            lambda: self.client,
            self.clock,
            limit=limit,
            keep_alive=keep_alive,
            same_machine=same_machine,
            memory=lambda: self.memory_bytes,
        )

    async def look(self) -> None:
        self.found = await self._discovery.look()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        fake.add("m:1b", trained=131_072)
        fake.add("other:1b", trained=131_072)
        made = Scene(fake, session)
        await made.look()
        yield made


async def test_the_router_hears_the_largest_context_not_the_one_in_force(scene: Scene) -> None:
    scene.fake.load("m:1b", context=4096)
    await scene.look()
    assert scene.contexts.context_of("m:1b") == 131_072
    scene.memory_bytes = GIB // 2
    assert 4096 < (scene.contexts.context_of("m:1b") or 0) < 32_768
    assert scene.contexts.context_of("absent") is None


async def test_memory_of_models_that_ollama_would_put_out_counts_and_of_pinned_ones_does_not(scene: Scene) -> None:
    scene.memory_bytes = GIB // 2
    alone = scene.contexts.context_of("m:1b") or 0
    scene.fake.load("other:1b")
    await scene.look()
    with_another = scene.contexts.context_of("m:1b") or 0
    scene.fake.load("other:1b", pinned=True)
    await scene.look()
    assert with_another > alone == scene.contexts.context_of("m:1b")


async def test_what_a_gpu_holds_counts_as_memory(scene: Scene) -> None:
    scene.memory_bytes = GIB // 2
    scene.fake.load("m:1b")
    await scene.look()
    in_main_memory = scene.contexts.context_of("m:1b") or 0
    scene.fake.loaded["m:1b"] |= {"size": 4 * GIB, "size_vram": 4 * GIB}
    await scene.look()
    assert (scene.contexts.context_of("m:1b") or 0) > in_main_memory + 3 * GIB * 8 // 10 // 28_800


async def test_another_machines_memory_is_not_this_ones(scene: Scene) -> None:
    assert scene.make(same_machine=False).context_of("m:1b") == 2 * GIB // 28_800


async def test_what_another_program_loaded_a_moment_ago_is_taken_as_it_is(scene: Scene) -> None:
    scene.fake.load("m:1b", context=20_000)
    assert await scene.contexts.loading("m:1b", 100, None) == Loading(20_000)


async def test_a_model_that_is_not_loaded_gets_a_step(scene: Scene) -> None:
    assert await scene.contexts.loading("m:1b", 14_000, 8192) == Loading(32_768)


async def test_nobody_asks_for_less_while_a_model_loads_for_another_request(scene: Scene) -> None:
    large = await scene.contexts.loading("m:1b", 14_000, None)
    assert large
    with scene.contexts.asking("m:1b", large):
        assert await scene.contexts.loading("m:1b", 10, None) == large
        assert await scene.contexts.loading("other:1b", 10, None) == Loading(4096)
    assert await scene.contexts.loading("m:1b", 10, None) == Loading(4096)


async def test_a_pinned_model_stays_pinned_over_a_reload(scene: Scene) -> None:
    scene.fake.load("m:1b", pinned=True)
    loading = await scene.make(keep_alive="30m").loading("m:1b", 14_000, None)
    assert loading == Loading(32_768, -1)
    contexts = scene.make(keep_alive="30m")
    with contexts.asking("m:1b", Loading(32_768, -1)):
        scene.fake.loaded.clear()
        assert await contexts.loading("m:1b", 10, None) == Loading(32_768, -1), "ps is empty while it loads"


@pytest.mark.parametrize(("told", "sent"), [("30m", "30m"), ("600", 600), ("-1", -1), (None, None)])
async def test_models_stay_as_long_as_the_setting_says(scene: Scene, told: str | None, sent: int | str | None) -> None:
    assert await scene.make(keep_alive=told).loading("m:1b", 10, None) == Loading(4096, sent)


async def test_the_operators_limit_is_kept(scene: Scene) -> None:
    contexts = scene.make(limit=10_000)
    assert contexts.context_of("m:1b") == 10_000
    assert await contexts.loading("m:1b", 8_000, None) == Loading(10_000)
    assert await contexts.loading("m:1b", 9_900, None) is None


async def test_what_was_learned_bounds_for_a_while(scene: Scene) -> None:
    scene.contexts.learn("m:1b", 2050)
    assert scene.contexts.context_of("m:1b") == 2050
    assert await scene.contexts.loading("m:1b", 6000, None) is None
    scene.clock.seconds += LEARNED_S
    assert scene.contexts.context_of("m:1b") == 131_072


async def test_a_name_without_a_tag_is_the_latest(scene: Scene) -> None:
    scene.fake.add("bare:latest", trained=131_072)
    scene.fake.load("bare:latest", context=16_384)
    await scene.look()
    assert await scene.contexts.loading("bare", 10, None) == Loading(16_384)
    scene.contexts.learn("bare", 3000)
    assert scene.contexts.context_of("bare:latest") == 3000


async def test_a_model_that_is_not_listed_is_asked_for_all_the_same(scene: Scene) -> None:
    assert await scene.contexts.loading("absent", 60_000, None) == Loading(131_072)
    scene.found = None
    assert await scene.contexts.loading("m:1b", 10, None) == Loading(4096)


async def test_without_an_answer_of_ps_the_last_look_counts(scene: Scene) -> None:
    scene.fake.load("m:1b", context=16_384)
    await scene.look()
    assert scene.found and isinstance(scene.found.running["m:1b"], LocalModel)
    async with aiohttp.ClientSession() as session:
        scene.client = OllamaClient(session, "http://127.0.0.1:1")
        assert await scene.contexts.loading("m:1b", 10, None) == Loading(16_384)


async def test_a_server_without_native_chat_has_the_context_in_force_until_it_is_another(scene: Scene) -> None:
    scene.contexts.lacks_native_chat()
    assert not scene.contexts.native_chat
    assert scene.contexts.context_of("m:1b") == 4096
    assert scene.found
    scene.found = Found("ollama", "9.9.9", scene.found.models, scene.found.contexts, scene.found.shapes)
    assert scene.contexts.native_chat
    assert scene.contexts.context_of("m:1b") == 131_072
