"""The semantic cache: an answer to a question that asks the same in other words, or nothing.

Off the happy path's back: until the child process is ready, and whenever it is slow or dead, every look-up is a miss.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

import orjson

from gateway_core.cache.blocked import blocked_pairs, forget_file
from gateway_core.cache.eligibility import LARGEST_ANSWER_BYTES, may_answer_others, request_reason
from gateway_core.cache.encoder.choice import BUILTIN, Choice
from gateway_core.cache.encoder.exports import FOLDER as EXPORTS
from gateway_core.cache.encoder.worker import INHERITED, WHAT, Message, Worker, child_command
from gateway_core.cache.identity import Identity
from gateway_core.cache.review.book import entry_id
from gateway_core.cache.review.counts import ALIAS, LEARNED, WORDS
from gateway_core.cache.review.dial import bar_for, off_reason
from gateway_core.cache.review.room import Neighbour, Review
from gateway_core.cache.table.entry import ENTRY_COLUMNS, Entry
from gateway_core.cache.table.options import TableOptions
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.worth import Limits
from gateway_core.clock import Clock
from gateway_core.frozen import frozen
from gateway_core.model import CacheMode, ChatRequest, JsonObject, Reuse, SemanticStats, Tier, Usage
from gateway_core.own_files import users_umask
from gateway_core.settings import Settings
from gateway_core.store.answers import StoredAnswer
from gateway_core.store.codec import from_json
from gateway_core.store.database import Database
from gateway_core.store.pairs import PairStore
from gateway_core.store.reuse_review import ReuseReviewStore

LOOKUP_TIMEOUT_S = 0.75
"""A look-up takes some 20 ms, and several hundred while the table is tidied on a busy machine. A model takes longer."""
ALIASES_TRIED = 3


@frozen
class SemanticHit:
    """An answer given to ``question``, for another wording of it. ``cosine`` is how near the two are, 0–1.

    ``why`` is what allows it: ``words``, ``learned`` or ``alias``.
    """

    entry_id: str
    answer: StoredAnswer
    question: str
    cosine: float
    why: str


class Child(Protocol):
    """What the cache needs of a :class:`gateway_core.cache.encoder.worker.Worker`."""

    state: str
    detail: str
    restarts: int
    entries: int
    on_ready: Callable[[], None]

    def start(self) -> None: ...

    async def ask(self, message: Message, timeout_s: float) -> Message | None: ...

    def tell(self, message: Message) -> bool: ...


SecondOpinion = Callable[[str, str, Sequence[Neighbour]], Awaitable[bool]]
"""Whether one of the neighbours, nearest first, is now known to ask the same: scope key, question, neighbours."""


async def _nobody(scope_key: str, asked: str, near: Sequence[Neighbour]) -> bool:
    return False


def open_encoder(settings: Settings, on_note: Callable[[str], None], ollama_url: str = "") -> Worker:
    """The child process of the semantic cache, not yet started; with the built-in encoder of the embeddings too.

    The table of answers is in it only while that cache is on. ``ollama_url`` is the root of the local server.
    """
    choice = Choice(settings.semantic_encoder, settings.data_dir / EXPORTS, ollama_url)
    what = WHAT if settings.semantic_encoder == BUILTIN else "The semantic cache's answers"
    if not _is_on(settings):
        return Worker(child_command(None, choice), on_note=on_note, what=what)
    uri = settings.semantic_cache_uri.get_secret_value() if settings.semantic_cache_uri else ""
    limits = Limits(settings.semantic_max_entries, settings.semantic_max_bytes)
    table = TableOptions(Place.of(uri, settings.data_dir), limits)
    environment = table.environment(os.environ)
    umask = users_umask() if table.place.shared else INHERITED
    command = child_command(table.argument, choice)
    return Worker(command, on_note=on_note, environment=environment, umask=umask, what=what)


def open_embedder(settings: Settings, on_note: Callable[[str], None], encoder: Worker) -> Worker:
    """The child process of the built-in embeddings, which are all-MiniLM-L6-v2's whatever the cache is set to use."""
    if settings.semantic_encoder == BUILTIN:
        return encoder
    choice = Choice(exports=settings.data_dir / EXPORTS)
    return Worker(child_command(None, choice), on_note=on_note, what="The built-in embeddings")


def searched(settings: Settings, encoder: Child) -> Child | None:
    """The child where it holds the table of answers; None where that cache is off."""
    return encoder if _is_on(settings) else None


def _is_on(settings: Settings) -> bool:
    return settings.semantic_cache == "on" and bool(bar_for(settings.semantic_max_error))


class SemanticCache:
    """Answers by :attr:`Identity.scope_key` and meaning. ``child`` None is a cache that is switched off."""

    def __init__(self, child: Child | None, review: Review, clock: Clock, ttl_s: float) -> None:
        self._child = child
        self.review = review
        self._clock = clock
        self.ttl_s = ttl_s
        self.second_opinion: SecondOpinion = _nobody
        """Asked about a miss whose neighbours the guards were not sure of; bounded in time by who answers."""
        self._lookups = self._unanswered = 0
        self._hits: Counter[str] = Counter()

    @classmethod
    def open(
        cls,
        settings: Settings,
        database: Database,
        clock: Clock,
        on_note: Callable[[str], None],
        encoder: Child,
        random: Callable[[], float],
    ) -> SemanticCache:
        """The cache as it is set. ``encoder`` is started at the first question that the cache could answer."""
        if reason := off_reason(settings.semantic_max_error):
            on_note(reason)
        child = encoder if _is_on(settings) else None
        review = Review(
            PairStore(database), ReuseReviewStore(database), child, clock, settings.semantic_max_error, random, on_note
        )
        return cls(child, review, clock, settings.exact_cache_ttl_s)

    async def start(self, folder: Path) -> None:
        """Reads what is known of pairs; starts no process. ``folder`` may hold pairs blocked by an older llmgw.

        Raises ``StoreError``.
        """
        blocked = await asyncio.to_thread(blocked_pairs, folder)
        await self.review.load(blocked)
        if blocked:
            await asyncio.to_thread(forget_file, folder)

    def reconfigure(self, settings: Settings) -> None:
        """Takes up how long answers are kept, and how much error is accepted; on and off wait for the next start."""
        self.ttl_s = settings.exact_cache_ttl_s
        self.review.dial.max_error = settings.semantic_max_error

    @property
    def is_on(self) -> bool:
        return self._child is not None

    def is_eligible(self, identity: Identity, request: ChatRequest) -> bool:
        """Whether a similar question may be looked for, or this one kept for similar ones."""
        return (
            self._child is not None
            and not identity.bypass
            and not identity.depends_on_now
            and request_reason(request) == ""
        )

    async def lookup(self, identity: Identity, request: ChatRequest) -> SemanticHit | None:
        """The answer to the same question in other words; None after ``LOOKUP_TIMEOUT_S`` at the latest, or what the
        second opinion takes where there is one.
        """
        child = self._child
        if child is None or request.cache_mode in (CacheMode.BYPASS, CacheMode.REFRESH):
            return None
        if not self.is_eligible(identity, request):
            return None
        child.start()
        self._lookups += 1
        until = self._clock.monotonic() + LOOKUP_TIMEOUT_S
        question = {"op": "find", "text": identity.user_text, "scope_key": identity.scope_key, "now": self._clock.now()}
        reply = await child.ask(question, LOOKUP_TIMEOUT_S)
        if reply is None:
            self._unanswered += 1
            return None
        self.review.looked_up()
        hit = self._allowed(identity, reply) or await self._alias(child, identity, until)
        if hit is None:
            grey = [_near(one) for one in reply.get("grey", ())]
            hit = await self._on_second_thoughts(child, identity, grey)
        if hit is None:
            self.review.missed(identity.scope_key, identity.user_text, grey)
            return None
        self._hits[hit.why] += 1
        saved = {"saved_microusd": hit.answer.cost_microusd, "saved_ms": hit.answer.latency_ms}
        child.tell({"op": "hit", "id": hit.entry_id, "at": self._clock.now(), **saved})
        return hit

    async def store(self, identity: Identity, request: ChatRequest, answer: StoredAnswer) -> bool:
        """Keeps the answer for other wordings; the very next look-up sees it. False when it may not be kept."""
        child = self._child
        if child is None or request.cache_mode in (CacheMode.BYPASS, CacheMode.NO_STORE):
            return False
        if not self.is_eligible(identity, request) or not may_answer_others(answer.completion):
            return False
        entry = self._entry(identity, answer)
        return entry is not None and child.tell({"op": "add", "entry": asdict(entry)})

    async def mark_wrong(self, reuse: Reuse) -> bool:
        """Evicts the answer, never again serves it or a later one to that question for this wording, and makes its
        scope stricter. False a second time. Raises ``StoreError``; it is in force all the same.
        """
        near = Neighbour(reuse.entry_id, reuse.question, reuse.cosine or 0.0, reuse.verdict)
        return await self.review.mark(reuse.scope_key, reuse.asked, near)

    async def forget(self, entry_id: str) -> None:
        """Evicts an answer, now or when the child is there. Raises ``StoreError``."""
        await self.review.pupil.drop([entry_id])

    def stats(self) -> SemanticStats:
        """Counts since the start, and how what is served is reviewed."""
        child, known = self._child, self.review.stats()
        if child is None:
            return known
        return replace(
            known,
            state=child.state,
            detail=child.detail,
            entries=child.entries,
            lookups=self._lookups,
            hits=self._hits.total(),
            unanswered=self._unanswered,
            restarts=child.restarts,
            hits_words=self._hits[WORDS],
            hits_learned=self._hits[LEARNED],
            hits_alias=self._hits[ALIAS],
        )

    def _allowed(self, identity: Identity, reply: Message) -> SemanticHit | None:
        """The nearest hit that may be served."""
        for found in reply.get("hits", ()):
            hit = _as_hit(found)
            if hit is None or self.review.pupil.is_dropping(hit.entry_id):
                continue
            near = Neighbour(hit.entry_id, hit.question, hit.cosine, hit.why)
            if kind := self.review.admit(identity.scope_key, identity.user_text, near):
                return replace(hit, why=kind)
        return None

    async def _on_second_thoughts(
        self, child: Child, identity: Identity, grey: Sequence[Neighbour]
    ) -> SemanticHit | None:
        """The answer to a question that the judge, asked now, finds to ask the same."""
        if not grey or not await self.second_opinion(identity.scope_key, identity.user_text, grey):
            return None
        return await self._alias(child, identity, self._clock.monotonic() + LOOKUP_TIMEOUT_S)

    async def _alias(self, child: Child, identity: Identity, until: float) -> SemanticHit | None:
        """The answer to a question that was found to ask the same, where the guards do not know it (any more)."""
        for alias in self.review.book.aliases(entry_id(identity.scope_key, identity.user_text))[:ALIASES_TRIED]:
            left_s = until - self._clock.monotonic()
            reply = await child.ask({"op": "entry", "id": alias.entry_id}, left_s) if left_s > 0 else None
            entry = reply.get("entry") if reply else None
            hit = _as_hit({"entry": entry, "cosine": alias.cosine, "why": ALIAS}) if entry else None
            if hit is None or entry is None or entry["scope_key"] != identity.scope_key:
                continue
            if entry["expires_at"] <= self._clock.now() or self.review.pupil.is_dropping(hit.entry_id):
                continue
            if self.review.admits_alias(identity.scope_key, identity.user_text, hit.question):
                return hit
        return None

    def _entry(self, identity: Identity, answer: StoredAnswer) -> Entry | None:
        try:
            completion = orjson.dumps(answer.completion)
        except TypeError:
            return None
        if len(completion) > LARGEST_ANSWER_BYTES:
            return None
        return Entry(
            id=entry_id(identity.scope_key, identity.user_text),
            scope_key=identity.scope_key,
            user_text=identity.user_text,
            completion=completion.decode(),
            tier=answer.tier.value,
            provider=answer.provider,
            model=answer.model,
            created_at=answer.created_at,
            expires_at=self._clock.now() + self.ttl_s,
            cost_microusd=answer.cost_microusd,
            usage=orjson.dumps(answer.usage).decode(),
            made_in_ms=answer.latency_ms,
        )


def _near(found: Message) -> Neighbour:
    return Neighbour(found["id"], found["question"], found["cosine"], found["why"])


def _as_hit(found: Message) -> SemanticHit | None:
    """A hit of the child's reply; None when its columns are damaged, which is a miss."""
    entry = Entry(**{name: value for name, value in found["entry"].items() if name in ENTRY_COLUMNS})
    try:
        completion: JsonObject = orjson.loads(entry.completion)
        answer = StoredAnswer(
            completion=completion,
            tier=Tier(entry.tier),
            provider=entry.provider,
            model=entry.model,
            created_at=entry.created_at,
            cost_microusd=entry.cost_microusd,
            usage=from_json(Usage, entry.usage),
            latency_ms=entry.made_in_ms,
        )
    except ValueError:
        return None
    return SemanticHit(entry.id, answer, entry.user_text, found["cosine"], found["why"])
