"""Names that a person chooses from. Nothing is imported: `llmgw status` waits for the command line's arguments."""

from __future__ import annotations

CACHE_ORDERS = ("newest", "hits", "saved", "largest")
"""What cached answers are ordered by, the most first."""
LEVELS = ("debug", "info", "warning", "error")
"""Of the log, from the least to the most pressing."""
SORTS = ("newest", "cost", "saved", "tokens", "latency", "first_token")
"""Of requests, the most first; ``-`` before a name turns it round, and ``oldest`` is ``-newest``."""
BY = {
    "day": ("day",),
    "hour": ("hour",),
    "tier": ("tier",),
    "model": ("provider", "model"),
    "provider": ("provider",),
    "lane": ("lane",),
    "session": ("session",),
    "client": ("client",),
    "purpose": ("purpose",),
}
"""What a report of spend can go by, and the columns that make it up."""
