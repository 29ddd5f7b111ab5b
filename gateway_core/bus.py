"""Hands events to whoever listens. ``publish`` never blocks or awaits: a slow listener loses its oldest events."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from gateway_core.events import Event

log = logging.getLogger(__name__)

BACKLOG = 1024


class Subscription:
    """One listener's queue of events, newest last. ``missed`` counts what a slow listener lost."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        self._events: deque[Event] = deque(maxlen=backlog)
        self._ready = asyncio.Event()
        self._closed = False
        self.missed = 0

    def put(self, event: Event) -> None:
        if len(self._events) == self._events.maxlen:
            self.missed += 1
        self._events.append(event)
        self._ready.set()

    def close(self) -> None:
        self._closed = True
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._events:
                yield self._events.popleft()
            if self._closed:
                return
            self._ready.clear()
            await self._ready.wait()


class Bus:
    """Publishes events to subscriptions in the same event loop."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._listeners: list[tuple[Callable[[Event], None], tuple[type[Event], ...]]] = []
        self._by_kind: dict[type[Event], list[Callable[[Event], None]]] = {}
        """The listeners of each kind that was asked for since they changed."""

    def listen(self, heard: Callable[[Event], None], *kinds: type[Event]) -> None:
        """Has ``heard`` called with each event of these ``kinds``, of all without any, as it is published: it must be
        quick. Where it raises, only that is logged."""
        self._listeners.append((heard, kinds))
        self._by_kind.clear()

    def unlisten(self, heard: Callable[[Event], None]) -> None:
        """Ends what :meth:`listen` began; nothing where that has ended."""
        self._listeners = [one for one in self._listeners if one[0] != heard]
        self._by_kind.clear()

    def hears(self, kind: type[Event]) -> bool:
        """Whether anybody hears events of a kind now."""
        return bool(self._of(kind) or self._subscriptions)

    def _of(self, kind: type[Event]) -> list[Callable[[Event], None]]:
        if (found := self._by_kind.get(kind)) is None:
            found = [heard for heard, kinds in self._listeners if not kinds or kind in kinds]
            self._by_kind[kind] = found
        return found

    def publish(self, event: Event) -> None:
        for heard in self._of(type(event)):
            try:
                heard(event)
            except Exception as error:
                log.error("who hears %s events failed: %s", event.type, type(error).__name__)
        for subscription in self._subscriptions:
            subscription.put(event)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """A subscription for the length of a ``with`` block."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Ends every subscription after what it still holds."""
        for subscription in self._subscriptions:
            subscription.close()
