"""The semantic cache: whom it answers, what it keeps, what it forgets."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway_core.cache.blocked import FILE, BlockedPairs
from gateway_core.cache.encoder.choice import Choice
from gateway_core.cache.identity import Identity, identity
from gateway_core.cache.semantic import SemanticCache, SemanticHit, SemanticStats, open_embedder, open_encoder
from gateway_core.model import CacheMode, ChatRequest
from gateway_core.settings import Settings
from gateway_core.store.answers import StoredAnswer
from tests.cache.fakes import FakeChild
from tests.cache.support import QUESTION, REWORDED, FakeClock, answer, chat, completion

TTL_S = 3600.0


@pytest.fixture
def child() -> FakeChild:
    return FakeChild()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(child: FakeChild, clock: FakeClock, tmp_path: Path) -> SemanticCache:
    return SemanticCache(child, BlockedPairs(tmp_path), clock, TTL_S)


def known(request: ChatRequest) -> Identity:
    return identity(request, "auto")


async def ask(cache: SemanticCache, text: str = REWORDED, **options: Any) -> SemanticHit | None:
    request = chat(text, **options)
    return await cache.lookup(known(request), request)


async def keep(cache: SemanticCache, given: StoredAnswer | None = None, text: str = QUESTION, **options: Any) -> bool:
    request = chat(text, **options)
    return await cache.store(known(request), request, given or answer())


async def test_the_same_question_in_other_words_is_answered(cache: SemanticCache) -> None:
    assert await keep(cache)
    hit = await ask(cache)
    assert hit is not None
    assert hit.answer == answer()
    assert hit.question == QUESTION


async def test_another_question_is_not(cache: SemanticCache) -> None:
    await keep(cache)
    assert await ask(cache, "What is the capital of Kenya?") is None


@pytest.mark.parametrize(
    "options",
    [
        {"caller": "you"},
        {"before": [{"role": "system", "content": "Answer as a pirate."}]},
        {"max_tokens": 16},
        {"response_format": {"type": "json_object"}},
        {"stop": ["\n"]},
    ],
)
async def test_another_scope_is_another_cache(cache: SemanticCache, options: dict[str, Any]) -> None:
    await keep(cache)
    assert await ask(cache, **options) is None
    await keep(cache, **options)
    assert await ask(cache, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 1},
        {"tools": [{"type": "function"}]},
        {"n": 2},
        {"purpose": "heartbeat"},
        {"mode": CacheMode.BYPASS},
    ],
)
async def test_what_is_not_eligible_is_neither_kept_nor_asked(
    cache: SemanticCache, child: FakeChild, options: dict[str, Any]
) -> None:
    assert not await keep(cache, **options)
    assert await ask(cache, **options) is None
    assert child.asked == []
    assert child.state == "idle"


async def test_the_callers_wishes_are_heard(cache: SemanticCache) -> None:
    assert not await keep(cache, mode=CacheMode.NO_STORE)
    assert await keep(cache, mode=CacheMode.REFRESH)
    assert await ask(cache, mode=CacheMode.REFRESH) is None
    assert await ask(cache, mode=CacheMode.NO_STORE)


async def test_an_answer_expires(cache: SemanticCache, clock: FakeClock) -> None:
    await keep(cache)
    clock.at += TTL_S + 1
    assert await ask(cache) is None


@pytest.mark.parametrize(
    "whole", [completion("x", "length"), completion(""), completion("x" * 70_000), {"choices": []}]
)
async def test_what_must_not_be_served_to_others_is_not_kept(cache: SemanticCache, whole: Any) -> None:
    one = answer()
    given = StoredAnswer(whole, one.tier, one.provider, one.model, one.created_at, one.cost_microusd, one.usage)
    assert not await keep(cache, given)


async def test_an_answer_marked_wrong_is_evicted_and_the_pair_blocked_for_good(
    cache: SemanticCache, child: FakeChild, clock: FakeClock, tmp_path: Path
) -> None:
    await keep(cache)
    hit = await ask(cache)
    assert hit is not None
    await cache.mark_wrong(hit, known(chat(REWORDED)))
    assert child.kept == {}
    await keep(cache)
    assert await ask(cache) is None
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600

    later = SemanticCache(child, BlockedPairs(tmp_path), clock, TTL_S)
    await later.start()
    assert await ask(later) is None
    assert await ask(later, "Tell me what is the capital of Ghana")


async def test_a_pair_is_blocked_both_ways(cache: SemanticCache) -> None:
    await keep(cache)
    hit = await ask(cache)
    assert hit is not None
    await cache.mark_wrong(hit, known(chat(REWORDED)))
    await keep(cache, text=REWORDED)
    assert await ask(cache, QUESTION) is None


async def test_damaged_columns_are_a_miss(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache)
    for entry in child.kept.values():
        entry["completion"] = "{"
    assert await ask(cache) is None


async def test_a_child_that_is_not_ready_is_a_miss_that_is_counted(cache: SemanticCache, child: FakeChild) -> None:
    child.start = lambda: None  # type: ignore[method-assign]
    assert await ask(cache) is None
    assert cache.stats() == SemanticStats("idle", lookups=1, unanswered=1)


async def test_the_counts(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache)
    await ask(cache)
    await ask(cache, "What is the capital of Kenya?")
    assert cache.stats() == SemanticStats("ready", entries=1, lookups=2, hits=1)
    child.state = "stopped"
    assert cache.stats().state == "stopped"


async def test_a_cache_that_is_off_does_nothing(tmp_path: Path) -> None:
    child = FakeChild()
    off = SemanticCache.open(Settings(semantic_cache="off", data_dir=tmp_path), FakeClock(), print, child)
    await off.start()
    assert not await keep(off)
    assert await ask(off) is None
    assert off.stats() == SemanticStats("off")
    assert child.state == "idle"
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_a_cache_that_is_on_starts_nothing_by_itself(tmp_path: Path) -> None:
    cache = SemanticCache.open(Settings(semantic_cache="on", data_dir=tmp_path), FakeClock(), print, FakeChild())
    await cache.start()
    assert cache.stats() == SemanticStats("idle")


@pytest.mark.parametrize(("wanted", "holds_answers"), [("on", True), ("off", False)])
def test_the_child_opens_the_table_only_for_a_cache_that_is_on(
    tmp_path: Path, wanted: Any, holds_answers: bool
) -> None:
    worker = open_encoder(Settings(semantic_cache=wanted, data_dir=tmp_path), print)
    assert worker.state == "idle"
    assert (str(tmp_path / "semantic.lance") in worker.command) == holds_answers


def test_the_built_in_embeddings_do_not_change_with_the_cache_s_encoder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    encoder = open_encoder(settings, print)
    assert open_embedder(settings, print, encoder) is encoder, "one process for both"
    other = Settings(data_dir=tmp_path, semantic_encoder="ollama/bge-m3")
    encoder = open_encoder(other, print, "http://127.0.0.1:11434")
    embedder = open_embedder(other, print, encoder)
    chosen, built_in = (Choice.unpack(worker.command[-1]) for worker in (encoder, embedder))
    assert (chosen.source, chosen.ollama_url) == ("ollama/bge-m3", "http://127.0.0.1:11434")
    assert built_in.source == "builtin" and embedder.command[-2] == "-", "and no table of answers"


def test_the_gateway_never_imports_the_heavy_packages() -> None:
    code = (
        "import sys, gateway_core.cache.semantic, gateway_core.cache.exact;"
        "heavy = {'torch', 'sentence_transformers', 'lancedb', 'pyarrow', 'numpy', 'onnxruntime', 'tokenizers'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_whoever_accepts_less_error_than_the_guards_hold_gets_no_semantic_answers(tmp_path: Path) -> None:
    notes: list[str] = []
    settings = Settings(data_dir=tmp_path, semantic_cache="on", semantic_max_error=0.001)
    cache = SemanticCache.open(settings, FakeClock(), notes.append, FakeChild())
    assert cache.stats().state == "off"
    assert "SEMANTIC_MAX_ERROR" in notes[0]
