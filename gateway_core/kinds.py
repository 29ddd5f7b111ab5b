"""The words that a request is told by: where, who waits, from which cache, in which protocol, how it ended."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """Where an answer is made, cheapest first."""

    LOCAL = "local"
    CHEAP = "cheap"
    PREMIUM = "premium"


class Lane(StrEnum):
    """Who waits for the answer: a person, or nobody (heartbeats, recaps, cron, titles)."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"


class CacheStatus(StrEnum):
    """What the answer caches did with a request; the value of ``x-llmgw-cache``."""

    EXACT = "exact"
    SEMANTIC = "semantic"
    MISS = "miss"
    BYPASS = "bypass"

    is_hit: bool
    """Whether a cache gave the answer."""

    def __init__(self, name: str) -> None:
        self.is_hit = name in ("exact", "semantic")


class CacheMode(StrEnum):
    """What the caller asked of the caches with the header ``x-llmgw-cache``."""

    USE = "use"
    NO_STORE = "no-store"
    BYPASS = "bypass"
    REFRESH = "refresh"


class Counted(StrEnum):
    """How a number of tokens is known."""

    MEASURED = "measured"
    """The upstream counted it."""
    ESTIMATED = "estimated"
    """Nobody counted: it is about that many."""
    CEILING = "ceiling"
    """Nobody counted, or not to the end, and it cannot be more: what a cut answer is charged at."""


class ApiKind(StrEnum):
    """The protocol a caller speaks."""

    CHAT = "chat"
    """OpenAI's chat completions, the format every room speaks."""
    MESSAGES = "messages"
    """Anthropic's Messages."""
    RESPONSES = "responses"
    """OpenAI's Responses."""
    EMBEDDINGS = "embeddings"
    """OpenAI's embeddings, which no provider answers as a completion."""


class Status(StrEnum):
    """How far a request has come, or how it ended."""

    RUNNING = "running"
    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    KILLED = "killed"
