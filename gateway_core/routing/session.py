"""Which target a session is on, so that a tool loop stays where it began."""

from __future__ import annotations

from collections import OrderedDict

from gateway_core.model import Target

REMEMBERED_SESSIONS = 512


class Sessions:
    """The last target of each session; the least recently used are forgotten."""

    def __init__(self, capacity: int = REMEMBERED_SESSIONS) -> None:
        self._capacity = capacity
        self._targets: OrderedDict[str, Target] = OrderedDict()

    def target(self, session: str | None) -> Target | None:
        return self._targets.get(session) if session else None

    def remember(self, session: str | None, target: Target) -> None:
        if not session:
            return
        self._targets[session] = target
        self._targets.move_to_end(session)
        while len(self._targets) > self._capacity:
            self._targets.popitem(last=False)
