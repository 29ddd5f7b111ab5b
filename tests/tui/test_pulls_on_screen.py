"""Pulls as a person sees them: a fake Ollama's lines through a real gateway onto the screen, with a clock set by hand.

The lines and their times are those of recordings of Ollama 0.32.15.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, tzinfo
from pathlib import Path

import pytest
from aiohttp import web
from textual.pilot import Pilot

from gateway_core.gateway import Gateway
from gateway_core.model import PullStatus
from llmgw_tui.app import ControlCentre
from llmgw_tui.screens.models import ModelsScreen
from llmgw_tui.source_local import LocalSource
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.fakes.ollama import DATA, FakeOllama
from tests.http.inside import make_settings
from tests.tui.test_text import is_harmless

Line = tuple[float, str]
BIG = 98_362_496


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

    def __init__(self, *models: str) -> None:
        super().__init__(*models)
        self._said: dict[str, asyncio.Queue[str]] = {}
        self.left: list[str] = []

    def say(self, model: str, *lines: str) -> None:
        for line in lines:
            self._said.setdefault(model, asyncio.Queue()).put_nowait(line)

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        name = (await self.receive(request))["model"]
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


def recorded(name: str) -> list[Line]:
    """Times in seconds and lines."""
    pairs = (line.split("\t", 1) for line in (DATA / f"{name}.ndjson").read_text("utf-8").splitlines())
    return [(float(pair[0]), pair[1]) for pair in pairs if len(pair) == 2 and pair[1].startswith("{")]


class Act:
    """The running app, its gateway and its Ollama."""

    def __init__(self, gateway: Gateway, ollama: Staged, hands: Hands, pilot: Pilot[None]) -> None:
        self.gateway, self.ollama, self.hands, self.pilot = gateway, ollama, hands, pilot

    @property
    def app(self) -> ControlCentre:
        assert isinstance(self.pilot.app, ControlCentre)
        return self.pilot.app

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()
        self.app.beat()
        for pane in self.app.dashboard.panes:
            self.app.draw_pane(pane)
        await self.pilot.pause()

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

    @property
    def text(self) -> str:
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()
        )

    @property
    def toasts(self) -> list[str]:
        return [toast.message for toast in self.app._notifications]

    async def pull(self, model: str) -> None:
        """Types the name, and does not wait for the registry."""
        await self.press("p")
        await self.pilot.press(*("colon" if one == ":" else one for one in model))
        await self.press("enter", "y")
        await self.until(model, lambda pull: pull.running)

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


@pytest.fixture
async def act(tmp_path: Path) -> AsyncIterator[Act]:
    async with Staged("m:1b") as ollama, on_stage(tmp_path, Hands(), ollama) as staged:
        yield staged


async def test_a_pull_shows_layers_speed_and_time_left_and_then_its_model(act: Act) -> None:
    await act.pull("new:1b")
    await act.say("new:1b", status("pulling manifest"))
    await act.shows("Pulls: 1 running", "pulling manifest")
    await act.say("new:1b", blob(0))
    for second in range(1, 4):
        await act.say("new:1b", blob(10_000_000 * second), after_s=1.0)
    await act.shows("30 %", "10.0 MB/s", "0:06 left", "of 98.4 MB so far", "bcd5519a512c", "30.0 MB of 98.4 MB")
    await act.say("new:1b", blob(BIG), blob(19, 19, "4037bd3dec2b"), after_s=5.0)
    await act.shows("99 %", "done  98.4 MB", "1 small layer, 1 ready")
    await act.say("new:1b", status("verifying sha256 digest"), after_s=1.0)
    await act.shows("verifying sha256 digest")
    assert "100 %" not in act.text.split("new:1b")[1].split("\n")[0]
    await act.say("new:1b", status("writing manifest"), status("success"), after_s=1.0)
    await act.shows("new:1b  done in 0:10", "2 models")
    assert "new:1b is pulled." in act.toasts


async def test_the_recorded_times_give_the_recorded_speed(act: Act) -> None:
    """The recording of 22.8 s for 98 MB over a line of 4 MB/s, resumed at 14.6 MB."""
    await act.pull("slow:1b")
    lines = recorded("pull_slow_resumed")
    shares: list[float] = []
    before_s = 0.0
    for at_s, line in lines:
        told = json.loads(line)
        if told.get("completed", 0) or "completed" not in told:
            await act.say("slow:1b", line, after_s=at_s - before_s)
            before_s = at_s
        if (pull := act.status_of("slow:1b")) and pull.running:
            shares.append(pull.share)
    assert shares == sorted(shares) and shares[-1] < 1.0
    await act.shows("slow:1b  done in 0:22")


async def test_a_standstill_is_said_and_ends_with_the_next_byte(act: Act) -> None:
    await act.pull("new:1b")
    await act.say("new:1b", status("pulling manifest"), blob(1_000_000))
    await act.say("new:1b", blob(20_000_000), after_s=2.0)
    act.hands.time_s += 12.0
    await act.shows("stalled 12 s", "nothing received for 12 s; the server is retrying")
    assert "left" not in act.text.split("Pulls")[1].split("\n")[1]
    await act.press("escape")
    await act.shows("stalled 12 s")
    await act.press("m")
    await act.say("new:1b", blob(30_000_000), after_s=0.5)
    await act.shows("30 %")
    assert "stalled" not in act.text and "no byte" not in act.text


async def test_x_cancels_and_p_goes_on_where_it_ended(act: Act) -> None:
    await act.pull("new:1b")
    await act.say("new:1b", status("pulling manifest"), blob(1_000_000))
    await act.say("new:1b", blob(60_000_000), after_s=6.0)
    await act.press("x")
    await act.shows("new:1b  cancelled at 60 %", "resumes the one under the cursor")
    async with asyncio.timeout(15):
        while act.ollama.left != ["new:1b"]:
            await act.pilot.pause()
    assert any(toast.startswith("Stopped pulling new:1b") for toast in act.toasts)
    await act.press("tab", "p")
    await act.until("new:1b", lambda pull: pull.running)
    await act.say("new:1b", status("pulling manifest"), blob(60_000_000), after_s=1.0)
    await act.say("new:1b", blob(70_000_000), after_s=1.0)
    await act.shows("60.0 MB was already here", "71 %", "10.0 MB/s")
    assert len(act.ollama.requests) == 2


async def test_a_pull_goes_on_when_the_screen_is_left(act: Act) -> None:
    await act.pull("new:1b")
    await act.press("escape")
    assert act.app.screen is act.app.dashboard
    await act.say("new:1b", status("pulling manifest"), blob(1_000_000))
    await act.say("new:1b", blob(50_000_000), after_s=5.0)
    await act.shows("new:1b", "50 %", "0:04 left")
    await act.press("m")
    await act.shows("50 %", "9.8 MB/s")


async def test_two_pulls_at_once_are_two_bars(act: Act) -> None:
    await act.pull("one:1b")
    await act.say("one:1b", status("pulling manifest"), blob(1_000_000, 10_000_000, "111111111111"))
    await act.pull("two:1b")
    await act.say("two:1b", status("pulling manifest"), blob(1_000_000, 20_000_000, "222222222222"))
    act.hands.time_s += 1.0
    await act.say("one:1b", blob(5_000_000, 10_000_000, "111111111111"))
    await act.say("two:1b", blob(5_000_000, 20_000_000, "222222222222"))
    await act.shows("Pulls: 2 running", "50 %", "25 %", "111111111111", "222222222222")
    await act.press("x", "down", "enter")
    await act.shows("two:1b  cancelled at 25 %", "1 running, 1 cancelled")
    await act.say("one:1b", blob(10_000_000, 10_000_000, "111111111111"), status("success"), after_s=1.0)
    await act.shows("one:1b  done", "2 models")


ERRORS = {
    "pull model manifest: file does not exist": "There is no new:1b at the registry",
    "write /models/blobs/sha256-x-partial: no space left on device": "The disk where the models are kept is full",
    'pull model manifest: Get "https://registry.ollama.ai/v2/": dial tcp: lookup registry.ollama.ai: no such host':
        "Ollama cannot reach the registry",
    'pull model manifest: 404: {"errors": [{"code": "NOT_FOUND", "message": "/token?nonce=x&scope=y"}]}':
        "The registry wants to know who asks",
    "invalid model name": "is no model's name",
    "max retries exceeded: unexpected EOF": "The connection broke off",
    "digest mismatch, file must be downloaded again: want sha256:a, got sha256:b": "is damaged",
    snapshots.EVIL: "could not be pulled",
}  # fmt: skip


@pytest.mark.parametrize("error", ERRORS)
async def test_each_error_says_what_to_do(act: Act, error: str) -> None:
    await act.pull("new:1b")
    await act.say("new:1b", status("pulling manifest"), json.dumps({"error": error}))
    await act.shows("Pulls: 1 failed", "new:1b  failed", ERRORS[error])
    assert any(ERRORS[error] in toast for toast in act.toasts)
    assert all(is_harmless(line) for line in act.text.split("\n"))
    await act.press("tab", "x")
    await act.until_gone("new:1b")
    assert isinstance(act.app.screen, ModelsScreen)


async def test_what_llmgw_ended_in_stays_listed_and_goes_on(tmp_path: Path) -> None:
    hands = Hands()
    async with Staged("m:1b") as ollama:
        async with on_stage(tmp_path, hands, ollama) as act:
            await act.pull("new:1b")
            await act.say("new:1b", status("pulling manifest"), blob(40_000_000))
        async with on_stage(tmp_path, hands, ollama) as act:
            await act.shows("1 interrupted", "new:1b  interrupted")
            await act.press("tab", "p")
            await act.until("new:1b", lambda pull: pull.running)
            await act.say("new:1b", status("pulling manifest"), blob(40_000_000))
            await act.say("new:1b", blob(BIG), status("success"), after_s=2.0)
            await act.shows("new:1b  done", "2 models")
