"""``llmgw reload``: has the running gateway read its configuration again."""

from __future__ import annotations

from gateway_core.settings import Settings
from llmgw_tui.reach import asked_gateway
from llmgw_tui.telling import tell


async def reload(settings: Settings) -> int:
    """Says what has changed, or why nothing has; 1 when the gateway keeps what it had."""
    async with asked_gateway(settings) as source:
        return 1 if source is None else tell(await source.run("reload"))
