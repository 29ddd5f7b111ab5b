"""Where the configured gateway is, and whether one answers there."""

from __future__ import annotations

import aiohttp

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from gateway_core.settings_sources import address_at

ASK_S = 3.0


def address_of(settings: Settings) -> str:
    """Where the configured gateway can be reached from this machine."""
    return address_at(settings.host, settings.port)


async def gateway_answers(settings: Settings) -> bool:
    """Whether an llmgw listens at the configured address."""
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{address_of(settings)}/health") as r,
        ):
            found = await r.json()
            return isinstance(found, dict) and found.get("service") == "llmgw"
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def gateway_notices(settings: Settings) -> tuple[str, ...]:
    """What the running gateway wants known, a configuration that it did not take over for one."""
    headers = {"Authorization": f"Bearer {gateway_secret(settings, create=False) or ''}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S), headers=headers) as session,
            session.get(f"{address_of(settings)}/api/snapshot") as r,
        ):
            found = await r.json()
            return tuple(str(text) for text in found["notices"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        return ()
