"""Every recorded pull of Ollama 0.32.15, played to its end through a real gateway: what a person sees of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.ollama import DATA
from tests.tui.ollama_stage import Act, Hands, Staged, on_stage, recording
from tests.tui.test_text import is_harmless

MODEL = "new:1b"
DONE = ("new:1b  done in 0:00", "2 models")
SEEN: dict[str, dict[float, tuple[str, ...]]] = {
    "pull_ok": {0.1: ("99 %", "of 98.4 MB so far", "1 small layer, 1 ready"), 0.3: DONE},
    "pull_again": {0.1: DONE},
    "pull_slow_resumed": {
        10.0: ("51 %", "3.6 MB/s", "0:13 left", "14.6 MB was already here", "bcd5519a512c", "of 98.4 MB"),
        23.0: ("new:1b  done in 0:22", "2 models"),
    },
    "pull_slow_cancelled": {2.0: ("7 %", "3.5 MB/s", "0:26 left"), 3.8: ("14 %", "14.1 MB of 98.4 MB")},
    "pull_flaky": {
        6.9: ("24 %", "2.0 MB/s", "0:37 left"),
        14.5: ("24 %", "stalled 8 s", "nothing received for 8 s; the server is retrying"),
        14.9: ("30 %",),
        62.0: ("36 %", "stalled 31 s", "nothing received for 31 s; the server is retrying"),
        63.0: ("failed", "The connection broke off and did not come back: pull again, it goes on where it ended."),
    },
    "pull_corrupt": {0.1: ("failed", "What has arrived of new:1b is damaged: pull again, only the damaged layer")},
    "pull_boom": {0.1: ("failed", "The registry failed: pull again later, it goes on where it ended.")},
    "pull_gone": {0.1: ("failed", "There is no new:1b at the registry: look for the name and the tag at")},
    "pull_noblob": {0.1: ("failed", "There is no new:1b at the registry: look for the name and the tag at")},
    "pull_auth": {0.1: ("failed", "The registry wants to know who asks for new:1b: sign in with `ollama signin`")},
    "pull_badname": {0.0: ("failed", "new:1b is no model's name: write NAME or NAME:TAG, for example qwen3:8b.")},
    "pull_offline": {0.1: ("failed", "The proxy that Ollama was started with does not answer: check HTTPS_PROXY")},
    "pull_refused": {0.1: ("failed", "Ollama cannot reach the registry: check the network, then pull again")},
    "pull_no_tls": {0.1: ("failed", "The registry does not answer as one over HTTPS does: check the name")},
}
"""What is to be read after so many seconds of the recording, on the screen of the local models."""


@pytest.fixture
async def act(tmp_path: Path) -> AsyncIterator[Act]:
    async with Staged("m:1b") as ollama, on_stage(tmp_path, Hands(), ollama) as staged:
        yield staged


async def play(act: Act, name: str) -> AsyncIterator[float]:
    """Plays a recording on its own clock, up to each moment of which something is to be seen; yields that moment.

    A status other than 200 is an answer of its own, with no line before it.
    """
    told, at_s = recording(name), 0.0
    if told.status != 200:
        act.ollama.refusals[MODEL] = (told.status, told.lines[0][1])
        await act.ask_for(MODEL)
        await act.until(MODEL, lambda pull: pull.done)
        yield 0.0
        return
    await act.pull(MODEL)
    lines = list(told.lines)
    for moment in SEEN[name]:
        while lines and lines[0][0] <= moment:
            line_at_s, line = lines.pop(0)
            await act.say(MODEL, line, after_s=line_at_s - at_s)
            at_s = line_at_s
        act.hands.time_s += moment - at_s
        at_s = moment
        yield moment
    assert not lines, "the recording goes on behind the last moment"


@pytest.mark.parametrize("name", SEEN)
async def test_a_recorded_pull_is_seen_as_it_went(act: Act, name: str) -> None:
    async for moment in play(act, name):
        for words in SEEN[name][moment]:
            await act.shows_flowing(words)
        assert all(is_harmless(line) for line in act.text.split("\n"))
    ended = act.status_of(MODEL)
    assert ended
    if ended.error:
        assert any(SEEN[name][max(SEEN[name])][1] in toast for toast in act.toasts)
        assert ended.resumable and "1 failed" in act.text
    elif ended.done:
        assert f"{MODEL} is pulled." in act.toasts
    else:
        await act.press("x")
        await act.shows("new:1b  cancelled at 14 %")


def test_no_recording_is_left_out() -> None:
    assert {path.stem for path in DATA.glob("pull_*.ndjson")} == set(SEEN)


async def test_the_share_of_a_recorded_pull_never_falls(act: Act) -> None:
    shares = []
    async for _ in play(act, "pull_flaky"):
        if (pull := act.status_of(MODEL)) is not None:
            shares.append(pull.share)
    assert shares == sorted(shares) and 0 < shares[-1] < 1.0
