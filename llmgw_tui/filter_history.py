"""Filters of before, which up and down bring back: over restarts, but not for ever, and none with a secret in it."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway_core.redaction import Redactor
from llmgw_tui.remembered import Remembered

MOST = 50
LONGEST = 300
"""Characters of a filter that is written down."""
KEPT_DAYS = 30
"""How long one that is not used again is written down: nobody knows every secret by its looks."""
_DAY_S = 86_400
_REDACTOR = Redactor()


class FilterHistory:
    """The filters of ``place``, the newest first. ``now`` is Unix time.

    What looks like a key, a token, a password or the number of a card is brought back while this lives only.
    """

    def __init__(self, remembered: Remembered, place: str, now: Callable[[], float] = time.time) -> None:
        self._remembered, self._name, self._now = remembered, f"{place}.filters", now
        kept = dict(map(_read, remembered.get(self._name, ())))
        self._used = dict(sorted(kept.items(), key=lambda one: one[1], reverse=True))
        self._write()

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._used)

    def add(self, text: str) -> None:
        """``text`` was used now."""
        others = {other: at for other, at in self._used.items() if other != text}
        self._used = dict(list({text: int(self._now()), **others}.items())[:MOST])
        self._write()

    def _write(self) -> None:
        since = self._now() - KEPT_DAYS * _DAY_S
        kept = [f"{at} {text}" for text, at in self._used.items() if at >= since and _may_be_kept(text)]
        if kept or self._remembered.get(self._name, ()):
            self._remembered.set(self._name, tuple(kept))


def _read(line: str) -> tuple[str, int]:
    at, _, text = line.partition(" ")
    return (text, int(at)) if at.isdecimal() and len(at) <= 12 else (line, 0)


def _may_be_kept(text: str) -> bool:
    return len(text) <= LONGEST and _REDACTOR.clean(text) == text
