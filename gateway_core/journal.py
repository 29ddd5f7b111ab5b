"""Tells everybody what becomes of a request: the panes at once, the request log in the background."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from gateway_core.activity import Activity
from gateway_core.bus import Bus
from gateway_core.clock import Clock
from gateway_core.events import Notice, RequestFinished, RequestRouted, RequestStarted
from gateway_core.exchange import PREVIEW_CHARACTERS, Exchange
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import Decision, RequestDetail, RequestRow, Status
from gateway_core.recording import Recording
from gateway_core.redaction import Redactor
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog

log = logging.getLogger(__name__)

KEPT_DECISIONS = 500
_REDACTOR = Redactor()
"""Knows no key by its words, and each by its looks: the beginning of a request is shown in lists and snapshots."""
LONGEST_QUEUE = 2_000
"""Rows that may wait for the disk; the oldest are dropped when it does not keep up. Money never waits here."""
MOST_UNWRITTEN = 1_000
"""Requests that are kept in memory while the disk takes nothing; of more the oldest are lost."""
MOST_BODIES = 100
"""Of these the newest that keep what was said: a thousand turns of an agent are hundreds of megabytes."""
RETRY_S = 2.0
"""Between two tries to write these."""
TELL_S = 0.02
"""Requests that have ended within it are told of together, afterwards: no answer waits for that, nor the next one."""
GATHER_S = 0.25
"""Rows wait so long for others to share a commit with, and a request runs so long before that is written, unless
somebody asks for them: most requests are then written once, when they have ended."""
WRITTEN_AT_ONCE = 32
"""Requests that are written one after the other: a paid call that must wait for the disk waits 8 ms for them."""
_Told = tuple[RequestRow, RequestDetail, Recording | None, str | None]
"""What the request log is told of a request."""


class Journal:
    """Publishes rows and queues them for the request log. Nothing here waits for the disk; what it does not take is
    kept, and written once it does. Who asks what has ended calls :meth:`tell` first.

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
        self._noted: dict[str, tuple[RequestRow, Exchange]] = {}
        """What waits to be written, the newest word of each request by its id."""
        self._ended: deque[tuple[float, Exchange]] = deque()
        """What nobody was told of so far, and when it ended."""
        self._moved: dict[str, Exchange] = {}
        """What was routed while nobody heard of it, by its id."""
        self._telling: asyncio.TimerHandle | None = None
        self._committing: set[asyncio.Task[None]] = set()
        self._being_written: dict[str, RequestRow] = {}
        """Requests of which the log may not know yet that they run, by their ids."""
        self._news = asyncio.Event()
        self._retry_s = retry_s
        self._unwritten: dict[str, _Told] = {}
        """What the disk did not take, the newest word of each request by its id."""
        self._lost = 0
        self._writer: asyncio.Task[None] | None = None
        self.hearers: list[Callable[[Exchange, float], None]] = []
        """Who is told of each request that has ended, and when it did, once it is queued for the log. They must be
        quick."""
        self.decisions: deque[tuple[str, Decision]] = deque(maxlen=KEPT_DECISIONS)
        """The newest, by the request's id."""

    def started(self, exchange: Exchange) -> None:
        begins = self._secrets.beginning(exchange.request.view.user_text, 2 * PREVIEW_CHARACTERS)
        exchange.preview = _REDACTOR.clean(begins)[:PREVIEW_CHARACTERS]
        row = self._note(exchange)
        if self._bus.hears(RequestStarted):
            self._bus.publish(RequestStarted(self._clock.now(), row))

    def routed(self, exchange: Exchange) -> None:
        """Everybody is told of it at once. Where nobody listens, its row is made when somebody asks."""
        if exchange.decision is not None:
            self.decisions.append((exchange.request.id, exchange.decision))
        if self._bus.hears(RequestRouted):
            self._bus.publish(RequestRouted(self._clock.now(), self._move(exchange)))
        else:
            self._moved[exchange.request.id] = exchange

    def _move(self, exchange: Exchange) -> RequestRow:
        row = self._secrets.without(exchange.row())
        self._activity.update(row)
        return row

    def finished(self, exchange: Exchange) -> None:
        """Everybody is told of it in a moment."""
        self._moved.pop(exchange.request.id, None)
        self._ended.append((self._clock.now(), exchange))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell_ended)

    def tell(self) -> None:
        """Tells of all that has moved or ended so far."""
        moved, self._moved = self._moved, {}
        for exchange in moved.values():
            self._move(exchange)
        self._tell_ended()

    def _tell_ended(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        while self._ended:
            at, exchange = self._ended.popleft()
            exchange.work_out()
            row = self._note(exchange)
            self._bus.publish(RequestFinished(at, row, exchange.usage))
            for hear in self.hearers:
                hear(exchange, at)

    def _note(self, exchange: Exchange) -> RequestRow:
        row = self._secrets.without(exchange.row())
        self._activity.update(row, exchange.usage, exchange.paid_on)
        if len(self._noted) >= LONGEST_QUEUE and row.id not in self._noted:
            del self._noted[next(iter(self._noted))]
            log.warning("the request log does not keep up; its oldest waiting row was dropped")
        self._noted[row.id] = row, exchange
        self._news.set()
        return row

    def announcement(self, request_id: str) -> str | None:
        """A request sets money aside now: that there is such a request goes to the disk in the same commit, so that no
        crash leaves money that nobody can account for. The rest waits as before."""
        told = self._noted.get(request_id) or self._unwritten.get(request_id)
        row = told[0] if told else self._being_written.get(request_id)
        return None if row is None else self._requests.announcement(row)

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write(), name="request log")

    async def settled(self) -> None:
        """Returns when everything noted so far is written."""
        await self._settled()

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
        if left := len(self._noted) + len(self._unwritten):
            log.warning("%d rows of the request log were not written", left)

    async def _write(self) -> None:
        """Writes what waits in one go: rows that are added together share a commit."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._retry_s if self._unwritten else None):
                    await self._news.wait()
            await asyncio.sleep(GATHER_S)
            if self._unwritten:
                await self._write_kept()
            await self._settled(GATHER_S)

    async def _settled(self, has_run_s: float = 0.0) -> None:
        self._tell_ended()
        self._commit(self._taken(has_run_s))
        if self._committing:
            await asyncio.wait(set(self._committing))

    def _taken(self, has_run_s: float) -> list[_Told]:
        """What waits and is then no longer waiting: all but the requests that still run and have not run so long."""
        noted = self._noted
        self._noted = {name: one for name, one in noted.items() if _has_just_begun(*one, has_run_s)}
        if not self._noted:
            self._news.clear()
        return [self._told(*one) for name, one in noted.items() if name not in self._noted]

    def _told(self, row: RequestRow, exchange: Exchange) -> _Told:
        """What is known of a request: of one that runs, by now."""
        runs = row.status is Status.RUNNING
        row = self._secrets.without(exchange.row()) if runs else row
        return row, exchange.detail(row), None if runs else exchange.recording, exchange.paid_on

    def _commit(self, rows: list[_Told]) -> None:
        """Begins to write rows: before what others write later."""
        if rows:
            running = [told for told in rows if told[0].status is Status.RUNNING]
            ended = [told for told in rows if told[0].status is not Status.RUNNING]
            batches = [
                some[at : at + WRITTEN_AT_ONCE]
                for some in (running, ended)
                for at in range(0, len(some), WRITTEN_AT_ONCE)
            ]
            writing = [self._begin(batch) for batch in batches]
            self._being_written.update((row.id, row) for row, *_ in running)
            self._requests.hurry()
            task = asyncio.get_running_loop().create_task(self._committed(batches, writing))
            self._committing.add(task)
            task.add_done_callback(self._committing.discard)

    async def _committed(self, batches: list[list[_Told]], writing: list[asyncio.Future[None]]) -> None:
        for batch, error in zip(batches, await _results(writing), strict=True):
            one_is_wrong = len(batch) > 1 and error is not None and not isinstance(error, StoreError)
            results = await self._written(batch) if one_is_wrong else [error] * len(batch)
            for noted, result in zip(batch, results, strict=True):
                self._being_written.pop(noted[0].id, None)
                if isinstance(result, StoreError):
                    self._keep(noted, result)
                elif result is not None:
                    log.error("a row of the request log was lost: %s", type(result).__name__)

    async def _written(self, rows: Iterable[_Told]) -> list[BaseException | None]:
        """Each alone: what is wrong with one keeps no other from being written."""
        writing = [self._begin([noted]) for noted in rows]
        self._requests.hurry()
        return await _results(writing)

    def _begin(self, rows: Sequence[_Told]) -> asyncio.Future[None]:
        try:
            return self._requests.begin(rows)
        except StoreError as error:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _keep(self, noted: _Told, error: StoreError) -> None:
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
        if not kept or isinstance((await self._written(kept[:1]))[0], StoreError):
            return
        for noted, result in zip(kept, [None, *await self._written(kept[1:])], strict=True):
            if not isinstance(result, StoreError):
                del self._unwritten[noted[0].id]
        if not self._unwritten:
            late = f"{len(kept)} of the request log's rows were written late, now that the disk has room"
            lost = f"; {self._lost} older ones are lost to the log, their money is not" if self._lost else ""
            self._lost = 0
            self._bus.publish(Notice(self._clock.now(), "warning" if lost else "info", f"{late}{lost}.", "requests"))


async def _results(writing: list[asyncio.Future[None]]) -> list[BaseException | None]:
    """How each ended. What shares a commit is done together: who has waited for one need not wait for the others."""
    for one in writing:
        if not one.done():
            await asyncio.wait((one,))
    return [one.exception() for one in writing]


def _has_just_begun(row: RequestRow, exchange: Exchange, has_run_s: float) -> bool:
    return row.status is Status.RUNNING and exchange.elapsed_ms() < has_run_s * 1000
