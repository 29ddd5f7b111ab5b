"""``llmgw stop``: ends the running gateway, wherever its screen is."""

from __future__ import annotations

import asyncio
import sys

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of, gateway_answers
from llmgw_tui.source_http import HttpSource
from llmgw_tui.text import one_line

WAIT_S = 20.0
LOOK_S = 0.1


async def stop(settings: Settings) -> int:
    """Asks it to end and waits until it has; 1 when there is none, or it does not end."""
    address = address_of(settings)
    if not await gateway_answers(settings):
        print(f"llmgw: nothing answers at {address}", file=sys.stderr)
        return 1
    source = HttpSource(address, gateway_secret(settings, create=False) or "")
    source.open()
    try:
        result = await source.run("stop")
    finally:
        await source.close()
    print(f"llmgw: {one_line(result.message)}", file=sys.stdout if result.ok else sys.stderr)
    if not result.ok:
        return 1
    try:
        async with asyncio.timeout(WAIT_S):
            while await gateway_answers(settings):  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        print(f"llmgw: it still answers after {WAIT_S:.0f} s. Its process can be ended with SIGTERM.", file=sys.stderr)
        return 1
    return 0
