"""``llmgw stop``: ends the running gateway, wherever its screen is."""

from __future__ import annotations

import asyncio

from gateway_core.settings import Settings
from llmgw_tui.reach import asked_gateway, gateway_answers
from llmgw_tui.telling import complain, tell

WAIT_S = 20.0
LOOK_S = 0.1


async def stop(settings: Settings) -> int:
    """Asks it to end and waits until it has; 1 when there is none, or it does not end."""
    async with asked_gateway(settings) as source:
        if source is None:
            return 1
        if code := tell(await source.run("stop")):
            return code
    try:
        async with asyncio.timeout(WAIT_S):
            while await gateway_answers(settings):  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        return complain(f"it still answers after {WAIT_S:.0f} s. Its process can be ended with SIGTERM.")
    return 0
