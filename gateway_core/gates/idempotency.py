"""``Idempotency-Key``: the same key and body get the same answer and pay once; with another body it is a conflict."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from gateway_core.model import ChatRequest, Refusal
from gateway_core.stopwatch import Stopwatch
from gateway_core.store.answers import StoredAnswer
from gateway_core.store.errors import StoreError
from gateway_core.store.idempotency import IdempotencyStore
from gateway_core.wire import errors

log = logging.getLogger(__name__)

LONGEST_KEY = 255


@dataclass(slots=True)
class _Turn:
    """The requests of one key: one runs, the others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class Idempotency:
    """Replays finished answers, and lets a duplicate wait for the request that is already running."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store
        self._running: dict[tuple[str, str], _Turn] = {}

    @asynccontextmanager
    async def held(self, request: ChatRequest, watch: Stopwatch) -> AsyncIterator[None]:
        """Keeps other requests with the same key waiting for the length of the block."""
        if request.idempotency_key is None:
            yield
            return
        name = (request.caller, request.idempotency_key)
        turn = self._running.setdefault(name, _Turn())
        turn.wanted += 1
        waiting = watch.begin("queue")
        waiting.outcome = "the same key" if turn.wanted > 1 else ""
        try:
            async with turn.lock:
                waiting.end()
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._running[name]

    async def replay(self, request: ChatRequest) -> StoredAnswer | Refusal | None:
        """The answer given before under this key; None when it is new."""
        if request.idempotency_key is None:
            return None
        if len(request.idempotency_key) > LONGEST_KEY:
            return errors.invalid_request(f"An idempotency key has at most {LONGEST_KEY} characters.")
        try:
            found = await self._store.get(request.caller, request.idempotency_key)
        except StoreError:
            return errors.no_provider("llmgw cannot read its store, so it cannot tell whether this key was answered.")
        if found is None:
            return None
        body_hash, answer = found
        return answer if body_hash == _body_hash(request) else errors.idempotency_conflict()

    async def store(self, request: ChatRequest, answer: StoredAnswer) -> None:
        """Keeps a finished answer under the request's key, if it has one."""
        if request.idempotency_key is None:
            return
        try:
            await self._store.put(request.caller, request.idempotency_key, _body_hash(request), answer)
        except StoreError as error:
            log.warning("an idempotent answer was not kept: %s", error)


def _body_hash(request: ChatRequest) -> str:
    """``stream`` and its options are left out: how the answer travels does not change it."""
    body = {name: value for name, value in request.body.items() if name not in ("stream", "stream_options")}
    asked = [body, request.force_tier, request.context]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()
