"""Single flight: one upstream call for all who ask the same at the same time.

A flight runs its source in a task of its own, so that it goes on when the one who began it leaves. Whoever is on board
reads from the first item on, at their own pace; the source is a few items ahead of the fastest. All get the same end,
failures included: nobody asks an upstream again that has just failed. When the last one leaves, the source is stopped,
unless all of it has come.

Who waits for the next items and has nothing else to do can have them taken in the source's task, without being woken:
a tenth less CPU for a streamed token, which comes a turn of the loop earlier (measured 2026-11-30).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Generic, TypeVar

from gateway_core.deadlines import Deadline
from gateway_core.exchange import Exchange
from gateway_core.model import Refusal, Refused
from gateway_core.providers.base import MOST_AT_ONCE
from gateway_core.wire import errors

T = TypeVar("T")
Source = Callable[[Callable[[Sequence[T]], Awaitable[None]]], Awaitable[None]]
"""Hands over items as they come, each time when there is room for more."""
Take = Callable[[Sequence[T]], bool]
"""Takes items for a listener who is waiting, or says that the listener must hear them. It waits for nothing."""
AHEAD = 16
"""Items that may wait for the fastest listener."""


class Flight(Generic[T]):
    """One source and those who listen to it. ``leader`` is the exchange that the source is read and charged for.

    Whoever is on board must :meth:`leave`, once. What was read is kept until the last one has left.
    """

    def __init__(self, leader: Exchange, source: Source[T], landed: Callable[[Flight[T]], None]) -> None:
        self.leader = leader
        self.aboard = 1
        self.over = False
        """All that will come is there."""
        self.stopped = False
        """Nobody listened any more before it had ended."""
        self._items: list[T] = []
        self._asleep: dict[asyncio.Future[None], _Listener[T] | None] = {}
        self._furthest = 0
        """Items that the fastest listener has heard."""
        self._room: asyncio.Future[None] | None = None
        self._refusal: Refusal | None = None
        """Why it has ended without an answer."""
        self._failure: BaseException | None = None
        """The same, of what should not happen."""
        self._then: Callable[[], Awaitable[None]] | None = None
        self._landed = landed
        self._hearers: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()
        self.under_way: asyncio.Task[None] | None = self._loop.create_task(self._run(source), name="flight")
        """What runs the source, and what is done then; None once it has landed."""

    async def listen(self, pause_s: float | None, take: Take[T] | None = None) -> AsyncGenerator[Sequence[T]]:
        """All items from the first on but for those that ``take`` takes, as many at once as there are, and none at all
        for each ``pause_s`` that passes without one; raises what ended it, or what ``take`` raised. None has no pause
        told."""
        listener = _Listener(pause_s, take)
        while listener.at < len(self._items) or not self.over:
            if items := self._items[listener.at : listener.at + MOST_AT_ONCE]:
                yield items
                listener.at += len(items)
                self._has_heard(listener.at)
                if len(items) == MOST_AT_ONCE:
                    await asyncio.sleep(0)
                continue
            try:
                with listener.patience():
                    await self._news(listener)
            except TimeoutError:
                yield ()
            if listener.failure is not None:
                raise listener.failure
        self._check()

    async def last(self) -> T:
        """The last item of all; raises what ended the source without."""
        while not self.over:
            await self._news()
        self._check()
        return self._items[-1]

    def _check(self) -> None:
        if self._refusal is not None:
            raise Refused(self._refusal)
        if self._failure is not None:
            raise self._failure

    def then(self, work: Callable[[], Awaitable[None]]) -> None:
        """For the source to say with its last items: ``work`` is done, in the same task, once all on board could hear
        them, and whoever has left. The flight lands after it. It must not raise."""
        self._then = work

    async def leave(self) -> None:
        """One listener less. The last one stops a source that is not over, and waits until it has ended."""
        self.aboard -= 1
        if self.aboard or self.over or (reading := self.under_way) is None:
            return
        self.stopped = True
        self._landed(self)
        try:
            await ended(reading)
        finally:
            self._land()  # one that is cancelled before it has begun runs nothing

    def when_over(self, then: Callable[[], None]) -> None:
        """Calls ``then`` once the flight has landed: now, if it has."""
        if self.under_way is None:
            then()
        else:
            self._hearers.append(then)

    async def _run(self, source: Source[T]) -> None:
        """Keeps of a refusal what it says: the exception would keep its traceback, that its frames, and these the
        flight with all that was asked and answered, until the garbage is collected."""
        try:
            await source(self._put)
            if self._then is not None:
                self.over = True
                await asyncio.sleep(0)  # those who listen go first
                await self._then()
        except Refused as refused:
            self._refusal = refused.refusal
        except asyncio.CancelledError:
            self._refusal = errors.internal_error()
            raise
        except Exception as error:
            self._failure = error
        finally:
            self._land()

    def _land(self) -> None:
        if self.under_way is None:
            return
        self.over, self.under_way = True, None
        self._landed(self)
        self._wake()
        for then in self._hearers:
            then()
        self._hearers.clear()

    async def _put(self, items: Sequence[T]) -> None:
        self._items += items
        for asleep, listener in self._asleep.items():
            if listener is not None and not asleep.done() and listener.takes(items):
                self._has_heard(listener.at)
            else:
                _woken(asleep)
        if len(items) >= AHEAD:
            await asyncio.sleep(0)  # others have their turn also where all of it was taken
        while self._then is None and len(self._items) - self._furthest >= AHEAD:
            self._room = self._loop.create_future()
            await self._room

    def _has_heard(self, number: int) -> None:
        """Whoever is ahead of all others sets the pace of the source."""
        if number > self._furthest:
            self._furthest = number
            if self._room is not None:
                _woken(self._room)

    def _wake(self) -> None:
        for asleep in self._asleep:
            _woken(asleep)

    async def _news(self, listener: _Listener[T] | None = None) -> None:
        """Returns when an item has come that ``listener`` did not take, or the source has ended."""
        asleep: asyncio.Future[None] = self._loop.create_future()
        self._asleep[asleep] = listener
        try:
            await asleep
        finally:
            del self._asleep[asleep]


class _Listener(Generic[T]):
    """How far one who listens has come: ``at`` items. ``failure`` is what the taking of items raised."""

    __slots__ = ("_deadline", "_pause_s", "_take", "at", "failure")

    def __init__(self, pause_s: float | None, take: Take[T] | None) -> None:
        self._deadline = Deadline()
        self._pause_s = pause_s
        self._take = take
        self.at = 0
        self.failure: Exception | None = None

    def patience(self) -> AbstractContextManager[object]:
        """Limits a wait to a pause that is told."""
        return nullcontext() if self._pause_s is None else self._deadline.within(self._pause_s)

    def takes(self, items: Sequence[T]) -> bool:
        """Whether the next items were taken. Then a pause begins anew."""
        if self._take is None:
            return False
        try:
            if not self._take(items):
                return False
        except Exception as error:
            self.failure = error
            return False
        self.at += len(items)
        if self._pause_s is not None:
            self._deadline.within(self._pause_s)
        return True


def _woken(asleep: asyncio.Future[None]) -> None:
    if not asleep.done():
        asleep.set_result(None)


class Flights(Generic[T]):
    """The flights under way, by what they answer. The name None shares with nobody."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}
        self._approaching: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._flights)

    @contextmanager
    def approached(self, name: str | None) -> Iterator[None]:
        """Keeps a flight that lands within the block for those in it: they came while it was under way."""
        if name is None:
            yield
            return
        self._approaching[name] += 1
        try:
            yield
        finally:
            self._approaching[name] -= 1
            if not self._approaching[name]:
                del self._approaching[name]
                if (flight := self._flights.get(name)) and flight.under_way is None:
                    del self._flights[name]

    @property
    def under_way(self) -> set[asyncio.Task[None]]:
        """What has not landed."""
        return {flight.under_way for flight in self._flights.values() if flight.under_way}

    def board(self, name: str | None) -> Flight[T] | None:
        """The flight to ``name``, with one more on board; None where there is none."""
        flight = self._flights.get(name) if name else None
        if flight is not None:
            flight.aboard += 1
        return flight

    def begin(self, name: str, leader: Exchange, source: Source[T]) -> Flight[T]:
        """A flight to ``name``, with its leader on board. There must be none."""

        def landed(flight: Flight[T]) -> None:
            awaited = self._approaching[name] and not flight.stopped
            if not awaited and self._flights.get(name) is flight:
                del self._flights[name]

        if name in self._flights:
            raise ValueError(f"{name} is under way")
        self._flights[name] = Flight(leader, source, landed)
        return self._flights[name]


async def ended(task: asyncio.Task[None]) -> None:
    """Ends the task, also when the caller is cancelled a second time: a generator at work cannot be closed."""
    again: asyncio.CancelledError | None = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            again = error
    if not task.cancelled():
        task.exception()
    if again:
        raise again
