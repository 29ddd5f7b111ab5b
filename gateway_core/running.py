"""A gateway that listens, for the length of a block: what every face starts with."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gateway_core.gateway import Gateway
from gateway_core.http.server import Server
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles

OPEN_FILES = 8_192


@asynccontextmanager
async def running_gateway(
    settings: Settings, *, files: SettingsFiles | None = None, simulated: bool = False, read_only: bool = False
) -> AsyncIterator[Gateway]:
    """Opens, listens, and ends in order; changes in ``files`` are taken up meanwhile.

    Raises ``StoreError``, ``SettingsError`` or ``PortInUse``.
    """
    allow_open_files()
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


def allow_open_files() -> None:
    """Takes as many open files as this process may have: a shell allows 256 (macOS) or 1,024 of them by default, and a
    stream needs two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS refuses more than a limit of its kernel's
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
