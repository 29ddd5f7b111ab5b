"""A walk through the control centre in a real terminal: every action is done once, and the screen says what it did.

The gateway is real; Ollama is the fake of the tests, as a process of its own. Needs tmux.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmgw_tui.places import DEFAULT_KEYS
from tests.real.terminal import Terminal

pytestmark = pytest.mark.real
KEY = "tour-key"
WITHIN_S = 10.0
TMUX_MISSING = "The tour needs tmux. On Debian: apt-get install tmux"


@dataclass(frozen=True)
class Step:
    """Keys by tmux's names (``text:`` types a text), and a pattern of what the screen shows then."""

    action: str
    keys: tuple[str, ...]
    shows: str


def step(action: str, keys: str, shows: str) -> Step:
    return Step(action, tuple(keys.split()), shows)


def palette(action: str, typed: str, shows: str) -> Step:
    """An action without a key, by the palette."""
    return Step(action, (":", f"text:{typed}", "wait:1.5", "Enter"), shows)


TOUR = (
    step("dashboard", "D", "Requests .*Tiers|Tiers"),
    step("maximise", "z", "has the screen"),
    step("", "z", "All panes are shown again"),
    step("filter", "/ text:nothing-like-it Enter", "No request matches|0 of"),
    step("", "Escape", "following"),
    step("force_local", "1", "Every request goes to local"),
    step("force_cheap", "2", "Every request goes to cheap"),
    step("force_premium", "3", "Every request goes to premium"),
    step("force_auto", "0", "The router chooses the tier"),
    step("help", "?", "Keys everywhere"),
    step("", "Escape", "Tiers"),
    step("palette", ":", "Find an action"),
    step("", "Escape", "Tiers"),
    step("kill_switch", "k", "KILLED"),
    step("", "k", "Release the kill switch"),
    step("", "k", "Release the kill switch"),
    step("", "y", "Kill switch off"),
    step("kill_anywhere", "/ F9", "KILLED"),
    step("", "Escape k y", "RUNNING"),
    palette("set_budget", "set budget", "Daily limits"),
    step("", "C-u text:4_12_40 Enter", "Daily limits: soft 4.00"),
    palette("reload", "reload", "Configuration|configuration|restart"),
    palette("theme", "theme", "light"),
    step("", "Escape", "Tiers"),
    palette("ascii", "ascii", r"\+- .*Requests|ASCII"),
    palette("", "ascii", "╭"),
    # requests, and one request
    step("requests", "r", "newest first"),
    step("requests.pause", "Space", "paused|following"),
    step("requests.order", "o", "first"),
    step("requests.turn", "O", "first"),
    step("", "o o o o o", "first"),
    step("copy", "y", "Copied|clipboard"),
    step("detail", "Home Enter", "Decision"),
    step("request.whole", "b", "Request"),
    step("request.headers", "h", "[Hh]eaders"),
    step("request.upstream", "u", "Upstream"),
    step("", "u", "Decision"),
    step("request.next_match", "/ text:question Enter n", "of [0-9]+|question"),
    step("request.previous_match", "N", "of [0-9]+|question"),
    step("", "Escape", "Request"),
    step("request.export", "x", "curl"),
    step("", "Enter", "exports"),
    step("request.copy_what", "Y", "Copy|copy"),
    step("", "Escape", "Request"),
    step("request.replay", "e", "local"),
    step("", "Enter wait:2", "first|replay|again"),
    step("request.compare", "v wait:1", "."),
    step("compare.whole", "b", "."),
    step("compare.next_match", "/ text:question Enter n", "."),
    step("compare.previous_match", "N", "."),
    step("", "Escape Escape D", "Tiers"),
    # local models
    step("models", "m", "smollm2"),
    step("models.order", "o", "by name|first"),
    step("models.fit", "f", "fit|Fit|known"),
    step("models.versions", "v", "version|LOCAL_REGISTRY|registry"),
    step("load", "l", "is loaded|is unloaded"),
    step("", "l", "is loaded|is unloaded"),
    step("models.pin", "i", "stays loaded|unpinned|not loaded"),
    step("models.num_ctx", "n", "context"),
    step("", "Escape", "Models"),
    step("pull", "p text:qwen3:8b Enter wait:1", "qwen3:8b"),
    step("", "y", "Pulling qwen3:8b"),
    step("models.stop_pull", "Tab x", "Stopped|stopped|cancel"),
    palette("cancel_pull", "cancel pull", "pull"),
    step("", "Escape D m", "Models"),
    step("models.unload_all", "u", "Unload"),
    step("", "y", "unloaded|loaded"),
    step("models.delete", "d", "Delete"),
    step("", "n", "Models"),
    step("switch", "s", "LOCAL|local"),
    step("", "Escape", "Models"),
    # money, caches
    step("spend", "$", "today"),
    step("spend.longer", "Tab", r"\[7 days\]"),
    step("spend.shorter", "BTab", r"\[today\]"),
    step("spend.group", "o", "by "),
    step("spend.limits", "a", "imits"),
    step("", "Escape", "Spend"),
    step("spend.export", "x", "exports"),
    step("cache", "c", "kept"),
    step("cache.order", "o", "first"),
    step("cache.other", "Tab", r"\[hits\]"),
    step("mark_wrong", "w", "wrong|forgotten|served again"),
    step("", "Tab", r"\[entries\]"),
    step("answer.whole", "Enter b", "Cached answer"),
    step("", "Escape", "kept"),
    step("cache.forget", "d", "Forget this answer"),
    step("", "y", "forgotten"),
    # routing, log, settings
    step("routing", "t", "line-up"),
    step("routing.other", "Tab", r"\[decisions\]"),
    step("routing.before", "BTab", r"\[line-up\]"),
    step("routing.try", "i text:What_is_this? Enter", "Where|would|local"),
    step("", "Escape", "line-up"),
    step("lineup_place.again", "Enter a", "again|waits|called"),
    step("", "Escape", "line-up"),
    step("routing.again", "a", "again|waits|called"),
    step("log", "g", "entr"),
    step("log.level", "v", "and above"),
    step("log.pause", "Space", "pause"),
    step("settings", ",", "in force"),
    step("settings.undo", "u", "Undo|undo|nothing|yours|limits|Limits|not"),
    step("", "Escape", "in force|Tiers"),
    step("settings.reload", ", R", "Configuration|configuration|restart|files"),
    palette("stop_gateway", "stop gateway", "Stop the gateway"),
    step("", "n", "."),
    step("quit", "Escape Escape Escape D q", "ended with 0"),
)


def test_every_action_is_walked() -> None:
    walked = {one.action for one in TOUR if one.action}
    assert walked == set(DEFAULT_KEYS)


@pytest.fixture
def ollama() -> Iterator[str]:
    """The root of a fake Ollama in a process of its own."""
    program = [sys.executable, "-m", "tests.fakes.ollama", "--port", "0", "--model", "smollm2:135m"]
    process = subprocess.Popen([*program, "--model", "llama3.2:3b"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://[\d.:]+", line)
    assert found, line
    yield found.group()
    process.kill()
    process.wait()
    process.stdout.close()


def environment(folder: Path, ollama: str) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **passed_on,
        "LANG": "C.UTF-8",
        "COLORTERM": "truecolor",
        "TERM": "xterm-256color",
        "GATEWAY_SECRET": KEY,
        "LLMGW_PORT": "0",
        "LLMGW_DATA_DIR": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LOCAL_LLM_URL": f"{ollama}/v1",
        "LOCAL_REGISTRY": "off",
        "BUILTIN_MODEL": "off",
        "SEMANTIC_CACHE": "off",
    }


def ask(address: str, question: str) -> None:
    body = {"model": "gateway-local", "messages": [{"role": "user", "content": question}]}
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def typed(terminal: Terminal, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key.startswith("wait:"):
            time.sleep(float(key.removeprefix("wait:")))
        elif key.startswith("text:"):
            terminal.type(key.replace("_", " "))
        else:
            terminal.type(key)


@pytest.mark.timeout(900)
def test_the_tour(tmp_path: Path, ollama: str) -> None:
    assert shutil.which("tmux"), TMUX_MISSING
    llmgw = [sys.executable, "-m", "llmgw_tui.cli"]
    terminal = Terminal(llmgw, {**environment(tmp_path, ollama), "PYTHONPATH": str(Path.cwd())})
    try:
        shown = terminal.wait(r"http://127\.0\.0\.1:\d+")
        found = re.search(r"http://127\.0\.0\.1:\d+", shown)
        assert found
        terminal.wait("smollm2")
        for question in ("A first question?", "A second question?", "A first question?"):
            ask(found.group(), question)
        missed: list[str] = []
        for one in TOUR:
            typed(terminal, one.keys)
            try:
                text = terminal.wait(one.shows, WITHIN_S)
            except AssertionError as error:
                missed.append(f"{one}: {error}")
                text = terminal.text
            assert "Traceback" not in text, one
            assert all(len(line) <= terminal.width for line in text.splitlines()), one
    finally:
        terminal.close()
    assert not missed, "\n".join(missed)
