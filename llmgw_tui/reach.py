"""Where the configured gateway is, and whether one answers there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from gateway_core.settings_sources import address_at
from llmgw_tui.asking import wrong_key
from llmgw_tui.telling import complain

if TYPE_CHECKING:
    from llmgw_tui.source_http import HttpSource

ASK_S = 3.0
_HOW_TO_FIND_IT = (
    "set GATEWAY_SECRET to the one that `llmgw connect openai` shows where it runs, or name its --data-dir"
)


def address_of(settings: Settings) -> str:
    """Where the configured gateway can be reached from this machine."""
    return address_at(settings.host, settings.port)


async def gateway_answers(settings: Settings) -> bool:
    """Whether an llmgw listens at the configured address."""
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{address_of(settings)}/health", allow_redirects=False) as r,
        ):
            found = await r.json()
            return isinstance(found, dict) and found.get("service") == "llmgw"
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


@asynccontextmanager
async def asked_gateway(settings: Settings, *, follow: bool = False) -> AsyncIterator[HttpSource | None]:
    """The running gateway, for the length of a block; None, with words on stderr, where none answers or takes the key.

    With ``follow`` it tells of requests as they end, in its events.
    """
    from llmgw_tui.source_http import NOT_TOLD, HttpSource

    address = address_of(settings)
    if not await gateway_answers(settings):
        says = "start one with `llmgw` or `llmgw serve`, or name another with --host and --port"
        complain(f"no gateway answers at {address}: {says}.")
        yield None
        return
    not_told = NOT_TOLD - {"request.finished"} if follow else NOT_TOLD
    source = HttpSource(address, gateway_secret(settings, create=False) or "", not_told=not_told)
    if follow:
        await source.start()
    else:
        source.open()
    try:
        if await source.takes_key():
            yield source
        else:
            complain(f"{wrong_key(address)}: {_HOW_TO_FIND_IT}.")
            yield None
    finally:
        await source.close()


async def gateway_notices(settings: Settings) -> tuple[str, ...]:
    """What the running gateway wants known, a configuration that it did not take over for one."""
    headers = {"Authorization": f"Bearer {gateway_secret(settings, create=False) or ''}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S), headers=headers) as session,
            session.get(f"{address_of(settings)}/api/snapshot", allow_redirects=False) as r,
        ):
            found = await r.json()
            return tuple(str(text) for text in found["notices"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        return ()
