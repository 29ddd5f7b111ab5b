"""Tells everybody what becomes of a request: the panes at once, the request log in the background."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gateway_core.activity import Activity
from gateway_core.bus import Bus
from gateway_core.clock import Clock
from gateway_core.events import RequestFinished, RequestRouted, RequestStarted
from gateway_core.exchange import PREVIEW_CHARACTERS, Exchange
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import Decision, JsonObject, RequestDetail, RequestRow
from gateway_core.redaction import Redactor
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog

log = logging.getLogger(__name__)

KEPT_DECISIONS = 500
_REDACTOR = Redactor()
"""Knows no key by its words, and each by its looks: the beginning of a request is shown in lists and snapshots."""
Wire = Callable[[], JsonObject]
"""Makes what is kept of the wire, in the store's thread."""
LONGEST_QUEUE = 2_000
"""Rows that may wait for the disk; the oldest are dropped when it does not keep up. Money never waits here."""


class Journal:
    """Publishes rows and queues them for the request log. Nothing here waits for the disk.

    ``secrets`` are taken out of both: of what is shown at once here, of the bodies in the store's thread.
    """

    def __init__(self, bus: Bus, activity: Activity, requests: RequestLog, clock: Clock, secrets: KnownSecrets) -> None:
        self._bus = bus
        self._activity = activity
        self._requests = requests
        self._clock = clock
        self._secrets = secrets
        self._queue: asyncio.Queue[tuple[RequestRow, RequestDetail, Wire | None, str | None]] = asyncio.Queue(
            LONGEST_QUEUE
        )
        self._writer: asyncio.Task[None] | None = None
        self.hearers: list[Callable[[Exchange], None]] = []
        """Who is told of each request that has ended, once it is queued for the log. They must be quick."""
        self.decisions: deque[tuple[str, Decision]] = deque(maxlen=KEPT_DECISIONS)
        """The newest, by the request's id."""

    def started(self, exchange: Exchange) -> None:
        begins = self._secrets.beginning(exchange.request.view.user_text, 2 * PREVIEW_CHARACTERS)
        exchange.preview = _REDACTOR.clean(begins)[:PREVIEW_CHARACTERS]
        row = self._note(exchange)
        self._bus.publish(RequestStarted(self._clock.now(), row))

    def routed(self, exchange: Exchange) -> None:
        row = self._secrets.without(exchange.row())
        if exchange.decision is not None:
            self.decisions.append((row.id, exchange.decision))
        self._activity.update(row)
        self._bus.publish(RequestRouted(self._clock.now(), row))

    def finished(self, exchange: Exchange) -> None:
        row = self._note(exchange, partial(exchange.recording.kept, self._secrets))
        self._bus.publish(RequestFinished(self._clock.now(), row, exchange.usage))
        for hear in self.hearers:
            hear(exchange)

    def _note(self, exchange: Exchange, wire: Wire | None = None) -> RequestRow:
        detail = exchange.detail()
        detail = replace(detail, row=self._secrets.without(detail.row))
        self._activity.update(detail.row, detail.usage, exchange.paid_on)
        if self._queue.full():
            self._queue.get_nowait()
            self._queue.task_done()
            log.warning("the request log does not keep up; its oldest waiting row was dropped")
        self._queue.put_nowait((detail.row, detail, wire, exchange.paid_on))
        return detail.row

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write(), name="request log")

    async def settled(self) -> None:
        """Returns when everything noted so far is written."""
        await self._queue.join()

    async def close(self) -> None:
        """Writes what waits, for at most two seconds."""
        if self._writer is None:
            return
        try:
            async with asyncio.timeout(2):
                await self._queue.join()
        except TimeoutError:
            log.warning("%d rows of the request log were not written", self._queue.qsize())
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)

    async def _write(self) -> None:
        """Writes what waits in one go: rows that are added together share a commit."""
        while True:
            waiting = [await self._queue.get()]
            while not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            results = await asyncio.gather(*(self._requests.add(*noted) for noted in waiting), return_exceptions=True)
            for result in results:
                self._queue.task_done()
                if isinstance(result, StoreError):
                    log.warning("the request log could not be written: %s", result)
                elif isinstance(result, BaseException):
                    log.error("a row of the request log was lost: %s", type(result).__name__)
