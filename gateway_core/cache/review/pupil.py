"""Tells the child process what was found out, once it is there: verdicts to learn from, and entries to drop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from gateway_core.cache.review.book import Book
from gateway_core.store.errors import StoreError
from gateway_core.store.reuse_review import ReuseReviewStore

log = logging.getLogger(__name__)

MOST_LESSONS = 5_000
LESSONS_A_MESSAGE = 200
LESSON_S = 10.0
_EVICT = "evict:"


class Child(Protocol):
    """What is needed of a :class:`gateway_core.cache.encoder.worker.Worker`."""

    state: str
    on_ready: Callable[[], None]

    async def ask(self, message: dict[str, Any], timeout_s: float) -> dict[str, Any] | None: ...

    def tell(self, message: dict[str, Any]) -> bool: ...


class Pupil:
    """The child as one who learns. Each time it becomes ready it hears every verdict again."""

    def __init__(self, child: Child | None, book: Book, store: ReuseReviewStore) -> None:
        self._child = child
        self._book = book
        self._store = store
        self._due: set[str] = set()
        self._teaching: asyncio.Task[None] | None = None
        if child is not None:
            child.on_ready = self._begin

    def load(self, state: dict[str, str]) -> None:
        """Takes up what was still to be dropped."""
        self._due |= {name.removeprefix(_EVICT) for name in state if name.startswith(_EVICT)}

    def teach(self, asked: str, stored: str, same: bool) -> None:
        """Has it learn one verdict now; one that it misses it hears when it is ready again."""
        if self._child is not None and self._child.state == "ready":
            self._child.tell({"op": "learn", "pairs": [[asked, stored, same]]})

    async def drop(self, entry_ids: Iterable[str]) -> None:
        """Drops answers, now or as soon as the child is ready, after a restart too. Raises ``StoreError``."""
        ids = list(entry_ids)
        if self._child is not None and self._child.state == "ready" and self._child.tell({"op": "drop", "ids": ids}):
            return
        self._due.update(ids)
        await self._store.save_state({_EVICT + one: "" for one in ids})

    def is_dropping(self, entry_id: str) -> bool:
        """Whether an answer is to be dropped that the child may still have: it must not be served meanwhile."""
        return entry_id in self._due

    async def close(self) -> None:
        """Stops teaching."""
        if self._teaching is not None:
            self._teaching.cancel()
            await asyncio.gather(self._teaching, return_exceptions=True)

    async def settled(self) -> None:
        """Returns when all is taught that was begun; for tests."""
        if self._teaching is not None:
            await asyncio.gather(self._teaching, return_exceptions=True)

    def _begin(self) -> None:
        if self._teaching is not None:
            self._teaching.cancel()
        self._teaching = asyncio.get_running_loop().create_task(self._teach_all(), name="teach the semantic cache")

    async def _teach_all(self) -> None:
        assert self._child is not None
        try:
            due = list(self._due)
            if due and await self._child.ask({"op": "drop", "ids": due}, LESSON_S) is not None:
                self._due.difference_update(due)
                await self._store.save_state({_EVICT + one: None for one in due})
            lessons = await self._book.lessons(MOST_LESSONS)
            for first in range(0, len(lessons), LESSONS_A_MESSAGE):
                pairs = [list(lesson) for lesson in lessons[first : first + LESSONS_A_MESSAGE]]
                await self._child.ask({"op": "learn", "pairs": pairs}, LESSON_S)
        except StoreError as error:
            log.warning("the semantic cache was not taught what is known: %s", error)
