"""``Idempotency-Key``: the same key and body get the same answer and pay once; with another body it is a conflict.

A finished answer is on the disk before its caller sees the end of it, in one transaction with the settlement of the
call that made it: a call that is settled is never made again for its key, also by a gateway that was killed meanwhile.
One that is not is asked for again: of a call that a kill cut off nothing is known, it is dead with the connection that
carried it. It stays charged, at what was set aside for it, to a request of its own in the log, and so does the second
one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from gateway_core.model import ApiKind, ChatRequest, JsonObject, Refusal
from gateway_core.stopwatch import Stopwatch
from gateway_core.store.answers import StoredAnswer
from gateway_core.store.database import Work
from gateway_core.store.errors import StoreError
from gateway_core.store.idempotency import IdempotencyStore
from gateway_core.wire import errors

log = logging.getLogger(__name__)

LONGEST_KEY = 255


@dataclass(slots=True)
class _Turn:
    """The requests of one key that run now: all have the same body, and one call answers them all."""

    body_hash: str
    kind: Hashable
    members: set[str] = field(default_factory=set)
    """The ids of all that were let in: what another turn of the same key brings late is not for this one."""
    running: int = 0
    flight: str | None = None
    """What they share that call by."""
    answered: bool = False
    """One of them has an answer, which is kept."""
    answer: StoredAnswer | None = None
    """The same, once it is kept."""
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """There is the answer, or there will be none: none of them runs any more."""

    def takes(self, kind: Hashable) -> bool:
        """Whether a request of this kind shares the call, or has its answer at once."""
        if self.answer is not None:
            return True
        return kind is not None and kind == self.kind


class Idempotency:
    """Replays finished answers, and has a duplicate share the call that is already running, or wait for it."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store
        self._turns: dict[tuple[str, str], _Turn] = {}

    @asynccontextmanager
    async def turn(self, request: ChatRequest, kind: Hashable, watch: Stopwatch) -> AsyncIterator[Refusal | None]:
        """Lets requests with the same key in together when they are of one ``kind``, which share a call; others wait
        until it is answered, however long its caller takes to read that.

        None shares with nobody. What it yields is why the request must not go on: its key runs with another body.
        """
        if request.idempotency_key is None:
            yield None
            return
        if len(request.idempotency_key) > LONGEST_KEY:
            yield errors.invalid_request(f"An idempotency key has at most {LONGEST_KEY} characters.")
            return
        name, body_hash = (request.caller, request.idempotency_key), _body_hash(request)
        while (turn := self._turns.get(name)) and turn.body_hash == body_hash and not turn.takes(kind):
            with watch.begin("queue") as waiting:
                await turn.known.wait()
                waiting.outcome = "the same key"
        if turn and turn.body_hash != body_hash:
            yield errors.idempotency_conflict()
            return
        turn = self._turns.setdefault(name, _Turn(body_hash, kind))
        turn.members.add(request.id)
        turn.running += 1
        try:
            yield None
        finally:
            turn.running -= 1
            if not turn.running:
                del self._turns[name]
                turn.known.set()

    def flight(self, request: ChatRequest, name: str | None) -> str | None:
        """What the request shares a call by inside its :meth:`turn`: ``name`` without a key, else what the first one
        with its key and body shares by, which is its key where that would share with nobody."""
        turn = self._turn_of(request)
        if turn is None:
            return name
        turn.flight = turn.flight or name or f"key {request.caller} {request.idempotency_key} {turn.kind}"
        return turn.flight

    async def replay(self, request: ChatRequest) -> StoredAnswer | Refusal | None:
        """The answer given before under this key; None when it is new. Only inside its :meth:`turn`."""
        if request.idempotency_key is None:
            return None
        turn = self._turns[request.caller, request.idempotency_key]
        if turn.answer is not None:
            return turn.answer
        try:
            found = await self._store.get(request.caller, request.idempotency_key)
        except StoreError:
            return errors.no_provider("llmgw cannot read its store, so it cannot tell whether this key was answered.")
        if found is None:
            return None
        body_hash, answer = found
        return answer if body_hash == turn.body_hash else errors.idempotency_conflict()

    def was_answered(self, request: ChatRequest) -> bool:
        """Whether one that shares the request's :meth:`turn` has been answered meanwhile."""
        turn = self._turn_of(request)
        return turn is not None and turn.answered

    async def writing(self, request: ChatRequest, answer: StoredAnswer) -> Work[bool] | None:
        """What keeps a finished answer under the request's key, for the transaction that settles its call; None where
        it has no key. Only inside its :meth:`turn`."""
        turn, key = self._turn_of(request), request.idempotency_key
        if key is None:
            return None
        write = await self._store.writing(request.caller, key, _body_hash(request), answer)
        if turn is not None:
            turn.answered = True
        return write

    async def store(self, request: ChatRequest, answer: StoredAnswer) -> None:
        """Keeps a finished answer under the request's key, if it has one that none is kept under, and gives it to those
        who wait. A call that made it is settled."""
        turn, key = self._turn_of(request), request.idempotency_key
        if key is None:
            return
        if turn is None or not turn.answered:
            try:
                await self._store.put(request.caller, key, _body_hash(request), answer)
            except StoreError as error:
                log.warning("an idempotent answer was not kept: %s", error)
                return
        if turn is not None:
            turn.answered = True
            turn.answer = turn.answer or answer
            turn.known.set()

    def _turn_of(self, request: ChatRequest) -> _Turn | None:
        turn = self._turns.get((request.caller, request.idempotency_key)) if request.idempotency_key else None
        return turn if turn is not None and request.id in turn.members else None


def _body_hash(request: ChatRequest) -> str:
    """``stream`` and its options are left out: how the answer travels does not change it. What a caller of another
    protocol sent counts as it was sent: not all of it need be in the translation."""
    asked: list[object] = [_without_stream(request.body), request.force_tier, request.context]
    if request.api is not ApiKind.CHAT:
        asked += [request.api, _without_stream(request.native or {})]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _without_stream(body: JsonObject) -> JsonObject:
    return {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
