"""The cache's child process as the gateway sees it: slow, dead or stuck, it never holds a request up."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway_core.cache.encoder import frames
from gateway_core.cache.encoder.worker import Worker, child_environment

ROOT = str(Path(__file__).parents[2])
STUB = """
import os, sys, time
sys.path.append(sys.argv[1])
from gateway_core.cache.encoder import frames
def send(message):
    sys.stdout.buffer.write(frames.pack(message)); sys.stdout.buffer.flush()
def messages():
    while (message := frames.read(sys.stdin.buffer)) is not None:
        yield message
"""
READY = "send({'ready': True, 'entries': 3, 'note': 'a note'})\n"
ECHO = READY + "for message in messages(): send({'id': message.get('id'), 'echo': message, 'entries': 4})"
SILENT = READY + "for message in messages(): pass"
DIES_WHEN_ASKED = READY + "next(messages()); os._exit(1)"
DIES_AT_ONCE = "os._exit(1)"
CANNOT_START = "send({'failed': 'no weights'})"
NONSENSE = "sys.stdout.buffer.write(b'Traceback: this is no frame'); sys.stdout.buffer.flush(); time.sleep(60)"
NEVER_READY = "for message in messages(): pass"


Start = Callable[..., Worker]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    workers: list[Worker] = []

    def make(code: str, backoff_s: tuple[float, ...] = (0.0, 0.0), stuck_s: float = 20.0) -> Worker:
        notes: list[str] = []
        worker = Worker(
            [sys.executable, "-c", STUB + code, ROOT], on_note=notes.append, backoff_s=backoff_s, stuck_s=stuck_s
        )
        worker.notes = notes  # type: ignore[attr-defined]
        workers.append(worker)
        worker.start()
        return worker

    yield make
    for worker in workers:
        await worker.stop()


@asynccontextmanager
async def at_most(seconds: float) -> AsyncIterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def notes(worker: Worker) -> list[str]:
    found: list[str] = worker.notes  # type: ignore[attr-defined]
    return found


async def test_a_question_gets_its_own_reply(start: Start) -> None:
    worker = start(ECHO)
    assert await worker.ready()
    assert worker.entries == 3
    assert notes(worker) == ["a note"]
    replies = await asyncio.gather(*(worker.ask({"op": "find", "text": str(n)}, 10) for n in range(50)))
    assert [reply["echo"]["text"] for reply in replies if reply] == [str(n) for n in range(50)]
    assert worker.entries == 4


async def test_until_it_is_ready_every_question_is_unanswered_at_once(start: Start) -> None:
    worker = start(NEVER_READY)
    async with at_most(1):
        assert await worker.ask({"op": "find"}, 10) is None
    assert worker.state == "starting"


async def test_what_was_told_before_it_was_ready_is_not_lost(start: Start) -> None:
    code = READY + "told = next(messages())\nfor message in messages(): send({'id': message['id'], 'told': told})"
    worker = start(code)
    assert worker.tell({"op": "add", "n": 1})
    await worker.ready()
    reply = await worker.ask({"op": "find"}, 10)
    assert reply and reply["told"] == {"op": "add", "n": 1}


async def test_a_slow_child_is_not_waited_for(start: Start) -> None:
    worker = start(SILENT)
    await worker.ready()
    async with at_most(5):
        assert await worker.ask({"op": "find"}, 0.05) is None
    assert worker.state == "ready"


async def test_a_child_that_dies_is_started_again(start: Start) -> None:
    worker = start(DIES_WHEN_ASKED)
    await worker.ready()
    assert await worker.ask({"op": "find"}, 10) is None
    await worker.ready()
    assert (worker.state, worker.restarts) == ("ready", 1)


async def test_a_stuck_child_is_ended_and_started_again(start: Start) -> None:
    worker = start(SILENT, stuck_s=0.1)
    await worker.ready()
    assert await worker.ask({"op": "find"}, 10) is None
    await worker.ready()
    assert worker.restarts == 1


@pytest.mark.parametrize(
    ("code", "restarts", "why"),
    [(DIES_AT_ONCE, 2, "its process ended"), (NONSENSE, 2, "its process ended"), (CANNOT_START, 0, "no weights")],
)
async def test_a_child_that_cannot_live_is_given_up_and_said_so(
    start: Start, code: str, restarts: int, why: str
) -> None:
    worker = start(code)
    assert not await worker.ready()
    assert (worker.state, worker.restarts, worker.detail) == ("failed", restarts, why)
    assert notes(worker) == [f"The semantic cache and the built-in embeddings are off until the next start: {why}"]
    assert not worker.tell({"op": "add"})
    assert await worker.ask({"op": "find"}, 10) is None


RENEWS = """
import pathlib
mark = pathlib.Path(sys.argv[2])
if mark.exists():
    send({'ready': True, 'encoder': {'name': 'm', 'kind': 'onnx', 'fingerprint': 'f', 'dimensions': 3}})
    for message in messages(): send({'id': message.get('id'), 'by': 'new'})
else:
    mark.touch()
    send({'ready': True, 'encoder': {'name': 'm', 'kind': 'torch', 'fingerprint': 'f', 'dimensions': 3}})
    first = next(messages())
    send({'renew': True})
    for message in messages(): pass
    send({'id': first['id'], 'by': 'old'})
"""
APPEARS = """
import pathlib
tries = pathlib.Path(sys.argv[2])
tries.open('a').write('x')
if len(tries.read_text()) > 4:
    send({'ready': True})
    for message in messages(): pass
send({'failed': 'start Ollama', 'again': True})
"""


async def test_a_child_that_wants_to_be_replaced_finishes_first_and_costs_no_restart(tmp_path: Path) -> None:
    said: list[str] = []
    worker = Worker([sys.executable, "-c", STUB + RENEWS, ROOT, str(tmp_path / "mark")], on_note=said.append)
    worker.start()
    assert await worker.ready()
    assert worker.encoder and (worker.encoder.kind, worker.encoder.dimensions) == ("torch", 3)
    old = await worker.ask({"op": "find"}, 30)
    assert old and old["by"] == "old"
    assert worker.tell({"op": "add"}), "what is told meanwhile is kept for the new one"
    assert await worker.ready()
    new = await worker.ask({"op": "find"}, 30)
    assert new and new["by"] == "new"
    assert (worker.encoder.kind, worker.restarts, said) == ("onnx", 0, [])
    await worker.stop()


async def test_what_may_pass_is_said_once_and_tried_until_it_has(tmp_path: Path) -> None:
    said: list[str] = []
    command = [sys.executable, "-c", STUB + APPEARS, ROOT, str(tmp_path / "tries")]
    worker = Worker(command, on_note=said.append, backoff_s=(0.0, 0.0))
    worker.start()
    assert await worker.ready(), "more tries than a child that dies has"
    assert worker.restarts == 4
    assert said == ["The semantic cache and the built-in embeddings are off for now: start Ollama"]
    await worker.stop()


async def test_a_command_that_does_not_exist_is_given_up() -> None:
    worker = Worker(["/no/such/python"])
    worker.start()
    assert not await worker.ready()
    assert "cannot be started" in worker.detail
    await worker.stop()


async def test_text_that_is_not_unicode_is_unanswered(start: Start) -> None:
    worker = start(ECHO)
    await worker.ready()
    assert await worker.ask({"op": "find", "text": "\ud800"}, 10) is None
    assert not worker.tell({"op": "add", "text": "\ud800"})
    assert await worker.ask({"op": "find", "text": "fine"}, 10)


async def test_a_caller_that_leaves_takes_nobody_with_it(start: Start) -> None:
    worker = start(ECHO)
    await worker.ready()
    leaving = asyncio.create_task(worker.ask({"op": "find"}, 10))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await worker.ask({"op": "find"}, 10)


async def test_stopping_lets_the_child_finish_and_leaves_none_behind(start: Start, tmp_path: Path) -> None:
    done = tmp_path / "done"
    worker = start(READY + f"for message in messages(): pass\nopen({str(done)!r}, 'w').close()")
    await worker.ready()
    process = worker._process
    assert process is not None
    await worker.stop()
    assert done.exists()
    assert process.returncode == 0
    assert worker.state == "stopped"
    assert await worker.ask({"op": "find"}, 10) is None


async def test_a_worker_that_was_never_started_can_be_stopped() -> None:
    worker = Worker(["/no/such/python"])
    await worker.stop()


def test_the_child_sees_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("GATEWAY_SECRET", "secret")
    before = dict(os.environ)
    seen = child_environment()
    assert "secret" not in seen.values()
    assert seen["HF_HUB_OFFLINE"] == "1"
    assert dict(os.environ) == before


def test_a_frame_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        frames.length(b"\xff\xff\xff\xff")
