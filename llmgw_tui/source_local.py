"""The source of a screen in the gateway's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Protocol

from gateway_core.bus import Bus
from gateway_core.events import Event
from gateway_core.model import (
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    RequestDetail,
    Snapshot,
    SpendReport,
)
from gateway_core.store.errors import StoreError
from llmgw_tui.source import MOST_HITS


class Commands(Protocol):
    async def run(self, name: str, arguments: Mapping[str, object]) -> CommandResult: ...


class RunningGateway(Protocol):
    """The part of ``gateway_core.gateway.Gateway`` that a screen sees."""

    @property
    def bus(self) -> Bus: ...

    @property
    def commands(self) -> Commands: ...

    def snapshot(self) -> Snapshot: ...

    async def detail(self, request_id: str) -> RequestDetail | None: ...

    async def cache_entries(self, query: str, order: str) -> CachePage: ...

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None: ...

    async def cache_hits(self, limit: int) -> tuple[CacheHit, ...]: ...

    async def spend(self, period: str, by: str) -> SpendReport: ...

    async def spend_csv(self, period: str, by: str) -> str: ...


class LocalSource:
    """Asks the gateway beside it. There is nothing to connect, so it is never stale."""

    attached = False
    connected = True
    stale_since: float | None = None
    status = ""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway

    def snapshot(self) -> Snapshot:
        return self._gateway.snapshot()

    async def events(self) -> AsyncIterator[Event]:
        with self._gateway.bus.subscribe() as subscription:
            async for event in subscription:
                yield event

    async def detail(self, request_id: str) -> RequestDetail | None:
        return await self._gateway.detail(request_id)

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        return await self._gateway.cache_entries(query, order)

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        return await self._gateway.cache_entry(entry_id)

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        with suppress(StoreError):
            return await self._gateway.cache_hits(MOST_HITS)
        return None

    async def spend(self, period: str, by: str) -> SpendReport:
        return await self._gateway.spend(period, by)

    async def spend_csv(self, period: str, by: str) -> str | None:
        with suppress(StoreError, ValueError):
            return await self._gateway.spend_csv(period, by)
        return None

    async def run(self, command: str, **arguments: object) -> CommandResult:
        return await self._gateway.commands.run(command, arguments)

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None
