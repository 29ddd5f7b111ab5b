"""What the log screen shows: values that name no room of the gateway."""

from __future__ import annotations

from gateway_core.choices import LEVELS as LEVELS
from gateway_core.frozen import frozen


@frozen
class LogEntry:
    """Something that happened, once or ``count`` times, between ``since`` and ``at`` (Unix seconds).

    ``id`` grows with every entry, and an entry that is repeated gets a new one; ``key`` stays. Text is free of secrets,
    and foreign: to be cleaned before it is drawn.
    """

    id: int
    key: int
    at: float
    level: str
    source: str
    """The room it came from: ``commands``, ``providers``, ``local models`` …, or a library's name."""
    text: str
    count: int = 1
    since: float = 0.0


@frozen
class LogPage:
    """Entries that match, newest first. ``newest`` is the id to ask for the next ones ``after``."""

    entries: tuple[LogEntry, ...] = ()
    newest: int = 0
    total: int = 0
    """That match, those that are left out of ``entries`` too."""
    counts: tuple[tuple[str, int], ...] = ()
    """Entries of each level in all that is kept, whatever was asked for."""
    problem: str = ""
    """Why it could not be looked at; empty otherwise."""


def at_least(level: str) -> tuple[str, ...]:
    """``level`` and all that press more; all levels for an unknown one."""
    return LEVELS[LEVELS.index(level) :] if level in LEVELS else LEVELS
