"""What is told of an exception that should not have happened."""

from __future__ import annotations

import traceback


def where(error: BaseException) -> str:
    """The kind and place of an exception, for the log. Its text stays out: it may hold a prompt or a key."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at " + " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-4:]))
