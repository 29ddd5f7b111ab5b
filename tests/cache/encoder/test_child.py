"""The real child process, with the real weights and LanceDB. It takes seconds to load, so it is loaded once."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_core.cache.encoder.builtin_embeddings import DIMENSIONS, BuiltinEmbeddings
from gateway_core.cache.encoder.child import NICENESS
from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.cache.encoder.model_folder import WEIGHTS_SHA256, check_weights, installed_weights
from gateway_core.cache.encoder.worker import Worker, child_command, child_environment
from gateway_core.cache.identity import identity
from gateway_core.cache.semantic import SemanticCache
from gateway_core.cache.table.entry import FOLDER
from gateway_core.model import ChatRequest, Refused
from gateway_core.settings import Settings
from gateway_core.store.database import Database
from gateway_core.wire.embeddings import unpack
from tests.cache.support import QUESTION, REWORDED, FakeClock, answer, chat


class PatientWorker(Worker):
    """Waits longer: the machine that runs the tests may be busy, and here an answer is what is asked for."""

    async def ask(self, message: dict[str, object], timeout_s: float) -> dict[str, object] | None:
        return await super().ask(message, 30.0)


def test_the_installed_weights_are_the_pinned_ones(tmp_path: Path) -> None:
    check_weights(installed_weights())
    (tmp_path / "model.safetensors").write_bytes(b"others")
    with pytest.raises(EncoderError, match="not the pinned"):
        check_weights(tmp_path)
    with pytest.raises(EncoderError, match="cannot be read"):
        check_weights(tmp_path / "missing")


def test_the_child_ends_when_the_gateway_is_gone_even_while_it_loads(tmp_path: Path) -> None:
    child = subprocess.Popen(
        child_command(tmp_path / FOLDER),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(60) == 0


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    """The child with its table and the pinned weights, not yet started."""
    made = PatientWorker(child_command(tmp_path / FOLDER))
    yield made
    await made.stop()


@pytest.mark.timeout(300)
async def test_the_real_encoder_finds_a_question_in_other_words_and_embeds(worker: Worker, tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "llmgw.db")
    settings = Settings(semantic_cache="on", exact_cache_ttl_s=3600.0)
    cache = SemanticCache.open(settings, database, FakeClock(), print, worker, lambda: 1.0)

    async def ask(request: ChatRequest) -> str | None:
        hit = await cache.lookup(identity(request, "auto"), request)
        return hit.question if hit else None

    assert await ask(chat(REWORDED)) is None
    assert worker.state == "starting"
    assert await cache.store(identity(chat(), "auto"), chat(), answer())
    assert await worker.ready(), worker.detail

    assert await ask(chat(REWORDED)) == QUESTION
    assert await ask(chat("What is the capital of Kenya?")) is None
    assert await ask(chat(REWORDED, caller="you")) is None
    assert cache.stats().entries == 1
    together = await asyncio.gather(*(ask(chat(REWORDED)) for _ in range(20)))
    assert together == [QUESTION] * 20
    assert worker.encoder and worker.encoder.fingerprint == WEIGHTS_SHA256, "the next start finds the same table"
    gives_way_to_the_gateway(worker)
    await glances_by_the_first_layers(worker)
    await embeds_as_sentence_transformers_does(worker)
    await cache.review.close()
    await database.close()


def gives_way_to_the_gateway(worker: Worker) -> None:
    """In the session of the gateway: Linux weighs niceness within a session only (sched(7), autogrouping)."""
    process = worker._process
    assert process
    mine, its = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, process.pid))
    assert its == min(mine + NICENESS, 19)
    if sys.platform == "linux":
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
    assert os.getsid(process.pid) == os.getsid(0)
    assert os.getpgid(process.pid) == process.pid, "what the terminal sends to the gateway would reach it too"


async def glances_by_the_first_layers(worker: Worker) -> None:
    """The first numbers of the mean of what ``BertModel``'s second layer gives (transformers 5.23, of length 1)."""
    reply = await worker.ask({"op": "glance", "texts": ["Hello there"]}, 1.0)
    assert reply
    vector = unpack(b64decode(reply["vectors"][0]))
    assert vector[:3] == pytest.approx((0.0194854, 0.0670894, -0.0175884), abs=1e-5)
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


async def embeds_as_sentence_transformers_does(worker: Worker) -> None:
    """The first numbers of what ``SentenceTransformer.encode`` gives for the texts (6.2, normalised)."""
    embeddings = BuiltinEmbeddings(worker)
    found = await embeddings.embed(["Hello there", "hi", "word and more words " * 200], DIMENSIONS)
    vectors = [unpack(vector) for vector in found.vectors]
    assert vectors[0][:3] == pytest.approx((-0.0944389, 0.0732229, 0.0422687), abs=1e-5)
    assert vectors[1][:3] == pytest.approx((-0.0904762, 0.0404396, 0.0239057), abs=1e-5)
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1, 1, 1], abs=1e-5)
    assert (found.prompt_tokens, found.windowed, len(vectors[0])) == (2 + 1 + 800, 1, DIMENSIONS)
    with pytest.raises(Refused, match="context_length_exceeded"):
        await embeddings.embed(["word " * 9000], None)


def test_the_child_is_started_by_this_python() -> None:
    assert child_command(Path("x"))[0] == sys.executable
