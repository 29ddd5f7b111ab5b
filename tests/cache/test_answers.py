"""Both caches behind one door: what a person can say of an answer at once, before any log has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_core.cache.answers import AnswerCaches, Marked
from gateway_core.model import CacheStatus
from gateway_core.settings import Settings
from gateway_core.store.answers import AnswerStore
from gateway_core.store.database import Database
from tests.cache.fakes import FakeChild
from tests.cache.support import FakeClock, answer, chat


async def nothing_is_logged(request_id: str) -> None:
    return None


@pytest.fixture
async def caches(tmp_path: Path) -> AsyncIterator[AnswerCaches]:
    database = await Database.open(tmp_path / "llmgw.db")
    settings = Settings(semantic_cache="on")
    store = AnswerStore(database)
    made = AnswerCaches.open(settings, store, database, FakeClock(), print, FakeChild(), nothing_is_logged)
    await made.start(tmp_path)
    yield made
    await made.close()
    await database.close()


async def test_a_repeated_answer_is_known_for_one_as_soon_as_it_is_given(caches: AnswerCaches) -> None:
    found = caches.repeated(chat(), answer())
    assert (found.status, found.answer, found.reuse.verdict) == (CacheStatus.EXACT, answer(), "replay")
    assert await caches.mark_wrong(chat().id) is Marked.REPLAY
    assert await caches.mark_wrong("req_other") is Marked.NOT_CACHED


async def test_an_exact_answer_can_be_marked_as_soon_as_it_is_given(caches: AnswerCaches) -> None:
    request = chat()
    key = await caches.key(request, None)
    await caches.store(key, request, answer())
    assert await caches.lookup(key, request)
    assert await caches.mark_wrong(request.id) is Marked.DONE
    assert await caches.lookup(key, request) is None, "nor before the child, which starts only now, was told"
