"""How a command asks the running gateway: it is there, or it is said how to start it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of, gateway_answers
from llmgw_tui.source_http import HttpSource


@asynccontextmanager
async def asked_gateway(settings: Settings) -> AsyncIterator[HttpSource | None]:
    """The running gateway, for the length of a block; None, with words on stderr, where none answers."""
    if not await gateway_answers(settings):
        says = "start one with `llmgw` or `llmgw serve`, or name another with --host and --port"
        print(f"llmgw: no gateway answers at {address_of(settings)}: {says}.", file=sys.stderr)
        yield None
        return
    source = HttpSource(address_of(settings), gateway_secret(settings, create=False) or "")
    source.open()
    try:
        yield source
    finally:
        await source.close()
