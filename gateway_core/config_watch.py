"""Tells when one of a few files has changed and is whole: editors replace them, and some write them in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

POLL_S = 1.0
MISSES = 3
"""Looks after which a file that is gone counts as removed: some editors move it away before they write the new one."""

Seen = tuple[tuple[int, int, int] | None, ...]


async def watch(paths: Sequence[Path], changed: Callable[[], Awaitable[None]], *, poll_s: float = POLL_S) -> None:
    """Awaits ``changed`` after every change that has been still for one look. Runs until it is cancelled."""
    known = last = await asyncio.to_thread(look, paths)
    missing = 0
    while True:
        await asyncio.sleep(poll_s)
        now = await asyncio.to_thread(look, paths)
        still, last = now == last, now
        if now == known or not still:
            missing = 0
            continue
        if any(before and not after for before, after in zip(known, now, strict=True)) and missing < MISSES:
            missing += 1
            continue
        known, missing = now, 0
        await changed()


def look(paths: Sequence[Path]) -> Seen:
    """What tells one version of a file from another; None for a file that is not there."""
    return tuple(map(_version, paths))


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
