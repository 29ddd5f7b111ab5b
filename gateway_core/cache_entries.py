"""What a person sees of the answer caches: their entries, the requests they answered, and what that saved.

Times are Unix seconds, money is micro-dollars. Questions are foreign text, to be cleaned before they are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway_core.frozen import frozen

EXACT, SEMANTIC = "exact", "semantic"
KINDS = (EXACT, SEMANTIC)


@frozen
class Saved:
    """What hits saved against asking again: ``ms`` is what the answers took when they were made, less the serving."""

    hits: int = 0
    microusd: int = 0
    ms: float = 0.0

    def plus(self, microusd: int, ms: float) -> Saved:
        """With one more hit."""
        return Saved(self.hits + 1, self.microusd + microusd, self.ms + ms)


@frozen
class Savings:
    """By cache."""

    exact: Saved = Saved()
    semantic: Saved = Saved()

    @property
    def total(self) -> Saved:
        one, other = self.exact, self.semantic
        return Saved(one.hits + other.hits, one.microusd + other.microusd, one.ms + other.ms)


@frozen
class CacheEntry:
    """An answer that is kept. ``id`` is ``x-`` or ``s-`` and hex digits: the exact cache's, or the semantic one's."""

    id: str
    kind: str
    question: str
    """Its first characters; empty for what an older version kept."""
    tier: str
    provider: str
    model: str
    created_at: float
    expires_at: float
    hits: int = 0
    used_at: float = 0.0
    """When it was last served; 0 for never."""
    saved_microusd: int = 0
    saved_ms: float = 0.0
    size_bytes: int = 0


@frozen
class CachePage:
    """Entries of one look, and how many there are in all. ``next`` is what the next page comes after; empty at the end.

    ``problem`` says why a cache could not be looked at: its entries are missing then, not gone.
    """

    entries: tuple[CacheEntry, ...] = ()
    total: int = 0
    next: str = ""
    problem: str = ""


@frozen
class CacheEntryDetail:
    """An entry with its answer, an assistant message, and the other wordings it has answered, newest first."""

    entry: CacheEntry
    answer: dict[str, Any] | None
    wordings: tuple[str, ...] = ()


@frozen
class CacheHit:
    """A request that a cache answered."""

    request_id: str
    at: float
    kind: str
    asked: str
    answered: str
    """The question that the answer was given to."""
    verdict: str
    """What allowed it: ``same request``, ``replay``, or the guards' word."""
    cosine: float | None
    """How near the two questions are, 0–1; None where they are the same."""
    age_s: float
    entry: str
    """The entry's id; empty where it is not known."""
    model: str
    saved_microusd: int
    saved_ms: float


RANKS: Mapping[str, Callable[[CacheEntry], float]] = {
    "newest": lambda entry: entry.created_at,
    "hits": lambda entry: entry.hits,
    "saved": lambda entry: entry.saved_microusd,
    "largest": lambda entry: entry.size_bytes,
}
"""By the names of ``choices.CACHE_ORDERS``."""


def merged(pages: Sequence[CachePage], order: str) -> CachePage:
    """Pages of several caches as one that has no next."""
    entries = sorted((entry for page in pages for entry in page.entries), key=RANKS[order], reverse=True)
    problem = " ".join(page.problem for page in pages if page.problem)
    return CachePage(tuple(entries), sum(page.total for page in pages), "", problem)
