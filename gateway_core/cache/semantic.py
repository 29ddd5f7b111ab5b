"""The semantic cache: an answer to a question that asks the same in other words, or nothing.

Off the happy path's back: until the child process is ready, and whenever it is slow or dead, every look-up is a miss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Protocol

import orjson
from pydantic import TypeAdapter

from gateway_core.cache.blocked import BlockedPairs
from gateway_core.cache.eligibility import LARGEST_ANSWER_BYTES, may_answer_others, request_reason
from gateway_core.cache.encoder.choice import BUILTIN, Choice
from gateway_core.cache.encoder.exports import FOLDER as EXPORTS
from gateway_core.cache.encoder.worker import Message, Worker, child_command
from gateway_core.cache.identity import Identity
from gateway_core.cache.table.vectors import FOLDER, Entry
from gateway_core.clock import Clock
from gateway_core.model import CacheMode, ChatRequest, JsonObject, Tier, Usage
from gateway_core.settings import Settings
from gateway_core.store.answers import StoredAnswer

LOOKUP_TIMEOUT_S = 0.25
MEASURED_ERROR = 0.002
"""Wrong answers for each request that the guards were measured to stay below: 0.05 % and 0 on development data, 0.17 %
for one request in a set without paraphrases. Whoever accepts less gets no semantic answers."""
_USAGE = TypeAdapter(Usage)


@dataclass(frozen=True, slots=True)
class SemanticHit:
    """An answer given to ``question``, for another wording of it. ``cosine`` is how near the two are, 0–1.

    ``why`` is what the guards allow it for: ``words`` or ``learned``.
    """

    entry_id: str
    answer: StoredAnswer
    question: str
    cosine: float
    why: str


@dataclass(frozen=True, slots=True)
class SemanticStats:
    """How the cache stands. ``state`` is ``off``, ``idle``, ``starting``, ``ready``, ``failed`` or ``stopped``."""

    state: str
    detail: str = ""
    entries: int = 0
    lookups: int = 0
    hits: int = 0
    unanswered: int = 0
    """Look-ups that found the child not ready or too slow."""
    restarts: int = 0


class Child(Protocol):
    """What the cache needs of a :class:`gateway_core.cache.encoder.worker.Worker`."""

    state: str
    detail: str
    restarts: int
    entries: int

    def start(self) -> None: ...

    async def ask(self, message: Message, timeout_s: float) -> Message | None: ...

    def tell(self, message: Message) -> bool: ...


def open_encoder(settings: Settings, on_note: Callable[[str], None], ollama_url: str = "") -> Worker:
    """The child process of the semantic cache, not yet started; with the built-in encoder of the embeddings too.

    The table of answers is in it only while that cache is on. ``ollama_url`` is the root of the local server.
    """
    folder = settings.data_dir / FOLDER if _is_on(settings) else None
    choice = Choice(settings.semantic_encoder, settings.data_dir / EXPORTS, ollama_url)
    if settings.semantic_encoder == BUILTIN:
        return Worker(child_command(folder, choice), on_note=on_note)
    return Worker(child_command(folder, choice), on_note=on_note, what="The semantic cache's answers")


def open_embedder(settings: Settings, on_note: Callable[[str], None], encoder: Worker) -> Worker:
    """The child process of the built-in embeddings, which are all-MiniLM-L6-v2's whatever the cache is set to use."""
    if settings.semantic_encoder == BUILTIN:
        return encoder
    choice = Choice(exports=settings.data_dir / EXPORTS)
    return Worker(child_command(None, choice), on_note=on_note, what="The built-in embeddings")


def _is_on(settings: Settings) -> bool:
    return settings.semantic_cache == "on" and settings.semantic_max_error >= MEASURED_ERROR


class SemanticCache:
    """Answers by :attr:`Identity.scope_key` and meaning. ``child`` None is a cache that is switched off."""

    def __init__(self, child: Child | None, blocked: BlockedPairs, clock: Clock, ttl_s: float) -> None:
        self._child = child
        self._blocked = blocked
        self._clock = clock
        self.ttl_s = ttl_s
        self._lookups = self._hits = self._unanswered = 0

    @classmethod
    def open(cls, settings: Settings, clock: Clock, on_note: Callable[[str], None], encoder: Child) -> SemanticCache:
        """The cache as it is set. ``encoder`` is started at the first question that the cache could answer."""
        if settings.semantic_max_error < MEASURED_ERROR:
            on_note(
                f"The semantic cache stays off: SEMANTIC_MAX_ERROR is below {MEASURED_ERROR}, what its guards hold."
            )
        child = encoder if _is_on(settings) else None
        return cls(child, BlockedPairs(settings.data_dir), clock, settings.exact_cache_ttl_s)

    async def start(self) -> None:
        """Reads what was marked wrong; starts no process."""
        if self._child is not None:
            await asyncio.to_thread(self._blocked.load)

    def is_eligible(self, identity: Identity, request: ChatRequest) -> bool:
        """Whether a similar question may be looked for, or this one kept for similar ones."""
        return (
            self._child is not None
            and not identity.bypass
            and not identity.depends_on_now
            and request_reason(request) == ""
        )

    async def lookup(self, identity: Identity, request: ChatRequest) -> SemanticHit | None:
        """The answer to the same question in other words; None after ``LOOKUP_TIMEOUT_S`` at the latest."""
        child = self._child
        if child is None or request.cache_mode in (CacheMode.BYPASS, CacheMode.REFRESH):
            return None
        if not self.is_eligible(identity, request):
            return None
        child.start()
        self._lookups += 1
        question = {"op": "find", "text": identity.user_text, "scope_key": identity.scope_key, "now": self._clock.now()}
        reply = await child.ask(question, LOOKUP_TIMEOUT_S)
        if reply is None:
            self._unanswered += 1
            return None
        for found in reply.get("hits", ()):
            hit = _as_hit(found)
            if hit is not None and pair_id(identity, hit.question) not in self._blocked:
                self._hits += 1
                return hit
        return None

    async def store(self, identity: Identity, request: ChatRequest, answer: StoredAnswer) -> bool:
        """Keeps the answer for other wordings; the very next look-up sees it. False when it may not be kept."""
        child = self._child
        if child is None or request.cache_mode in (CacheMode.BYPASS, CacheMode.NO_STORE):
            return False
        if not self.is_eligible(identity, request) or not may_answer_others(answer.completion):
            return False
        entry = self._entry(identity, answer)
        return entry is not None and child.tell({"op": "add", "entry": asdict(entry)})

    async def mark_wrong(self, hit: SemanticHit, identity: Identity) -> None:
        """Evicts the answer and never again serves it, or a later one to that question, for this wording."""
        await asyncio.to_thread(self._blocked.add, pair_id(identity, hit.question))
        if self._child is not None:
            self._child.tell({"op": "drop", "ids": [hit.entry_id]})

    def stats(self) -> SemanticStats:
        """The counts since the start."""
        child = self._child
        if child is None:
            return SemanticStats("off")
        return SemanticStats(
            child.state, child.detail, child.entries, self._lookups, self._hits, self._unanswered, child.restarts
        )

    def _entry(self, identity: Identity, answer: StoredAnswer) -> Entry | None:
        try:
            completion = orjson.dumps(answer.completion)
        except TypeError:
            return None
        if len(completion) > LARGEST_ANSWER_BYTES:
            return None
        return Entry(
            id=sha256(f"{identity.scope_key}\n{identity.user_text}".encode()).hexdigest()[:32],
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
        )


def pair_id(identity: Identity, question: str) -> str:
    """Two wordings in one scope, whichever was asked first, as hex digits."""
    first, second = sorted((identity.user_text, question))
    return sha256(f"{identity.scope_key}\n{len(first)}\n{first}\n{second}".encode()).hexdigest()


def _as_hit(found: Message) -> SemanticHit | None:
    """A hit of the child's reply; None when its columns are damaged, which is a miss."""
    entry = Entry(**found["entry"])
    try:
        completion: JsonObject = orjson.loads(entry.completion)
        answer = StoredAnswer(
            completion=completion,
            tier=Tier(entry.tier),
            provider=entry.provider,
            model=entry.model,
            created_at=entry.created_at,
            cost_microusd=entry.cost_microusd,
            usage=_USAGE.validate_json(entry.usage),
        )
    except ValueError:
        return None
    return SemanticHit(entry.id, answer, entry.user_text, found["cosine"], found["why"])
