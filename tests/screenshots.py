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
from tests.fakes.ollama import FakeOllama

FOLDER = Path(__file__).parent.parent / "screenshots"
SEED = 7
PLACES = {
    **{"r": "requests", "dollar_sign": "spend", "c": "cache", "t": "routing", "g": "log", "comma": "settings"},
    "W": "what-if",
}
"""Screens by the keys that open them."""
OPENED: dict[str, dict[str, tuple[str, ...]]] = {
    "what-if": {"what-if-more-premium": ("shift+right", "shift+right", "o")},
    "cache": {"cached-answer": ("enter",)},
    "routing": {
        "trial": ("i", *("space" if letter == " " else letter for letter in "Prove that it has no deadlock"), "enter")
    },
    "log": {"log-entry": ("enter",)},
    "settings": {"setting": ("down", "down", "enter")},
}
"""Screens that these open for one thing, by their keys."""
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
    await stage.press("u")
    stage.take("upstream")
    await stage.press("u", "e", "enter")
    await stage.press("y")
    await asyncio.sleep(4)
    stage.take("replay")
    await stage.press("ctrl+p")
    stage.take("palette")
    await stage.press("escape")
    for key, name in PLACES.items():
        await stage.press(key)
        stage.take(name)
        for opened, keys in OPENED.get(name, {}).items():
            await stage.press(*keys)
            stage.take(opened)
            await stage.press("escape")
    await stage.press("D", "question_mark")
    stage.take("help")
    await stage.press("escape", "k")
    stage.take("killed")
    await stage.press("k")
    stage.take("release")
    await stage.press("y")


async def models(stage: Stage) -> None:
    await stage.press("m")
    await asyncio.sleep(1.5)
    stage.take("models")
    await stage.press("enter")
    stage.take("model")


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
    await local_models()


async def local_models() -> None:
    """The screen of local models, on a simulated Ollama: recorded answers, and a recorded pull."""
    async with (
        FakeOllama("qwen3:0.6b", "llama3.2:3b") as ollama,
        demo_environment(Settings(port=0), seed=SEED) as settings,
        running_gateway(
            settings.model_copy(update={"local_llm_url": ollama.base_url, "builtin_model": "off"}), simulated=True
        ) as gateway,
    ):
        ollama.pull_as("qwen3:8b", "pull_slow_resumed", between_s=0.06)
        await gateway.local.settled(10)
        for command, model in (("load", "qwen3:0.6b"), ("pin", "qwen3:0.6b"), ("pull", "qwen3:8b")):
            print((await gateway.commands.run(command, {"model": model})).message)
        await show(LocalSource(gateway), (120, 40), models)


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
