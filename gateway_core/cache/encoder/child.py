"""The child process that holds the encoder and, for the semantic cache, LanceDB: none of it is in the gateway.

Measured: imported in the gateway they cost 600 MB and stop the event loop for seconds; here a look-up costs it one
small frame each way. The child ends when its standard input does, which also happens when the gateway is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from gateway_core.cache.encoder import frames
from gateway_core.cache.encoder.embedder import MiniLM, installed_weights
from gateway_core.cache.encoder.embedding_jobs import EmbeddingJobs
from gateway_core.cache.table.index import Index
from gateway_core.cache.table.options import TableOptions
from gateway_core.cache.table.upkeep import Upkeep
from gateway_core.cache.table.vectors import Vectors

LARGEST_BATCH = 16
IDLE_S = 30.0
LAST_WORDS_S = 5.0
AT_WORK: dict[str, Any] = {"at_work": True}
"""Sent while an embedding takes longer: the gateway ends a child that says nothing."""

Message = dict[str, Any]
Send = Callable[[Message], None]


class Child:
    """What the process does: it embeds texts, and looks for answers where it was given an index of them."""

    def __init__(self, jobs: EmbeddingJobs, send: Send, index: Index | None = None, upkeep: Upkeep | None = None):
        self._jobs = jobs
        self._send = send
        self._index = index
        self._upkeep = upkeep

    async def serve(self, inbox: asyncio.Queue[Message | None]) -> None:
        """Answers until the inbox ends. Look-ups go first; embeddings move on by a step between two batches."""
        while True:
            patience_s = self._upkeep.patience_s if self._upkeep else IDLE_S
            batch = _waiting(inbox) if self._jobs.waiting else await _next_batch(inbox, patience_s)
            if batch is None:
                break
            await self._answer(batch)
            if self._jobs.waiting:
                self._send_all(self._jobs.step() or [AT_WORK])
                await asyncio.sleep(0)  # what has come meanwhile gets into the inbox
            if self._upkeep:
                self._upkeep.nudge(idle=not batch and not self._jobs.waiting)
        if self._upkeep:
            await self._upkeep.close()

    async def _answer(self, batch: list[Message]) -> None:
        if questions := [message for message in batch if message["op"] != "embed"]:
            assert self._index, "no index was asked for"
            self._send_all(await self._index.answer(questions))
        for message in batch:
            if message["op"] == "embed" and (refusal := self._jobs.add(message)):
                self._send(refusal)

    def _send_all(self, messages: list[Message]) -> None:
        for message in messages:
            self._send(message)


async def _next_batch(inbox: asyncio.Queue[Message | None], patience_s: float) -> list[Message] | None:
    """What has come; empty after ``patience_s`` without a message, None at the end."""
    try:
        first = await asyncio.wait_for(inbox.get(), patience_s)
    except TimeoutError:
        return []
    return None if first is None else [first, *(_waiting(inbox, LARGEST_BATCH - 1) or ())]


def _waiting(inbox: asyncio.Queue[Message | None], most: int = LARGEST_BATCH) -> list[Message] | None:
    """What is in the inbox now; None at its end, which stays in it."""
    batch: list[Message] = []
    while len(batch) < most and not inbox.empty():
        message = inbox.get_nowait()
        if message is None:
            inbox.put_nowait(None)
            return batch or None
        batch.append(message)
    return batch


def listen(source: BinaryIO, inbox: asyncio.Queue[Message | None], is_ready: threading.Event) -> None:
    """Reads messages in a thread of its own. Ends the process when the gateway is gone, after a last write."""
    loop = asyncio.get_running_loop()

    def run() -> None:
        try:
            while (message := frames.read(source)) is not None:
                loop.call_soon_threadsafe(inbox.put_nowait, message)
        except (ValueError, OSError):
            pass
        if is_ready.is_set():
            loop.call_soon_threadsafe(inbox.put_nowait, None)
            time.sleep(LAST_WORDS_S)
        os._exit(0)

    threading.Thread(target=run, daemon=True).start()


async def _run(options: TableOptions | None, source: BinaryIO, send: Send) -> int:
    inbox: asyncio.Queue[Message | None] = asyncio.Queue()
    is_ready = threading.Event()
    listen(source, inbox, is_ready)
    vectors = index = upkeep = None
    try:
        encoder = MiniLM(installed_weights())
        if options:
            vectors = await Vectors.open(options.place, encoder)
            index, upkeep = Index(encoder, vectors), Upkeep(vectors, options.limits)
    except Exception as error:
        send({"failed": f"{type(error).__name__}: {error}"[:300]})
        return 1
    entries, note = (await vectors.count(), vectors.take_note()) if vectors else (0, "")
    is_ready.set()
    send({"ready": True, "entries": entries, "note": note})
    await Child(EmbeddingJobs(encoder), send, index, upkeep).serve(inbox)
    return 0


def main() -> None:
    """``child.main``, frames on standard input and output. The only argument is the table's folder, or ``-``: none."""
    options = TableOptions.of_child(sys.argv[1], os.environ)
    if options is None or not options.place.shared:
        os.umask(0o077)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the frames

    def send(message: Message) -> None:
        replies.write(frames.pack(message))
        replies.flush()

    code = asyncio.run(_run(options, sys.stdin.buffer, send))
    os._exit(code)
