"""Pictures of the control centre, taken from a running demo: ``make screenshots``.

Everything in them happened: the demo's gateway answered these requests while the script watched.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway_core.demo import demo_environment, play
from gateway_core.running import running_gateway
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from llmgw_tui.app import ControlCentre
from llmgw_tui.source_local import LocalSource

FOLDER = Path(__file__).parent.parent / "screenshots"
SEED = 7
REQUESTS_FIRST = 45
"""Requests that have ended before the first picture."""
WEB_FONT = re.compile(r"@font-face\s*{.*?}", re.DOTALL)

Steps = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A control centre of one size, and its camera."""

    def __init__(self, centre: ControlCentre, press: Callable[..., Awaitable[None]]) -> None:
        self.centre = centre
        self.press = press

    def take(self, name: str) -> None:
        """Writes ``screenshots/<name>.svg`` without the web font that a viewer would have to fetch."""
        picture = self.centre.export_screenshot(title="llmgw demo")
        (FOLDER / f"{name}.svg").write_text(WEB_FONT.sub("", picture), "utf-8")
        print(f"screenshots/{name}.svg")


async def large(stage: Stage) -> None:
    stage.take("dashboard")
    await stage.press("enter")
    stage.take("detail")
    await stage.press("escape", "question_mark")
    stage.take("help")
    await stage.press("escape", "k")
    stage.take("killed")
    await stage.press("k")
    stage.take("release")
    await stage.press("y")


async def small(stage: Stage) -> None:
    stage.take("dashboard-80x24")


async def main() -> None:
    """Runs the demo and photographs it at both sizes."""
    FOLDER.mkdir(exist_ok=True)
    async with (
        demo_environment(Settings(port=0), seed=SEED) as settings,
        running_gateway(settings, simulated=True) as gateway,
    ):
        with gateway.bus.subscribe() as events:
            traffic = asyncio.create_task(play(gateway.address, gateway_secret(settings) or "", seed=SEED))
            async for _ in events:
                if gateway.snapshot(rows=0).requests_today >= REQUESTS_FIRST:
                    break
        await show(LocalSource(gateway), (120, 40), large)
        await show(LocalSource(gateway), (80, 24), small)
        traffic.cancel()
        await asyncio.gather(traffic, return_exceptions=True)


async def show(source: LocalSource, size: tuple[int, int], steps: Steps) -> None:
    centre = ControlCentre(source)
    async with centre.run_test(size=size) as pilot:

        async def press(*keys: str) -> None:
            await pilot.press(*keys)
            await asyncio.sleep(1.2)

        await press()
        await steps(Stage(centre, press))


if __name__ == "__main__":
    asyncio.run(main())
