"""``llmgw reload``: has the running gateway read its configuration again."""

from __future__ import annotations

import sys

from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.reach import address_of, gateway_answers
from llmgw_tui.source_http import HttpSource
from llmgw_tui.text import one_line


async def reload(settings: Settings) -> int:
    """Says what has changed, or why nothing has; 1 when the gateway keeps what it had."""
    if not await gateway_answers(settings):
        print(f"llmgw: nothing answers at {address_of(settings)}", file=sys.stderr)
        return 1
    source = HttpSource(address_of(settings), gateway_secret(settings, create=False) or "")
    await source.start()
    try:
        result = await source.run("reload")
    finally:
        await source.close()
    print(f"llmgw: {one_line(result.message)}", file=sys.stdout if result.ok else sys.stderr)
    return 0 if result.ok else 1
