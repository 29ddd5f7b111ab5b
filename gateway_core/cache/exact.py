"""The exact cache: the answer to the very same request, kept in SQLite until it expires."""

from __future__ import annotations

from typing import Protocol

from gateway_core.cache.eligibility import may_be_kept
from gateway_core.cache.identity import Identity
from gateway_core.clock import Clock
from gateway_core.model import CacheMode
from gateway_core.store.answers import StoredAnswer

TTL_OF_NOW_S = 300.0
"""How long an answer about now may be served again. A client that stamps its messages ends it after a minute."""


class Answers(Protocol):
    """Where answers are kept; :class:`gateway_core.store.answers.AnswerStore`."""

    async def get(self, key: str, now: float) -> StoredAnswer | None: ...

    async def put(self, key: str, answer: StoredAnswer, expires_at: float, question: str = "") -> bool: ...


class ExactCache:
    """Answers by :attr:`Identity.exact_key`, for ``ttl_s`` seconds."""

    def __init__(self, answers: Answers, clock: Clock, ttl_s: float) -> None:
        self._answers = answers
        self._clock = clock
        self._ttl_s = ttl_s

    async def lookup(self, identity: Identity, mode: CacheMode = CacheMode.USE) -> StoredAnswer | None:
        """The answer given before, unless the caller wants none."""
        if identity.bypass or mode in (CacheMode.BYPASS, CacheMode.REFRESH):
            return None
        return await self._answers.get(identity.exact_key, self._clock.now())

    async def store(self, identity: Identity, answer: StoredAnswer, mode: CacheMode = CacheMode.USE) -> bool:
        """Keeps a whole, successful answer. False when it may not be kept."""
        if identity.bypass or mode in (CacheMode.BYPASS, CacheMode.NO_STORE) or not may_be_kept(answer.completion):
            return False
        ttl_s = min(self._ttl_s, TTL_OF_NOW_S) if identity.depends_on_now else self._ttl_s
        return await self._answers.put(identity.exact_key, answer, self._clock.now() + ttl_s, identity.user_text)
