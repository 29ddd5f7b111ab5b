"""A gateway that listens, for the length of a block: what every face starts with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway_core.gateway import Gateway
from gateway_core.http.server import Server
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings


@asynccontextmanager
async def running_gateway(
    settings: Settings, *, simulated: bool = False, read_only: bool = False
) -> AsyncIterator[Gateway]:
    """Opens, listens, and ends in order. Raises ``StoreError``, ``SettingsError`` or ``PortInUse``."""
    gateway = await Gateway.open(settings, simulated=simulated, read_only=read_only)
    try:
        secret = gateway_secret(settings)
        assert secret is not None
        server = Server(gateway, secret)
        await server.start()
        try:
            yield gateway
        finally:
            await server.stop()
    finally:
        await gateway.close()
