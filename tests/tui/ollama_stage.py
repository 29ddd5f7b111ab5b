"""An app on a real gateway and a fake Ollama, on one clock that the test moves: what is seen of local models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

from aiohttp import web
from textual.pilot import Pilot

from gateway_core.gateway import Gateway
from gateway_core.model import PullStatus
from llmgw_tui.app import ControlCentre
from llmgw_tui.source_local import LocalSource
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.fakes.ollama import DATA, FakeOllama
from tests.http.inside import make_settings
from tests.tui.seen import Seen

Line = tuple[float, str]
BIG = 98_362_496
"""The layer of the recorded model."""


class Hands:
    """The gateway's and the screen's clock, moved by the test."""

    zone: tzinfo = UTC

    def __init__(self) -> None:
        self.time_s = snapshots.NOW

    def now(self) -> float:
        return self.time_s

    def monotonic(self) -> float:
        return self.time_s


class Staged(FakeOllama):
    """An Ollama whose pulls say what the test says, when it says it. A pull that is asked for again goes on."""

    def __init__(self, *models: str, port: int = 0) -> None:
        super().__init__(*models, port=port)
        self._said: dict[str, asyncio.Queue[str]] = {}
        self.refusals: dict[str, tuple[int, str]] = {}
        """Models whose pull is answered with a status and a body at once."""
        self.left: list[str] = []

    def say(self, model: str, *lines: str) -> None:
        for line in lines:
            self._said.setdefault(model, asyncio.Queue()).put_nowait(line)

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        name = (await self.receive(request))["model"]
        if name in self.refusals:
            code, body = self.refusals[name]
            return web.Response(status=code, text=body, content_type="application/json")
        said = self._said.setdefault(name, asyncio.Queue())
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            while True:
                line = await said.get()
                await response.write(f"{line}\n".encode())
                if "error" in (told := json.loads(line)) or told["status"] == "success":
                    break
        except (ConnectionResetError, asyncio.CancelledError):
            self.left.append(name)
            raise
        if "error" not in told:
            self.add(name)
        await response.write_eof()
        return response


def blob(completed: int, total: int = BIG, digest: str = "bcd5519a512c") -> str:
    name = digest.ljust(64, "0")
    return json.dumps(
        {"status": f"pulling {digest}", "digest": f"sha256:{name}", "total": total, "completed": completed}
    )


def status(words: str) -> str:
    return json.dumps({"status": words})


@dataclass(frozen=True, slots=True)
class Recording:
    """A pull as Ollama 0.32.15 did it: its HTTP status, and its lines with their times in seconds."""

    status: int
    lines: tuple[Line, ...]


def recording(name: str) -> Recording:
    pairs = [line.partition("\t")[::2] for line in (DATA / f"{name}.ndjson").read_text("utf-8").splitlines()]
    lines = tuple((float(at_s), line) for at_s, line in pairs if line.startswith("{"))
    return Recording(next((int(line.split()[1]) for _, line in pairs if line.startswith("#http")), 200), lines)


class Act(Seen):
    """The running app, its gateway and its Ollama."""

    def __init__(self, gateway: Gateway, ollama: Staged, hands: Hands, pilot: Pilot[None]) -> None:
        self.gateway, self.ollama, self.hands, self.pilot = gateway, ollama, hands, pilot
        assert isinstance(pilot.app, ControlCentre)
        self.app = pilot.app

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def shows(self, *words: str) -> None:
        """Returns once all of them are on the screen."""
        try:
            async with asyncio.timeout(15):
                await self.settle()
                while not all(one in self.text for one in words):
                    await self.settle()
        except TimeoutError:
            missing = [one for one in words if one not in self.text]
            raise AssertionError(f"{missing} are not in:\n{self.text}") from None

    async def shows_flowing(self, words: str) -> None:
        """Returns once they are on the screen, wrapped or not."""
        wanted = " ".join(words.split())
        try:
            async with asyncio.timeout(15):
                while wanted not in " ".join(self.text.split()):
                    await self.settle()
        except TimeoutError:
            raise AssertionError(f"{words!r} is not in:\n{self.text}") from None

    async def pull(self, model: str) -> None:
        """Types the name, does not wait for the registry, and returns once it is being pulled."""
        await self.ask_for(model)
        await self.until(model, lambda pull: pull.running)

    async def ask_for(self, model: str) -> None:
        await self.press("p")
        await self.pilot.press(*("colon" if one == ":" else one for one in model))
        await self.press("enter", "y")

    def status_of(self, model: str) -> PullStatus | None:
        return next((pull for pull in self.gateway.local.server.pulls if pull.model == model), None)

    async def until(self, model: str, met: Callable[[PullStatus], bool]) -> PullStatus:
        """Returns once the gateway knows it of the pull."""
        async with asyncio.timeout(15):
            while (known := self.status_of(model)) is None or not met(known):
                await self.pilot.pause()
        return known

    async def until_gone(self, model: str) -> None:
        """Returns once no pull of it is listed."""
        async with asyncio.timeout(15):
            while self.status_of(model) is not None:
                await self.pilot.pause()

    async def say(self, model: str, *lines: str, after_s: float = 0.0) -> None:
        """The clock moves, the lines arrive, and the gateway has taken the last of them."""
        self.hands.time_s += after_s
        last = json.loads(lines[-1])
        self.ollama.say(model, *lines)
        if "completed" in last:
            await self.until(model, lambda pull: _has(pull, last["digest"], last["completed"]))
        else:
            words = last.get("status")
            await self.until(model, lambda pull: not pull.running or pull.status == words)


def _has(pull: PullStatus, digest: str, completed: int) -> bool:
    return any(layer.digest == digest and layer.completed_bytes >= completed for layer in pull.layers)


@asynccontextmanager
async def on_stage(data: Path, hands: Hands, ollama: Staged, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Act]:
    chart.load()
    settings = make_settings(
        data, local_llm_enabled=True, local_llm_url=ollama.base_url, builtin_model="off", local_registry="off"
    )
    gateway = await Gateway.open(settings, clock=hands)
    try:
        await gateway.local.refresh()
        app = ControlCentre(LocalSource(gateway), clock=hands)
        async with app.run_test(size=size) as pilot:
            act = Act(gateway, ollama, hands, pilot)
            await act.press("m")
            await act.shows("1 model")
            yield act
    finally:
        await gateway.close()
