"""Ends the gateway from afar: ``llmgw stop`` and the palette ask, whoever runs it ends it in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway_core.model import CommandResult


class Stopping:
    """``asked`` is set once somebody wants the gateway to end. ``in_flight`` counts what would be cut off, and
    ``hurry`` cuts it off, where requests under way are not to get their moment."""

    def __init__(self, in_flight: Callable[[], int], hurry: Callable[[], None]) -> None:
        self._in_flight = in_flight
        self.hurry = hurry
        self.asked = asyncio.Event()

    async def stop(self) -> CommandResult:
        """Has the gateway shut down. Requests under way get a moment to end, as at SIGTERM."""
        many = self._in_flight()
        self.asked.set()
        cut = f" {many} request{'' if many == 1 else 's'} in flight may be cut off." if many else ""
        return CommandResult(True, f"The gateway is stopping.{cut}")
