"""A gateway that listens, for the length of a block: what every face starts with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway_core.gateway import Gateway
from gateway_core.http.server import Server
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles


@asynccontextmanager
async def running_gateway(
    settings: Settings, *, files: SettingsFiles | None = None, simulated: bool = False, read_only: bool = False
) -> AsyncIterator[Gateway]:
    """Opens, listens, and ends in order; changes in ``files`` are taken up meanwhile.

    Raises ``StoreError``, ``SettingsError`` or ``PortInUse``.
    """
    gateway = await Gateway.open(settings, files=files, simulated=simulated, read_only=read_only)
    try:
        server = Server(gateway)
        await server.start()
        try:
            yield gateway
        finally:
            await server.stop()
    finally:
        await gateway.close()
