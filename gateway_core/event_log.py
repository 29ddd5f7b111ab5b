"""What happened, for the log screen: the newest entries, kept in memory and nowhere else.

Taking an entry in is the same small work however many there are. A text is rid of secrets before it is kept, and what
is said again within a few minutes is counted, not kept twice.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from gateway_core.clock import Clock
from gateway_core.events import Event, LogAdded
from gateway_core.log_entries import LEVELS, LogEntry, LogPage, at_least
from gateway_core.redaction import Redactor

CAPACITY = 2_000
LONGEST_SOURCE = 80
REPEATED_WITHIN_S = 300.0
"""Said again so soon after the last time, it is the same entry."""
TOLD_EVERY_S = 0.3
TOLD_ENTRIES = 20
"""As many of the newest are in an event; who wants all asks for them."""
OUR_PACKAGES = ("gateway_core", "llmgw_tui")


class EventLog:
    """Keeps the newest ``capacity`` entries. May be written to from any thread."""

    def __init__(self, clock: Clock, redactor: Redactor, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self.redactor = redactor
        self._capacity = capacity
        self._lock = threading.Lock()
        self._entries: OrderedDict[int, LogEntry] = OrderedDict()
        """By id, so the oldest is first."""
        self._said: dict[int, int] = {}
        """The id of an entry by the hash of what was said: the text itself may hold a secret."""
        self._hashes: dict[int, int] = {}
        self._counts: Counter[str] = Counter()
        self._newest = 0
        self._told = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._waking = False
        self._handler = LogHandler(self)

    def take(self, level: str, source: str, text: str) -> None:
        """Takes in one entry; an unknown ``level`` is ``info``."""
        level = level if level in LEVELS else "info"
        said = hash((level, source, text))
        now = self._clock.now()
        with self._lock:
            before = self._entries.get(self._said.get(said, 0))
        if before is not None and now - before.at > REPEATED_WITHIN_S:
            before = None
        cleaned = before.text if before else self.redactor.clean(text)
        with self._lock:
            self._add(said, before, now, level, source[:LONGEST_SOURCE], cleaned)
        self._wake()

    def _add(self, said: int, before: LogEntry | None, now: float, level: str, source: str, text: str) -> None:
        self._newest = number = self._newest + 1
        if before is not None and self._entries.pop(before.id, None) is not None:
            self._hashes.pop(before.id, None)
            entry = replace(before, id=number, at=now, count=before.count + 1)
        else:
            entry = LogEntry(number, number, now, level, source, text, since=now)
            self._counts[level] += 1
        self._entries[number] = entry
        self._said[said] = number
        self._hashes[number] = said
        if len(self._entries) > self._capacity:
            oldest, gone = self._entries.popitem(last=False)
            self._counts[gone.level] -= 1
            if self._said.get(forgotten := self._hashes.pop(oldest)) == oldest:
                del self._said[forgotten]

    def page(self, level: str = "", query: str = "", after: int = 0, limit: int = CAPACITY) -> LogPage:
        """Entries of ``level`` and above whose text or source has ``query`` in it and whose id is above ``after``."""
        with self._lock:
            kept = tuple(self._entries.values())
            newest, counts = self._newest, dict(self._counts)
        levels, wanted = frozenset(at_least(level)), query.casefold()
        found = [
            entry
            for entry in reversed(kept)
            if entry.id > after
            and entry.level in levels
            and (not wanted or wanted in entry.text.casefold() or wanted in entry.source.casefold())
        ]
        return LogPage(
            tuple(found[: max(0, limit)]), newest, len(found), tuple((name, counts.get(name, 0)) for name in LEVELS)
        )

    # --- what is told ----------------------------------------------------------------------------------------------

    async def tell(self, publish: Callable[[Event], None]) -> None:
        """Publishes that there is something new, for ever, and never more than a few times a second."""
        self._loop = asyncio.get_running_loop()
        self._news.set()  # something was taken in before anybody could be told
        while True:
            await self._news.wait()
            self._waking = False
            self._news.clear()
            with self._lock:
                new = tuple(islice(reversed(self._entries.values()), TOLD_ENTRIES))
                newest, told, self._told = self._newest, self._told, self._newest
            if newest > told:
                publish(LogAdded(self._clock.now(), newest, tuple(entry for entry in new if entry.id > told)))
            await asyncio.sleep(TOLD_EVERY_S)

    def _wake(self) -> None:
        loop = self._loop
        if loop is None or self._waking:
            return
        self._waking = True
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            loop.call_soon_threadsafe(self._news.set)

    def begin(self, version: str, notices: Iterable[str]) -> None:
        """Listens to Python's logging, and tells what was noticed while the gateway opened."""
        logging.getLogger().addHandler(self._handler)
        self.take("info", "start", f"llmgw {version} started.")
        for text in notices:
            self.take("warning", "start", text)

    def end(self) -> None:
        """Listens no more."""
        logging.getLogger().removeHandler(self._handler)


class LogHandler(logging.Handler):
    """Hands on what Python's logging gets: of our packages all that is logged, of libraries warnings and errors.

    Exceptions are named, not shown: their text may hold a prompt.
    """

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        package = record.name.partition(".")[0]
        if package not in OUR_PACKAGES and record.levelno < logging.WARNING:
            return
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        if record.exc_info and record.exc_info[0]:
            text = f"{text} ({record.exc_info[0].__name__})"
        source = record.name.rpartition(".")[2].replace("_", " ") if package in OUR_PACKAGES else record.name
        self._log.take(_level(record.levelno), source, text)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
