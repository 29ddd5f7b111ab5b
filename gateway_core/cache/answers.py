"""Answers that are already there: the exact cache first, then the semantic one."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway_core.cache.exact import ExactCache
from gateway_core.cache.identity import Identity, identity
from gateway_core.cache.semantic import Child, SemanticCache, SemanticHit
from gateway_core.clock import Clock
from gateway_core.model import CacheStatus, ChatRequest, Reason, Reuse, Tier
from gateway_core.settings import Settings
from gateway_core.store.answers import AnswerStore, StoredAnswer
from gateway_core.store.errors import StoreError

log = logging.getLogger(__name__)

REMEMBERED_HITS = 2_000


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer found, and why it may be served."""

    status: CacheStatus
    answer: StoredAnswer
    reuse: Reuse
    reasons: tuple[Reason, ...] = ()


class AnswerCaches:
    """Both caches behind one door. A cache that fails is a miss, never a failed request.

    ``entries`` counts the exact answers kept: exactly after :meth:`prune`, and in between by what is stored.
    """

    def __init__(self, exact: ExactCache | None, semantic: SemanticCache, store: AnswerStore, clock: Clock) -> None:
        self._exact = exact
        self._semantic = semantic
        self._store = store
        self._clock = clock
        self._served: OrderedDict[str, tuple[Identity, SemanticHit | None]] = OrderedDict()
        self.entries = 0

    @classmethod
    def open(
        cls, settings: Settings, store: AnswerStore, clock: Clock, on_note: Callable[[str], None], encoder: Child
    ) -> AnswerCaches:
        """The caches as they are set. ``on_note`` hears what a person should know of the semantic one."""
        exact = ExactCache(store, clock, settings.exact_cache_ttl_s) if settings.exact_cache == "on" else None
        return cls(exact, SemanticCache.open(settings, clock, on_note, encoder), store, clock)

    def reconfigure(self, settings: Settings) -> None:
        """Switches the exact cache on or off, and takes up how long answers are kept."""
        on = settings.exact_cache == "on"
        self._exact = ExactCache(self._store, self._clock, settings.exact_cache_ttl_s) if on else None
        self._semantic.ttl_s = settings.exact_cache_ttl_s

    async def start(self) -> None:
        await self._semantic.start()
        await self.prune()

    async def close(self) -> None:
        """Writes what is only in memory."""
        try:
            await self._store.flush()
        except StoreError as error:
            log.warning("the cache's hit counts were not written: %s", error)

    async def prune(self) -> None:
        """Throws away what has expired. Raises ``StoreError``."""
        await self._store.delete_expired(self._clock.now())
        self.entries = await self._store.count()

    def key(self, request: ChatRequest, forced: Tier | None) -> Identity:
        """``forced`` is the operator's tier: an answer given under it is not served without it."""
        return identity(request, f"forced:{forced.value}" if forced else "")

    async def lookup(self, key: Identity, request: ChatRequest) -> CachedAnswer | None:
        """The answer to serve, if there is one that may be."""
        if self._exact and (answer := await self._exact_answer(key, request)):
            self._remember(request.id, key, None)
            why = Reason("exact cache", "the same request was answered before")
            reuse = Reuse("", answer.created_at, self._age_s(answer), "same request")
            return CachedAnswer(CacheStatus.EXACT, answer, reuse, (why,))
        if hit := await self._semantic.lookup(key, request):
            self._remember(request.id, key, hit)
            why = Reason("semantic cache", f"asked before in other words ({hit.cosine:.3f} alike): {hit.question}")
            reuse = Reuse(
                hit.question,
                hit.answer.created_at,
                self._age_s(hit.answer),
                hit.why,
                hit.cosine,
                hit.entry_id,
                key.scope_key,
            )
            return CachedAnswer(CacheStatus.SEMANTIC, hit.answer, reuse, (why,))
        return None

    def status_of_miss(self, key: Identity) -> CacheStatus:
        """What a request is that no cache answered: one that was looked for, or one that was not."""
        return CacheStatus.BYPASS if key.bypass or self._exact is None else CacheStatus.MISS

    async def store(self, key: Identity, request: ChatRequest, answer: StoredAnswer) -> None:
        """Keeps an answer that may be kept; the very next request finds it."""
        try:
            if self._exact and await self._exact.store(key, answer, request.cache_mode):
                self.entries += 1
        except StoreError as error:
            log.warning("an answer was not cached: %s", error)
        await self._semantic.store(key, request, answer)

    def shared(self, key: Identity, request: ChatRequest) -> None:
        """Notes that the answer to ``key`` went to ``request`` too, while it was made."""
        self._remember(request.id, key, None)

    async def mark_wrong(self, request_id: str) -> bool:
        """Never serves again what answered this request; False when no cache did, or too long ago."""
        served = self._served.pop(request_id, None)
        if served is None:
            return False
        key, hit = served
        if hit:
            await self._semantic.mark_wrong(hit, key)
            return True
        return self._exact is not None and await self._exact.mark_wrong(key)

    async def _exact_answer(self, key: Identity, request: ChatRequest) -> StoredAnswer | None:
        assert self._exact
        try:
            return await self._exact.lookup(key, request.cache_mode)
        except StoreError as error:
            log.warning("the exact cache could not be read: %s", error)
            return None

    def _age_s(self, answer: StoredAnswer) -> float:
        return max(0.0, self._clock.now() - answer.created_at)

    def _remember(self, request_id: str, key: Identity, hit: SemanticHit | None) -> None:
        self._served[request_id] = (key, hit)
        while len(self._served) > REMEMBERED_HITS:
            self._served.popitem(last=False)
