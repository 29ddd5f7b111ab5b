"""Tells everybody what becomes of a request: the panes at once, the request log in the background."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice

from gateway_core.activity import Activity
from gateway_core.bus import Bus
from gateway_core.clock import Clock
from gateway_core.events import Notice, RequestFinished, RequestRouted, RequestStarted
from gateway_core.exchange import PREVIEW_CHARACTERS, Exchange
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import Decision, JsonObject, RequestDetail, RequestRow
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog

log = logging.getLogger(__name__)

KEPT_DECISIONS = 500
Wire = Callable[[], JsonObject]
"""Makes what is kept of the wire, in the store's thread."""
LONGEST_QUEUE = 2_000
"""Rows that may wait for the disk; the oldest are dropped when it does not keep up. Money never waits here."""
MOST_UNWRITTEN = 1_000
"""Requests that are kept in memory while the disk takes nothing; of more the oldest are lost."""
MOST_BODIES = 100
"""Of these the newest that keep what was said: a thousand turns of an agent are hundreds of megabytes."""
RETRY_S = 2.0
"""Between two tries to write these."""
GATHER_S = 0.25
"""Rows wait so long for others to share a commit with, unless somebody asks for them: most requests are then written
once, when they have ended."""
_Noted = tuple[RequestRow, RequestDetail, Wire | None, str | None]


class Journal:
    """Publishes rows and queues them for the request log. Nothing here waits for the disk; what it does not take is
    kept, and written once it does.

    ``secrets`` are taken out of both: of what is shown at once here, of the bodies in the store's thread.
    """

    def __init__(
        self,
        bus: Bus,
        activity: Activity,
        requests: RequestLog,
        clock: Clock,
        secrets: KnownSecrets,
        *,
        retry_s: float = RETRY_S,
    ) -> None:
        self._bus = bus
        self._activity = activity
        self._requests = requests
        self._clock = clock
        self._secrets = secrets
        self._queue: asyncio.Queue[_Noted] = asyncio.Queue(LONGEST_QUEUE)
        self._retry_s = retry_s
        self._unwritten: dict[str, _Noted] = {}
        """What the disk did not take, the newest word of each request by its id."""
        self._lost = 0
        self._hurry = asyncio.Event()
        self._hurried = 0
        """Who waits for what is noted to be written."""
        self._writer: asyncio.Task[None] | None = None
        self.hearers: list[Callable[[Exchange], None]] = []
        """Who is told of each request that has ended, once it is queued for the log. They must be quick."""
        self.decisions: deque[tuple[str, Decision]] = deque(maxlen=KEPT_DECISIONS)
        """The newest, by the request's id."""

    def started(self, exchange: Exchange) -> None:
        exchange.preview = self._secrets.beginning(exchange.request.view.user_text, PREVIEW_CHARACTERS)
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
        self._hurried += 1
        self._hurry.set()
        try:
            await self._queue.join()
        finally:
            self._hurried -= 1
            if not self._hurried:
                self._hurry.clear()

    async def close(self) -> None:
        """Writes what waits, for at most two seconds."""
        if self._writer is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self.settled()
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._write_kept()
        if left := self._queue.qsize() + len(self._unwritten):
            log.warning("%d rows of the request log were not written", left)

    async def _write(self) -> None:
        """Writes what waits in one go: rows that are added together share a commit, and of each request the newest."""
        while True:
            waiting = await self._waiting()
            if self._unwritten:
                await self._write_kept()
            newest = list({noted[0].id: noted for noted in waiting}.values())
            for noted, result in zip(newest, await self._add(newest), strict=True):
                if isinstance(result, StoreError):
                    self._keep(noted, result)
                elif isinstance(result, BaseException):
                    log.error("a row of the request log was lost: %s", type(result).__name__)
            for _ in waiting:
                self._queue.task_done()

    async def _waiting(self) -> list[_Noted]:
        """All that waits; nothing when it is time to try again what the disk did not take."""
        waiting = []
        with suppress(TimeoutError):
            async with asyncio.timeout(self._retry_s if self._unwritten else None):
                waiting.append(await self._queue.get())
        if waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._hurry.wait()
        while not self._queue.empty():
            waiting.append(self._queue.get_nowait())
        return waiting

    async def _add(self, waiting: Iterable[_Noted]) -> list[BaseException | None]:
        return await asyncio.gather(*(self._requests.add(*noted) for noted in waiting), return_exceptions=True)

    def _keep(self, noted: _Noted, error: StoreError) -> None:
        """Until there is room. What was said of a request before is in its newest word."""
        if not self._unwritten:
            log.warning("the request log could not be written: %s", error)
        self._unwritten.pop(noted[0].id, None)
        self._unwritten[noted[0].id] = noted
        if older := next(islice(reversed(self._unwritten), MOST_BODIES, None), None):
            row, detail, _, paid_on = self._unwritten[older]
            self._unwritten[older] = row, replace(detail, messages=(), answer=None), None, paid_on
        if len(self._unwritten) > MOST_UNWRITTEN:
            del self._unwritten[next(iter(self._unwritten))]
            self._lost += 1

    async def _write_kept(self) -> None:
        """Tries one, and then all: a disk that takes nothing is not asked a thousand times."""
        kept = list(self._unwritten.values())
        if not kept or isinstance((await self._add(kept[:1]))[0], StoreError):
            return
        for noted, result in zip(kept, [None, *await self._add(kept[1:])], strict=True):
            if not isinstance(result, StoreError):
                del self._unwritten[noted[0].id]
        if not self._unwritten:
            late = f"{len(kept)} of the request log's rows were written late, now that the disk has room"
            lost = f"; {self._lost} older ones are lost to the log, their money is not" if self._lost else ""
            self._lost = 0
            self._bus.publish(Notice(self._clock.now(), "warning" if lost else "info", f"{late}{lost}.", "requests"))
