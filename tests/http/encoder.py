"""The encoder's child process with an encoder of the tests: the real child and its frames, without torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway_core.cache.encoder.worker import Worker

ROOT = str(Path(__file__).parents[2])
CODE = """
import asyncio, sys, threading
sys.path.append(sys.argv[1])
from gateway_core.cache.encoder import child, frames
from gateway_core.cache.encoder.embedding_jobs import EmbeddingJobs
from tests.cache.fakes import FakeEncoder
def send(message):
    sys.stdout.buffer.write(frames.pack(message)); sys.stdout.buffer.flush()
async def main():
    inbox, ready = asyncio.Queue(), threading.Event()
    child.listen(sys.stdin.buffer, inbox, ready)
    ready.set(); send({"ready": True})
    await child.Child(EmbeddingJobs(FakeEncoder()), send).serve(inbox)
asyncio.run(main())
"""
DEAD = "import os; os._exit(1)"


def use_child(monkeypatch: pytest.MonkeyPatch, code: str = CODE) -> None:
    """Gateways made from now on have this child."""
    command = [sys.executable, "-c", code, ROOT]
    monkeypatch.setattr(
        "gateway_core.composition.open_encoder", lambda settings, note, url: Worker(command, backoff_s=())
    )
