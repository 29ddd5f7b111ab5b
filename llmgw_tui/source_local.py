"""The source of a screen in the gateway's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Protocol

from gateway_core.bus import Bus
from gateway_core.event_log import EventLog
from gateway_core.events import Event
from gateway_core.learning_values import LearningStatus
from gateway_core.log_entries import LogPage
from gateway_core.model import (
    CacheEntryDetail,
    CacheHit,
    CachePage,
    CommandResult,
    Fit,
    RequestDetail,
    RequestParts,
    Snapshot,
    SpendReport,
)
from gateway_core.replay_values import ReplayOffers, ReplayProgress
from gateway_core.request_pages import RequestsPage
from gateway_core.routing_values import RouteTrial, RoutingStatus
from gateway_core.secret import gateway_secret
from gateway_core.setting_values import SettingsReport
from gateway_core.settings import Settings, SettingsError
from gateway_core.store.errors import StoreError
from gateway_core.whatif_values import Outcome, Policy
from llmgw_tui.source import MOST_HITS


class Commands(Protocol):
    async def run(self, name: str, arguments: Mapping[str, object]) -> CommandResult: ...


class LocalModels(Protocol):
    async def fit(self, model: str) -> Fit: ...


class Replays(Protocol):
    async def offers(self, request_id: str) -> ReplayOffers: ...

    def progress(self, request_id: str) -> ReplayProgress | None: ...


class Searches(Protocol):
    async def page(self, query: str, sort: str, cursor: str) -> RequestsPage:
        """Raises ``ValueError`` for what cannot be understood, and ``StoreError``."""
        ...


class RunningGateway(Protocol):
    """The part of ``gateway_core.gateway.Gateway`` that a screen sees."""

    @property
    def bus(self) -> Bus: ...

    @property
    def commands(self) -> Commands: ...

    @property
    def local(self) -> LocalModels: ...

    @property
    def event_log(self) -> EventLog: ...

    @property
    def routing(self) -> Routing: ...

    @property
    def learning(self) -> Learning: ...

    @property
    def settings(self) -> Settings: ...

    def snapshot(self) -> Snapshot: ...

    async def detail(self, request_id: str) -> RequestDetail | None: ...

    async def parts(self, request_id: str) -> RequestParts | None: ...

    @property
    def replays(self) -> Replays: ...

    @property
    def searches(self) -> Searches: ...

    @property
    def browser(self) -> Browser: ...

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None: ...

    async def cache_hits(self, limit: int) -> tuple[CacheHit, ...]: ...

    async def settings_report(self) -> SettingsReport: ...

    @property
    def spending(self) -> Spending: ...

    @property
    def what_if(self) -> WhatIf: ...


class Browser(Protocol):
    async def look(self, query: str, order: str) -> CachePage: ...


class Spending(Protocol):
    async def look(self, period: str, by: str) -> SpendReport: ...

    async def csv(self, period: str, by: str) -> str:
        """Raises ``ValueError`` and ``StoreError``."""
        ...


class WhatIf(Protocol):
    async def look(self, policy: Policy, *, anew: bool = False) -> Outcome: ...


class Routing(Protocol):
    def status(self) -> RoutingStatus: ...

    async def try_out(self, prompt: str) -> RouteTrial: ...


class Learning(Protocol):
    async def status(self) -> LearningStatus:
        """Raises ``StoreError``."""
        ...


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

    async def parts(self, request_id: str) -> RequestParts | None:
        return await self._gateway.parts(request_id)

    async def replay_offers(self, request_id: str) -> ReplayOffers:
        return await self._gateway.replays.offers(request_id)

    async def replay_progress(self, request_id: str) -> ReplayProgress | None:
        return self._gateway.replays.progress(request_id)

    async def requests(self, query: str = "", sort: str = "newest", cursor: str = "") -> RequestsPage:
        try:
            return await self._gateway.searches.page(query, sort, cursor)
        except (ValueError, StoreError) as error:
            return RequestsPage(problem=str(error))

    async def cache_entries(self, query: str = "", order: str = "newest") -> CachePage:
        return await self._gateway.browser.look(query, order)

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        return await self._gateway.cache_entry(entry_id)

    async def cache_hits(self) -> tuple[CacheHit, ...] | None:
        with suppress(StoreError):
            return await self._gateway.cache_hits(MOST_HITS)
        return None

    async def fit(self, model: str) -> Fit:
        return await self._gateway.local.fit(model)

    async def log(self, level: str = "", query: str = "", after: int = 0) -> LogPage:
        return self._gateway.event_log.page(level, query, after)

    async def settings(self) -> SettingsReport:
        return await self._gateway.settings_report()

    async def key(self) -> str:
        with suppress(SettingsError):
            return await asyncio.to_thread(gateway_secret, self._gateway.settings, create=False) or ""
        return ""

    async def routing(self) -> RoutingStatus:
        return self._gateway.routing.status()

    async def learning(self) -> LearningStatus:
        try:
            return await self._gateway.learning.status()
        except StoreError as error:
            return LearningStatus(problem=str(error))

    async def trial(self, prompt: str) -> RouteTrial:
        return await self._gateway.routing.try_out(prompt)

    async def spend(self, period: str, by: str) -> SpendReport:
        return await self._gateway.spending.look(period, by)

    async def spend_csv(self, period: str, by: str) -> str | None:
        with suppress(StoreError, ValueError):
            return await self._gateway.spending.csv(period, by)
        return None

    async def what_if(self, policy: Policy, *, anew: bool = False) -> Outcome:
        return await self._gateway.what_if.look(policy, anew=anew)

    async def run(self, command: str, **arguments: object) -> CommandResult:
        return await self._gateway.commands.run(command, arguments)

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None
