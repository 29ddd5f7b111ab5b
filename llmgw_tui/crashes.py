"""What is said of an exception that nobody expected: where it happened, never with what.

Its text and the values of variables stay out: a prompt, an answer or a key may be in them, and what a terminal acts on.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

from llmgw_tui.text import clean


def crash_report(error: BaseException) -> str:
    """The kind of an exception and of those that caused it, each with its places in the code, for a person."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        frames = "".join(traceback.format_tb(seen.__traceback__)[-12:])
        parts.append(f"{frames}{type(seen).__module__}.{type(seen).__qualname__}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    causes = "\n\nafter this:\n".join(reversed(parts))
    return clean(f"llmgw has met something that should not happen:\n{causes}\n")


def say_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """In the place of ``sys.excepthook``."""
    if issubclass(kind, KeyboardInterrupt):
        return
    print(crash_report(error.with_traceback(trace)), file=sys.stderr)
