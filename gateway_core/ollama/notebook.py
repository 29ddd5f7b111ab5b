"""What is remembered of the local models: at hand in memory, and written to the store behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from gateway_core.store.errors import StoreError
from gateway_core.store.local_models import NOTHING, Remembered

log = logging.getLogger(__name__)


class Store(Protocol):
    """``gateway_core.store.local_models.LocalModelStore`` is it."""

    async def load(self, server: str) -> dict[str, Remembered]: ...

    async def save(self, server: str, changed: Mapping[str, Remembered]) -> None: ...

    async def last_uses(self) -> dict[str, float]: ...


class NoStore:
    """Keeps nothing: for who only looks."""

    async def load(self, server: str) -> dict[str, Remembered]:
        return {}

    async def save(self, server: str, changed: Mapping[str, Remembered]) -> None:
        return None

    async def last_uses(self) -> dict[str, float]:
        return {}


class Notebook:
    """Of one server's models, by name. ``last_used`` is when each answered last, Unix seconds."""

    def __init__(self, store: Store | None = None) -> None:
        self._store: Store = store or NoStore()
        self._server = ""
        self._known: dict[str, Remembered] = {}
        self._dirty: set[str] = set()
        self._writer: asyncio.Task[None] | None = None
        self.last_used: dict[str, float] = {}

    async def open(self, server: str) -> None:
        """Turns to a server; what was written of another stays in the store. Never raises: without it all is new."""
        await self.settle()
        if server == self._server:
            return
        self._server, self._known = server, {}
        try:
            self._known = {**await self._store.load(server), **self._known}
            self.last_used = {**await self._store.last_uses(), **self.last_used}
        except StoreError as error:
            log.warning("what is remembered of local models could not be read: %s", error)

    def of(self, name: str) -> Remembered:
        return self._known.get(name, NOTHING)

    def names(self, **wanted: object) -> tuple[str, ...]:
        """Models of which all of that is remembered, for example ``pulling=True``."""
        return tuple(
            name for name, known in self._known.items() if all(getattr(known, key) == wanted[key] for key in wanted)
        )

    def note(self, name: str, **changes: Any) -> None:
        """Remembers something at once; it is written soon. See :meth:`saved`."""
        changed = replace(self.of(name), **changes)
        if changed == self.of(name):
            return
        self._known[name] = changed
        self._dirty.add(name)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write(), name="local models to the store")
            self._writer.add_done_callback(_retrieved)

    def forget(self, name: str) -> None:
        """Of a model that is gone, only its speed is kept: it may come back."""
        self.note(name, pinned=False, num_ctx=None, update=NOTHING.update, checked_digest="")

    async def saved(self) -> None:
        """Returns once all is on disk. Raises ``StoreError`` when it could not be written."""
        while self._writer and not self._writer.done():
            await asyncio.shield(self._writer)
        if self._dirty:
            await self._write()

    async def settle(self) -> None:
        """Writes what is left; a failure is logged only."""
        try:
            await self.saved()
        except StoreError as error:
            log.warning("local models could not be remembered: %s", error)

    async def _write(self) -> None:
        while self._dirty:
            changed = {name: self.of(name) for name in self._dirty}
            await self._store.save(self._server, changed)
            self._dirty -= {name for name, value in changed.items() if self.of(name) == value}


def _retrieved(task: asyncio.Task[None]) -> None:
    """The error stays with what is dirty: who waits for it tries again."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, StoreError):
        log.error("local models could not be remembered: %s", type(error).__name__)
