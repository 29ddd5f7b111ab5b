"""Embeddings in the child: small steps in turn, so that nobody waits behind a long list."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any

import pytest

from gateway_core.cache.encoder.child import Child
from gateway_core.cache.encoder.embedding_jobs import MOST_TOKENS, STEP_TOKENS, EmbeddingJobs
from gateway_core.wire.embeddings import unpack
from tests.cache.fakes import FakeEncoder

LONG = "word " * 250


def ask(number: int, *texts: str) -> dict[str, Any]:
    return {"op": "embed", "id": number, "texts": list(texts)}


def run(jobs: EmbeddingJobs) -> list[dict[str, Any]]:
    replies = []
    while jobs.waiting:
        replies += jobs.step()
    return replies


def test_each_message_gets_its_own_vectors_in_order() -> None:
    encoder = FakeEncoder()
    jobs = EmbeddingJobs(encoder)
    for message in (ask(1, "plum", "pear"), ask(2, "fig")):
        assert jobs.add(message) is None
    replies = {reply["id"]: reply for reply in run(jobs)}
    for number, texts in ((1, ["plum", "pear"]), (2, ["fig"])):
        found = [unpack(b64decode(vector)) for vector in replies[number]["vectors"]]
        assert found == [pytest.approx(vector, abs=1e-6) for vector in FakeEncoder().encode(texts)]
        assert (replies[number]["tokens"], replies[number]["windowed"]) == (len(texts), 0)
    assert len(encoder.batches) == 1, "short texts of several messages are encoded together"


def test_a_long_text_is_encoded_window_by_window_and_said_so() -> None:
    encoder = FakeEncoder()
    jobs = EmbeddingJobs(encoder)
    jobs.add(ask(1, "word " * 600, "short"))
    (reply,) = run(jobs)
    assert (reply["tokens"], reply["windowed"], len(reply["vectors"])) == (601, 1, 2)
    assert unpack(b64decode(reply["vectors"][0])) == pytest.approx(FakeEncoder().encode(["word"])[0], abs=1e-6)
    assert all(len(batch) * max(len(text.split()) for text in batch) <= STEP_TOKENS for batch in encoder.batches)


def test_a_single_text_does_not_wait_behind_a_long_list() -> None:
    jobs = EmbeddingJobs(FakeEncoder())
    jobs.add(ask(1, *[LONG] * 50))
    jobs.step()
    jobs.add(ask(2, "a question"))
    done = [reply["id"] for _ in range(3) for reply in jobs.step()]
    assert done == [2]


def test_a_long_text_does_not_starve_between_lists_that_fill_the_steps() -> None:
    jobs = EmbeddingJobs(FakeEncoder())
    jobs.add(ask(1, *["word " * 30] * 200))
    jobs.add(ask(2, LONG))
    jobs.add(ask(3, *["word " * 30] * 200))
    done = [reply["id"] for _ in range(4) for reply in jobs.step()]
    assert done == [2]


def test_a_text_that_is_too_long_is_refused_with_numbers_and_stops_nobody() -> None:
    jobs = EmbeddingJobs(FakeEncoder())
    jobs.add(ask(1, "fine"))
    assert jobs.add(ask(2, "fine", "word " * (MOST_TOKENS + 1))) == {"id": 2, "too_long": 1, "tokens": MOST_TOKENS + 1}
    assert [reply["id"] for reply in run(jobs)] == [1]


async def test_the_child_tells_that_it_is_at_work_and_ends_with_its_inbox() -> None:
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    inbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    for message in (ask(1, *[LONG] * 3), ask(2, "word " * (MOST_TOKENS + 1))):
        inbox.put_nowait(message)
    child = asyncio.create_task(Child(EmbeddingJobs(FakeEncoder()), sent.put_nowait).serve(inbox))
    assert [(await sent.get()).get("id") for _ in range(4)] == [2, None, None, 1]
    inbox.put_nowait(None)
    await asyncio.wait_for(child, 10)
