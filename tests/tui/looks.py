"""What the pictures of the screens are taken after: keys, and all that they have read and drawn."""

from __future__ import annotations

from collections.abc import Iterable

from textual.pilot import Pilot

from llmgw_tui.app import ControlCentre

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}


async def typed(pilot: Pilot[None], keys: Iterable[str] = ()) -> None:
    """Types ``keys``, each once what the one before has asked the gateway is there, and draws everything."""
    app = pilot.app
    assert isinstance(app, ControlCentre)
    await _settled(app, pilot)
    for key in keys:
        await pilot.press(key)
        await _settled(app, pilot)


async def _settled(app: ControlCentre, pilot: Pilot[None]) -> None:
    await pilot.pause()
    while any(worker.group in ("read", "ink") and not worker.is_finished for worker in app.workers):
        await pilot.pause()
    app.beat()
    await pilot.pause()
