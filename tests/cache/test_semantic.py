"""The semantic cache: whom it answers, what it keeps, what it forgets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway_core.cache.blocked import FILE
from gateway_core.cache.encoder.choice import Choice
from gateway_core.cache.identity import Identity, identity
from gateway_core.cache.review.book import pair_id
from gateway_core.cache.review.room import Neighbour
from gateway_core.cache.semantic import SemanticCache, SemanticHit, open_embedder, open_encoder
from gateway_core.model import CacheMode, ChatRequest, Reuse
from gateway_core.settings import Settings
from gateway_core.store.answers import StoredAnswer
from gateway_core.store.database import Database
from gateway_core.store.pairs import PairVerdict
from tests.cache.fakes import FakeChild
from tests.cache.review.support import Chance, pass_exam
from tests.cache.support import NOON, QUESTION, REWORDED, FakeClock, answer, chat, completion

TTL_S = 3600.0
NOTES: list[str] = []
ALIAS = "Which city is the capital of Ghana?"


@pytest.fixture
def child() -> FakeChild:
    made = FakeChild()
    made.unsure.add(frozenset((QUESTION, ALIAS)))
    return made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(clock: FakeClock, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "llmgw.db", clock)
    yield opened
    await opened.close()


def opened(database: Database, clock: FakeClock, child: FakeChild, **settings: Any) -> SemanticCache:
    made = Settings(**{"semantic_cache": "on", "exact_cache_ttl_s": TTL_S, **settings})
    return SemanticCache.open(made, database, clock, NOTES.append, child, Chance())


@pytest.fixture
def cache(database: Database, child: FakeChild, clock: FakeClock) -> SemanticCache:
    NOTES.clear()
    return opened(database, clock, child)


def reuse_of(hit: SemanticHit, asked: str = REWORDED) -> Reuse:
    """What the request log keeps of a hit."""
    scope = known(chat(asked)).scope_key
    return Reuse(hit.question, hit.answer.created_at, 0.0, hit.why, hit.cosine, hit.entry_id, scope, asked)


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
    cache: SemanticCache, child: FakeChild, clock: FakeClock, database: Database, tmp_path: Path
) -> None:
    await keep(cache)
    hit = await ask(cache)
    assert hit is not None
    assert await cache.mark_wrong(reuse_of(hit))
    assert child.kept == {}
    assert not await cache.mark_wrong(reuse_of(hit))
    await keep(cache)
    assert await ask(cache) is None

    later = opened(database, clock, child)
    await later.start(tmp_path)
    assert await ask(later) is None
    assert await ask(later, "Tell me what is the capital of Ghana")


async def test_a_pair_is_blocked_both_ways(cache: SemanticCache) -> None:
    await keep(cache)
    hit = await ask(cache)
    assert hit is not None
    await cache.mark_wrong(reuse_of(hit))
    await keep(cache, text=REWORDED)
    assert await ask(cache, QUESTION) is None


async def test_pairs_blocked_in_the_old_file_are_taken_over_once(cache: SemanticCache, tmp_path: Path) -> None:
    pair = pair_id(known(chat()).scope_key, QUESTION, REWORDED)
    (tmp_path / FILE).write_text(f"\n{pair}\nno pair\n\n")
    await cache.start(tmp_path)
    assert not (tmp_path / FILE).exists()
    await keep(cache)
    assert await ask(cache) is None
    assert cache.stats().grey_rejected == 0, "it is the user's word"


async def test_a_miss_has_what_the_guards_were_not_sure_of_wait(cache: SemanticCache) -> None:
    await keep(cache)
    assert await ask(cache, ALIAS) is None
    pair = await cache.review.book.next_waiting()
    assert pair and (pair.asked, pair.stored) == (ALIAS, QUESTION)
    await ask(cache)
    assert cache.stats().grey_waiting == 1, "a hit leaves nothing to ask"


async def test_the_child_hears_of_a_hit_and_what_it_saved(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache, replace(answer(), latency_ms=750.0))
    hit = await ask(cache)
    assert hit
    saved = {"saved_microusd": answer().cost_microusd, "saved_ms": hit.answer.latency_ms}
    assert child.told[-1] == {"op": "hit", "id": hit.entry_id, "at": NOON, **saved}


async def approve(cache: SemanticCache) -> None:
    """Has the question and its alias judged the same."""
    await pass_exam(cache.review)
    await ask(cache, ALIAS)
    pair = await cache.review.book.next_waiting()
    assert pair
    await cache.review.judged(pair, PairVerdict.SAME, "local model referee")


async def test_an_approved_pair_shares_its_answer(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache)
    await approve(cache)
    hit = await ask(cache, ALIAS)
    assert hit and (hit.why, hit.question, hit.answer) == ("alias", QUESTION, answer())
    assert cache.stats().hits_alias == 1


async def test_a_judge_that_is_asked_at_once_has_the_answer_served_at_once(cache: SemanticCache) -> None:
    await keep(cache)
    await pass_exam(cache.review)
    heard: list[tuple[str, list[str]]] = []

    async def judge(scope_key: str, asked: str, near: Sequence[Neighbour]) -> bool:
        heard.append((asked, [one.question for one in near]))
        pair = cache.review.unjudged(scope_key, asked, near)
        assert pair
        await cache.review.judged(pair, PairVerdict.SAME, "local model referee")
        return True

    cache.second_opinion = judge
    hit = await ask(cache, ALIAS)
    assert hit and (hit.why, hit.question) == ("alias", QUESTION)
    assert heard == [(ALIAS, [QUESTION])]
    assert await ask(cache) and await ask(cache, "How deep is the sea?") is None
    assert len(heard) == 1, "neither a hit nor a question with nothing near it needs a judge"


@pytest.mark.parametrize(("kept", "asked"), [(QUESTION, ALIAS), (ALIAS, QUESTION)])
async def test_when_one_answer_of_a_pair_is_gone_the_others_is_served_whatever_the_child_knows(
    cache: SemanticCache, child: FakeChild, clock: FakeClock, kept: str, asked: str
) -> None:
    await keep(cache)
    await approve(cache)
    child.kept.clear()
    child.lessons.clear()
    await keep(cache, answer("Accra."), text=kept)
    hit = await ask(cache, asked)
    assert hit and (hit.why, hit.question) == ("alias", kept)
    assert hit.answer == answer("Accra.")
    clock.at += TTL_S + 1
    assert await ask(cache, asked) is None


async def test_a_child_that_knows_no_aliases_is_a_miss(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache)
    await approve(cache)
    child.kept.clear()
    assert await ask(cache, ALIAS) is None


async def test_damaged_columns_are_a_miss(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache)
    for entry in child.kept.values():
        entry["completion"] = "{"
    assert await ask(cache) is None


async def test_a_child_that_is_not_ready_is_a_miss_that_is_counted(cache: SemanticCache, child: FakeChild) -> None:
    child.start = lambda: None  # type: ignore[method-assign]
    assert await ask(cache) is None
    stats = cache.stats()
    assert (stats.state, stats.lookups, stats.hits, stats.unanswered) == ("idle", 1, 0, 1)


async def test_the_counts(cache: SemanticCache, child: FakeChild) -> None:
    await keep(cache)
    await ask(cache)
    await ask(cache, "What is the capital of Kenya?")
    stats = cache.stats()
    assert (stats.state, stats.entries, stats.lookups, stats.hits, stats.hits_words) == ("ready", 1, 2, 1, 1)
    child.state = "stopped"
    assert cache.stats().state == "stopped"


async def test_a_cache_that_is_off_does_nothing(database: Database, child: FakeChild, tmp_path: Path) -> None:
    off = opened(database, FakeClock(), child, semantic_cache="off")
    await off.start(tmp_path)
    assert not await keep(off)
    assert await ask(off) is None
    assert off.stats().state == "off"
    assert child.state == "idle" and child.told == []


async def test_a_cache_that_is_on_starts_nothing_by_itself(
    cache: SemanticCache, child: FakeChild, tmp_path: Path
) -> None:
    await cache.start(tmp_path)
    assert (cache.stats().state, child.state) == ("idle", "idle")


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


async def test_whoever_accepts_less_error_than_the_guards_hold_gets_no_semantic_answers(
    database: Database, child: FakeChild
) -> None:
    NOTES.clear()
    cache = opened(database, FakeClock(), child, semantic_max_error=0.001)
    assert cache.stats().state == "off"
    assert "SEMANTIC_MAX_ERROR is below 0.002" in cache.stats().paused
    assert "SEMANTIC_MAX_ERROR" in NOTES[0]


async def test_the_accepted_error_can_be_changed_while_it_runs(cache: SemanticCache, tmp_path: Path) -> None:
    await keep(cache)
    cache.reconfigure(Settings(semantic_max_error=0.001, exact_cache_ttl_s=TTL_S))
    assert await ask(cache) is None and cache.stats().withheld == 1
    cache.reconfigure(Settings(semantic_max_error=0.01, exact_cache_ttl_s=TTL_S))
    assert await ask(cache)
