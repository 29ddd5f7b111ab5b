"""The source of a screen in the gateway's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from gateway_core.bus import Bus
from gateway_core.events import Event
from gateway_core.model import CommandResult, RequestDetail, Snapshot


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

    async def run(self, command: str, **arguments: object) -> CommandResult:
        return await self._gateway.commands.run(command, arguments)

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None
