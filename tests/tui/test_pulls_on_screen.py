"""Pulls as a person sees them: a fake Ollama's lines through a real gateway onto the screen, on a clock set by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmgw_tui.screens.models import ModelsScreen
from tests.fakes import snapshots
from tests.tui.ollama_stage import BIG, Act, Hands, Staged, blob, on_stage, status
from tests.tui.test_text import is_harmless


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
