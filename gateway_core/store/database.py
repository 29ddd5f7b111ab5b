"""SQLite in a thread of its own: one connection, one transaction for each piece of work, nothing half done."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar
from uuid import uuid4

from gateway_core.clock import Clock, SystemClock
from gateway_core.store.errors import StoreError, StoreUnusable, explain, is_damage, is_store_failure
from gateway_core.store.files import (
    find_damage,
    is_large,
    make_private_file,
    open_database,
    open_read_only,
    suspicion_of,
)
from gateway_core.store.temporary import open_temporary, open_temporary_reader

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""What is done inside one transaction."""

FILE_NAME = "llmgw.db"
LARGEST_BATCH = 64
MOST_PATIENT = 6
"""Pieces of patient work in one transaction: what changes in it must fit into SQLite's cache of pages."""
PATIENCE_S = 1.0
"""How long patient work waits at most, for others to share a commit with."""
_FULL = "What llmgw keeps in memory, for its database cannot be used, has no more room."


class _Job(Generic[T]):
    """Work for the thread, and the future of the caller who waits for it."""

    __slots__ = ("_work", "error", "future", "result")

    def __init__(self, work: Work[T], future: asyncio.Future[T]) -> None:
        self._work = work
        self.future = future
        self.error: BaseException | None = None
        self.result: Any = None

    def do(self, connection: sqlite3.Connection) -> None:
        self.result = self._work(connection)

    def deliver(self) -> None:
        """Tells the caller, who may have gone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
            self.future.exception()  # asyncio need not log what nobody asks for


def _deliver(jobs: list[_Job[Any]]) -> None:
    for job in jobs:
        job.deliver()


class Database:
    """The file ``path``. ``notices`` is what a person should know about how it was opened.

    Python may link an SQLite with the WAL-reset bug (fixed in 3.51.3), which takes two writing connections: there is
    only this one. ``synchronous=FULL`` makes every commit survive a power loss. Work that waits while a commit runs
    shares the next one, so that many requests at once do not queue for the disk.
    """

    def __init__(
        self, path: Path, clock: Clock, *, read_only: bool = False, why_temporary: str = "", name: str = ""
    ) -> None:
        self.path = path
        self.notices: list[str] = []
        self.why_temporary = why_temporary
        """Why the file cannot be used, where a database in memory called ``name`` takes its place; else empty."""
        self._name = name
        self._clock = clock
        self._thread = threading.Thread(target=self._obey, name="llmgw-store", daemon=True)
        self._orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        """What the thread does, one after the other; None ends it."""
        self._jobs: deque[_Job[Any]] = deque()
        self._patient: list[_Job[Any]] = []
        """What waits for others."""
        self._due: deque[_Job[Any]] = deque()
        """What has waited long enough, and is done when nothing is in a hurry."""
        self._waits: asyncio.TimerHandle | None = None
        self.on_hurry: list[Callable[[], None]] = []
        """Who is told when patient work is about to be done, to add their own."""
        self._called = False
        """Whether the thread will be told of jobs at the end of this turn of the event loop."""
        self._connection: sqlite3.Connection | None = None
        self._read_only = read_only
        self._closed = False

    @classmethod
    async def open(cls, path: Path, clock: Clock | None = None, *, read_only: bool = False) -> Database:
        """The file, made when missing and brought up to date. Raises :class:`StoreError`.

        Only who holds the folder's lock may open it so. Others, beside a running llmgw, open it ``read_only``: it must
        exist then, and is neither repaired nor changed.
        """
        return await cls(path, clock or SystemClock(), read_only=read_only)._opened()

    @classmethod
    async def open_or_stand_in(cls, path: Path, clock: Clock) -> Database:
        """The file as :meth:`open` opens it, or one in memory where it cannot be used: see
        :mod:`gateway_core.store.temporary`. Raises :class:`StoreError` where that would not be safe."""
        try:
            return await cls.open(path, clock)
        except StoreUnusable as error:
            return await cls(path, clock, why_temporary=str(error), name=f"llmgw-{uuid4().hex}")._opened()

    async def reader(self) -> Database:
        """A second connection, which only reads: what takes long there keeps no paid call waiting. Raises
        :class:`StoreError`."""
        others = {"why_temporary": self.why_temporary, "name": self._name}
        return await Database(self.path, self._clock, read_only=True, **others)._opened()

    async def _opened(self) -> Database:
        self._thread.start()
        try:
            await self._ordered(self._open)
        except BaseException:
            await self.close()
            raise
        return self

    def _obey(self) -> None:
        while (order := self._orders.get()) is not None:
            order()

    def _ordered(self, order: Callable[[], None]) -> asyncio.Future[None]:
        """Done once the thread has done it; what it raises is raised here."""
        job: _Job[None] = _Job(lambda connection: None, asyncio.get_running_loop().create_future())

        def obey() -> None:
            try:
                order()
            except BaseException as error:
                job.error = error
            self._hand_over([job])

        self._orders.put(obey)
        return job.future

    async def run(self, work: Work[T]) -> T:
        """What ``work`` returns, once what it wrote is on disk.

        It runs in the database's thread inside a transaction: all or nothing. It may run again after a rollback, so it
        must touch nothing but the connection. A cancelled caller stops waiting; the work is done all the same. Raises
        :class:`StoreError` when the file or the disk fails, and whatever ``work`` raises.
        """
        return await self.begin(work)

    def begin(self, work: Work[T], *, patiently: bool = False) -> asyncio.Future[T]:
        """Has ``work`` done as :meth:`run` does, before what is handed over later; ``patiently`` after all that is in a
        hurry, with :meth:`hurry` or in a second. Raises :class:`StoreError` where the file is closed."""
        if self._closed:
            raise StoreError(f"{self.path} is closed.")
        job = _Job(work, asyncio.get_running_loop().create_future())
        if patiently:
            self._patient.append(job)
            self.wait()
        else:
            self._jobs.append(job)
            self._call_soon()
        return job.future

    def wait(self) -> None:
        """Has :meth:`hurry` called within a second: somebody has patient work, or will add some then."""
        if self._waits is None and not self._closed:
            self._waits = asyncio.get_running_loop().call_later(PATIENCE_S, self.hurry)

    def hurry(self) -> None:
        """Has the patient work that waits done now, still after what is in a hurry."""
        if self._waits is not None:
            for tell in self.on_hurry:
                tell()
            self._waits.cancel()
            self._waits = None
            self._due.extend(self._patient)
            self._patient.clear()
            self._call_soon()

    def _call_soon(self) -> None:
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._call)

    def _call(self) -> None:
        """Tells the thread of the jobs that came together, which then share a commit."""
        self._called = False
        self._orders.put(self._do_waiting)

    async def close(self) -> None:
        """Closes the file after the work that waits. A second call does nothing."""
        if self._closed:
            return
        self.hurry()
        self._closed = True
        self._call()
        closing = self._ordered(self._close)
        self._orders.put(None)
        await asyncio.shield(closing)
        self._thread.join()  # it has nothing left to do

    async def find_damage(self) -> bool:
        """Whether a file that was too large to be checked whole when it was opened is damaged: then a restart sets it
        aside. Reads it in a thread that nothing waits for."""
        if self.why_temporary or not is_large(self.path):
            return False
        stopped, loop = threading.Event(), asyncio.get_running_loop()
        found: asyncio.Future[bool] = loop.create_future()

        def tell(damaged: bool) -> None:
            if not found.done():
                found.set_result(damaged)

        def look() -> None:
            try:
                damaged = find_damage(self.path, stopped.is_set)
            except StoreError:
                damaged = False
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, damaged)

        threading.Thread(target=look, name="llmgw-check", daemon=True).start()
        try:
            return await found
        finally:
            stopped.set()

    def _open(self) -> None:
        if self.why_temporary:
            self._open_temporary()
            return
        if self._read_only:
            self._connection = open_read_only(self.path)
            return
        self._connection, notices = open_database(self.path, self._clock.now())
        self.notices.extend(notices)

    def _open_temporary(self) -> None:
        if self._read_only:
            self._connection = open_temporary_reader(self._name)
            return
        try:
            self._connection, knows_operator = open_temporary(self._name, self.path)
        except sqlite3.Error:  # SQLite before 3.36 shares no database in memory
            raise StoreError(self.why_temporary) from None
        self.notices.append(
            f"{self.why_temporary} Until llmgw is started again without that fault nothing paid is called, and its log "
            "and what is changed now are kept in memory alone. Free models and what is cached meanwhile are served."
        )
        if not knows_operator:
            self.notices.append(f"Whether the kill switch is on cannot be read from {self.path}: it is taken for off.")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _do_waiting(self) -> None:
        """Does all that waits, so many jobs at once."""
        while self._jobs or self._due:
            self._do_batch()

    def _together(self) -> Iterator[_Job[Any]]:
        """What shares a transaction: what is in a hurry, or patient work until something is."""
        patient = not self._jobs
        for number in range(LARGEST_BATCH):
            if self._jobs:
                patient = False
                yield self._jobs.popleft()
            elif patient and self._due and number < MOST_PATIENT:
                yield self._due.popleft()
            else:
                return

    def _do_batch(self) -> None:
        """Some in one transaction; when that fails each job is done alone, so that only the guilty fail. All fail where
        none could begin: another program holds the database, and has been waited for."""
        batch: list[_Job[Any]] = []
        try:
            self._transact(self._together(), batch)
        except BaseException as error:
            if len(batch) <= 1:
                batch = batch or list(self._together())
                for job in batch:
                    job.error = error
            else:
                for job in batch:
                    try:
                        self._transact([job], [])
                    except BaseException as alone:
                        job.error = alone
        self._hand_over(batch)

    def _hand_over(self, jobs: list[_Job[Any]]) -> None:
        for loop, those in groupby(jobs, lambda job: job.future.get_loop()):
            with suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(_deliver, list(those))

    def _transact(self, jobs: Iterable[_Job[Any]], taken: list[_Job[Any]]) -> None:
        """Does the jobs, which are then in ``taken``."""
        connection = self._connection
        assert connection is not None
        try:
            connection.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
            for job in jobs:
                taken.append(job)
                job.do(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if is_damage(error) and not self._read_only and not self.why_temporary:
                with suppress(StoreError):
                    make_private_file(suspicion_of(self.path))
            if isinstance(error, sqlite3.Error) and is_store_failure(error):
                raise (StoreError(_FULL) if self.why_temporary else explain(error, self.path)) from error
            raise
