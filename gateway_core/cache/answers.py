"""Answers that are already there: the exact cache first, then the semantic one."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from random import SystemRandom

from gateway_core.cache.code_context import CodeContexts
from gateway_core.cache.exact import ExactCache
from gateway_core.cache.identity import Identity, identity
from gateway_core.cache.review.book import entry_id
from gateway_core.cache.review.room import Review
from gateway_core.cache.semantic import Child, SecondOpinion, SemanticCache
from gateway_core.cache.team import Team
from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import CacheStatus, ChatRequest, Reason, RequestDetail, Reuse, SemanticStats, Tier
from gateway_core.settings import Settings
from gateway_core.stopwatch import Stopwatch
from gateway_core.store.answers import AnswerStore, StoredAnswer
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError

log = logging.getLogger(__name__)

NOT_ASKED_MS = 0.2
"""No question to the semantic cache's process is answered faster: it was not asked."""
REMEMBERED_HITS = 2_000
_RANDOM = SystemRandom().random
SHARED = "shared"
"""The verdict of :class:`Reuse` on an answer that another request's upstream call gives."""
REPLAY = "replay"
"""The verdict of an answer repeated for an idempotency key."""

Recall = Callable[[str], Awaitable[RequestDetail | None]]


class Marked(StrEnum):
    """What became of the word that an answer was wrong."""

    DONE = "done"
    ALREADY = "already"
    GONE = "gone"
    """The answer had expired, was replaced, or was marked through another request."""
    REPLAY = "replay"
    NOT_CACHED = "not cached"


@frozen
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

    def __init__(
        self,
        exact: ExactCache | None,
        semantic: SemanticCache,
        store: AnswerStore,
        clock: Clock,
        recall: Recall,
        team: Team | None = None,
        secrets: KnownSecrets | None = None,
    ) -> None:
        self._exact = exact
        self._semantic = semantic
        self._store = store
        self._clock = clock
        self._team = team
        self._secrets = secrets or KnownSecrets()
        self._recall = recall
        self._code = CodeContexts()
        self._served: OrderedDict[str, Reuse] = OrderedDict()
        self._marked: OrderedDict[str, None] = OrderedDict()
        self.entries = 0

    @classmethod
    def open(
        cls,
        settings: Settings,
        store: AnswerStore,
        database: Database,
        clock: Clock,
        on_note: Callable[[str], None],
        encoder: Child,
        recall: Recall,
        secrets: KnownSecrets | None = None,
        random: Callable[[], float] = _RANDOM,
    ) -> AnswerCaches:
        """The caches as they are set. ``on_note`` hears what a person should know of the semantic one.

        ``recall`` knows requests of before the start, ``secrets`` what no cache keeps; ``random`` picks the hits that
        are checked.
        """
        exact = ExactCache(store, clock, settings.exact_cache_ttl_s) if settings.exact_cache == "on" else None
        semantic = SemanticCache.open(settings, database, clock, on_note, encoder, random)
        return cls(exact, semantic, store, clock, recall, Team(settings), secrets)

    @property
    def review(self) -> Review:
        """The review of what the semantic cache serves."""
        return self._semantic.review

    def use_second_opinion(self, opinion: SecondOpinion) -> None:
        """Has ``opinion`` asked about what the guards of the semantic cache are not sure of."""
        self._semantic.second_opinion = opinion

    def reconfigure(self, settings: Settings) -> None:
        """Switches the exact cache on or off, and takes up how long answers are kept and what error is accepted."""
        on = settings.exact_cache == "on"
        self._exact = ExactCache(self._store, self._clock, settings.exact_cache_ttl_s) if on else None
        self._semantic.reconfigure(settings)

    def semantic_stats(self) -> SemanticStats:
        """How the semantic cache stands. Reads memory only."""
        return self._semantic.stats()

    async def start(self, folder: Path) -> None:
        """Reads what is known; ``folder`` is that of the data. Raises ``StoreError``."""
        await self._semantic.start(folder)
        await self.prune()

    async def close(self) -> None:
        """Writes what is only in memory."""
        for write in (self._store.flush, self._semantic.review.close):
            try:
                await write()
            except StoreError as error:
                log.warning("the caches' counts were not written: %s", error)

    async def prune(self) -> None:
        """Throws away what has expired. Raises ``StoreError``."""
        await self._store.delete_expired(self._clock.now())
        self.entries = await self._store.count()
        await self._semantic.review.prune()

    async def key(self, request: ChatRequest, forced: Tier | None) -> Identity:
        """``forced`` is the operator's tier: an answer given under it is not served without it."""
        code = await self._code.fingerprint(request)
        team = self._team.of(request.caller) if self._team else ""
        return identity(request, f"forced:{forced.value}" if forced else "", code, team=team)

    async def lookup(
        self, key: Identity, request: ChatRequest, watch: Stopwatch | None = None, *, other_words: bool = True
    ) -> CachedAnswer | None:
        """The answer to serve, if there is one that may be; with ``other_words`` also one to the same in others."""
        watch = watch or Stopwatch(0.0)
        with watch.begin("exact cache") as step:
            answer = await self._exact_answer(key, request) if self._exact else None
            step.outcome = "hit" if answer else self.status_of_miss(key).value
        if answer:
            why = Reason("exact cache", "the same request was answered before")
            reuse = self.own(key, answer.created_at, "same request")
            self._remember(request.id, reuse)
            return CachedAnswer(CacheStatus.EXACT, answer, reuse, (why,))
        if not other_words or not self._semantic.is_on:
            return None
        if self._secrets.holds(key.user_text):  # it would be kept for the review
            return None
        with watch.begin("semantic cache") as step:
            hit = await self._semantic.lookup(key, request)
            step.outcome = f"hit, {hit.cosine:.3f} alike" if hit else "miss"
        if hit is None and step.took_ms < NOT_ASKED_MS:
            watch.drop(step)
        if hit:
            why = Reason("semantic cache", f"asked before in other words ({hit.cosine:.3f} alike): {hit.question}")
            reuse = Reuse(
                hit.question,
                hit.answer.created_at,
                self._age_s(hit.answer.created_at),
                hit.why,
                hit.cosine,
                hit.entry_id,
                key.scope_key,
                key.user_text,
            )
            self._remember(request.id, reuse)
            return CachedAnswer(CacheStatus.SEMANTIC, hit.answer, reuse, (why,))
        return None

    def status_of_miss(self, key: Identity) -> CacheStatus:
        """What a request is that no cache answered: one that was looked for, or one that was not."""
        return CacheStatus.BYPASS if key.bypass or self._exact is None else CacheStatus.MISS

    async def store(self, key: Identity, request: ChatRequest, answer: StoredAnswer) -> None:
        """Keeps an answer that may be kept; the very next request finds it. None with a secret in use is kept, nor to
        a question with one."""
        if key.bypass or self._secrets.holds((key.user_text, answer.completion)):
            return
        try:
            if self._exact and await self._exact.store(key, answer, request.cache_mode):
                self.entries += 1
        except StoreError as error:
            log.warning("an answer was not cached: %s", error)
        await self._semantic.store(key, request, answer)

    def own(self, key: Identity, answered_at: float, verdict: str) -> Reuse:
        """That a request gets the answer to the very same one, given at ``answered_at``."""
        return Reuse(
            "",
            answered_at,
            self._age_s(answered_at),
            verdict,
            None,
            entry_id(key.scope_key, key.user_text),
            key.scope_key,
            key.user_text,
            key.exact_key,
        )

    def shared(self, key: Identity, request: ChatRequest, answered_at: float) -> Reuse:
        """Notes that the answer to ``key`` goes to ``request`` too, while it is made."""
        reuse = self.own(key, answered_at, SHARED)
        self._remember(request.id, reuse)
        return reuse

    def repeated(self, request: ChatRequest, answer: StoredAnswer) -> CachedAnswer:
        """Notes that ``request`` gets once more what its idempotency key was answered with."""
        why = Reason("idempotency", "the same key and request were answered before")
        reuse = Reuse("", answer.created_at, self._age_s(answer.created_at), REPLAY)
        self._remember(request.id, reuse)
        return CachedAnswer(CacheStatus.EXACT, answer, reuse, (why,))

    async def mark_wrong(self, request_id: str) -> Marked:
        """Never serves again what answered this request, now or before a restart. Raises ``StoreError``."""
        reuse = self._served.get(request_id) or await self._reuse_of(request_id)
        if reuse is None:
            return Marked.NOT_CACHED
        if reuse.verdict == REPLAY:
            return Marked.REPLAY
        if reuse.cosine is not None:
            return Marked.DONE if await self._semantic.mark_wrong(reuse) else Marked.ALREADY
        if request_id in self._marked:
            return Marked.ALREADY
        forgotten = bool(reuse.exact_key) and await self._store.delete(reuse.exact_key, reuse.answered_at)
        if reuse.entry_id:  # the semantic cache has the same answer to the same question
            await self._semantic.forget(reuse.entry_id)
        self._marked[request_id] = None
        while len(self._marked) > REMEMBERED_HITS:
            self._marked.popitem(last=False)
        return Marked.DONE if forgotten else Marked.GONE

    async def _reuse_of(self, request_id: str) -> Reuse | None:
        detail = await self._recall(request_id)
        return detail.reuse if detail else None

    async def _exact_answer(self, key: Identity, request: ChatRequest) -> StoredAnswer | None:
        assert self._exact
        try:
            return await self._exact.lookup(key, request.cache_mode)
        except StoreError as error:
            log.warning("the exact cache could not be read: %s", error)
            return None

    def _age_s(self, answered_at: float) -> float:
        return max(0.0, self._clock.now() - answered_at)

    def _remember(self, request_id: str, reuse: Reuse) -> None:
        self._served[request_id] = reuse
        while len(self._served) > REMEMBERED_HITS:
            self._served.popitem(last=False)
