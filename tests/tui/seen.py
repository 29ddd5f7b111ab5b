"""What is seen of a running app, and that it has drawn all."""

from __future__ import annotations

from textual.pilot import Pilot

from llmgw_tui.app import ControlCentre


def rows_of(app: ControlCentre) -> list[str]:
    """What is on the screen, a line each."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


class Seen:
    """An app under test."""

    app: ControlCentre
    pilot: Pilot[None]

    async def settle(self) -> None:
        """Until the actions that do not wait for a person are done, and all is drawn."""
        await self.pilot.pause()
        self.app.beat()
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(rows_of(self.app))

    @property
    def toasts(self) -> list[str]:
        return [toast.message for toast in self.app._notifications]
