"""The child's loop without a process: look-ups are taken together, and an encoder that fails makes misses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from gateway_core.cache.encoder import child as child_module
from gateway_core.cache.encoder.child import LARGEST_BATCH, Child
from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.cache.encoder.embedding_jobs import EmbeddingJobs
from gateway_core.cache.encoder.exporting import Exporter
from gateway_core.cache.encoder.glances import Glances
from gateway_core.cache.table.index import Index
from tests.cache.fakes import FakeEncoder

Message = dict[str, Any]


class FakeIndex:
    """Answers with the message's operation; fails with what needs an encoder while ``fails``."""

    def __init__(self) -> None:
        self.fails = False
        self.batches: list[list[Message]] = []

    async def answer(self, batch: list[Message]) -> list[Message]:
        if self.fails and any(message["op"] in ("find", "add") for message in batch):
            raise EncoderError("Ollama is gone")
        self.batches.append(batch)
        return [{"id": message.get("id"), "done": message["op"]} for message in batch]


async def served(
    messages: Sequence[Message], index: FakeIndex, exporter: Exporter | None = None, glances: Glances | None = None
) -> list[Message]:
    """What the child sends for messages that wait for it, until its inbox ends."""
    sent: list[Message] = []
    inbox: asyncio.Queue[Message | None] = asyncio.Queue()
    for message in (*messages, None):
        inbox.put_nowait(message)
    child = Child(
        EmbeddingJobs(FakeEncoder()), sent.append, index=cast(Index, index), exporter=exporter, glances=glances
    )
    await asyncio.wait_for(child.serve(inbox), 30)
    return sent


def finds(count: int) -> list[Message]:
    return [{"op": "find", "id": number, "text": str(number)} for number in range(count)]


async def test_look_ups_that_wait_are_answered_together() -> None:
    index = FakeIndex()
    sent = await served(finds(LARGEST_BATCH + 3), index)
    assert [len(batch) for batch in index.batches] == [LARGEST_BATCH, 3]
    assert [message["id"] for message in sent] == list(range(LARGEST_BATCH + 3))


async def test_a_glance_goes_first_and_its_encoder_is_loaded_once() -> None:
    loaded: list[FakeEncoder] = []

    def load() -> FakeEncoder:
        loaded.append(FakeEncoder())
        return loaded[-1]

    glances = [{"op": "glance", "id": 7, "texts": ["hello"]}, {"op": "glance", "id": 8, "texts": ["hello"]}]
    embed = {"op": "embed", "id": 9, "texts": ["hello"]}
    sent = await served([embed, *finds(1), *glances], FakeIndex(), glances=Glances(load))
    assert [message["id"] for message in sent] == [7, 8, 0, 9]
    assert sent[0]["vectors"] == sent[1]["vectors"] == sent[3]["vectors"]
    assert len(loaded) == 1


async def test_without_an_encoder_for_it_a_glance_says_nothing_and_the_rest_goes_on() -> None:
    def damaged() -> FakeEncoder:
        raise OSError("no such graph")

    glance = {"op": "glance", "id": 7, "texts": ["hello"]}
    for glances in (None, Glances(damaged)):
        sent = await served([glance, glance, *finds(1)], FakeIndex(), glances=glances)
        assert sent == [{"id": 7}, {"id": 7}, {"id": 0, "done": "find"}]


class FakeVectors:
    """A table in which nothing is found."""

    async def find(self, *asked: object) -> list[object]:
        return []

    async def count(self) -> int:
        return 0

    def take_note(self) -> str:
        return ""


async def test_their_texts_are_encoded_in_one_batch() -> None:
    encoder = FakeEncoder()
    index = Index(encoder, cast(Any, FakeVectors()))
    questions = [{**find, "scope_key": "ab" * 16, "now": 1.0} for find in finds(8)]
    replies = await index.answer(questions)
    assert [reply["id"] for reply in replies] == list(range(8))
    assert encoder.batches == [[str(number) for number in range(8)]]


async def test_an_encoder_that_fails_makes_misses_and_still_lets_answers_be_dropped() -> None:
    index = FakeIndex()
    index.fails = True
    sent = await served([*finds(2), {"op": "drop", "id": 2, "ids": []}], index)
    assert sorted(sent, key=lambda message: message["id"]) == [{"id": 0}, {"id": 1}, {"id": 2, "done": "drop"}]


async def test_embeddings_that_wait_are_finished_before_the_child_ends() -> None:
    sent = await served([{"op": "embed", "id": 7, "texts": ["word " * 250] * 3}], FakeIndex())
    assert [message["id"] for message in sent if "vectors" in message] == [7]


async def test_a_new_child_is_asked_for_once_there_is_an_export(monkeypatch: pytest.MonkeyPatch) -> None:
    class Done(Exporter):
        async def rest(self) -> bool:
            return True

    batches: Iterator[list[Message] | None] = iter(([], None))

    async def next_batch(*asked: object) -> list[Message] | None:
        return next(batches)

    monkeypatch.setattr(child_module, "_next_batch", next_batch)
    assert await served([], FakeIndex(), Done([])) == [{"renew": True}]
