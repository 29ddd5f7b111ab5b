"""A program in a real terminal: tmux, with keys that are typed and a screen that is read."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

POLL_S = 0.05
ESCAPE_S = 0.3
"""Escape and the next key are one alt key when they are read together."""
BROKEN = (b"Traceback (most recent call last)", b"Traceback \xe2", b"MarkupError")
TMUX_MISSING = "The tour needs tmux. On Debian: apt-get install --no-install-recommends tmux"
PROGRAM = [sys.executable, "-m", "llmgw_tui.cli"]
NAMES = {
    **{"slash": "/", "question_mark": "?", "dollar_sign": "$", "comma": ",", "colon": ":"},
    **{"plus": "+", "minus": "-", "less_than_sign": "<", "greater_than_sign": ">", "equals_sign": "="},
    **{"enter": "Enter", "escape": "Escape", "tab": "Tab", "shift+tab": "BTab", "space": "Space", "f9": "F9"},
    **{"up": "Up", "down": "Down", "home": "Home", "end": "End", "delete": "DC"},
    **{"left": "Left", "right": "Right", "shift+left": "S-Left", "shift+right": "S-Right"},
    **{"left_square_bracket": "[", "right_square_bracket": "]"},
}
"""tmux's names of keys by Textual's."""


class Terminal:
    """One tmux server with one window of ``width`` x ``height`` cells. Keys have Textual's names."""

    def __init__(self, command: list[str], env: Mapping[str, str], folder: Path, size: tuple[int, int]) -> None:
        assert shutil.which("tmux"), TMUX_MISSING
        self.width, self.height = size
        self._socket = f"llmgw-{uuid4().hex[:8]}"
        self._written = folder / f"{self._socket}.written"
        variables = [f"{name}={value}" for name, value in {**env, "PYTHONPATH": str(Path.cwd())}.items()]
        shell = f"env -i {shlex.join(variables)} {shlex.join(command)}; echo ended with $?; read line"
        cells = ("-x", str(self.width), "-y", str(self.height))
        self._tmux("-f", "/dev/null", "new-session", "-d", *cells, "-c", str(folder), "sh", "-c", shell)
        self._tmux("set-option", "-g", "status", "off", ";", "set-option", "-g", "set-clipboard", "on")
        self._tmux("pipe-pane", f"cat >> {shlex.quote(str(self._written))}")

    # --- keys -----------------------------------------------------------------------------------------------------

    def type(self, *keys: str) -> None:
        """Types keys; ``"text:..."`` types a text as it is."""
        for key in keys:
            if key.startswith("text:"):
                self._tmux("send-keys", "-l", key.removeprefix("text:"))
            elif len(key) == 1:
                self._tmux("send-keys", "-l", key)
            else:
                self._tmux("send-keys", NAMES.get(key) or key.replace("ctrl+", "C-"))
            if key == "escape":
                time.sleep(ESCAPE_S)

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    # --- what is seen ---------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p")

    @property
    def clipboard(self) -> str:
        """What was copied by OSC 52 last."""
        return self._tmux("show-buffer")

    def wait(self, for_what: str | Callable[[str], bool], within_s: float = 30.0) -> str:
        """The screen once it shows what is waited for: a pattern, with ``!`` before it its absence, or what a
        function finds. Raises AssertionError."""
        found = for_what if callable(for_what) else lambda text: shows(for_what, text)
        deadline = time.monotonic() + within_s
        while True:
            text = self.text
            if found(text):
                return text
            assert time.monotonic() < deadline, f"{for_what} did not come:\n{text}"
            time.sleep(POLL_S)

    def assert_sound(self) -> None:
        """No error was ever shown, and nothing stands over the edge."""
        written = self._written.read_bytes() if self._written.exists() else b""
        assert not any(words in written for words in BROKEN), self._tmux("capture-pane", "-p", "-S", "-400")
        assert all(len(line) <= self.width for line in self.text.splitlines()), self.text

    # --- the process ----------------------------------------------------------------------------------------------

    @property
    def group(self) -> int:
        """The id of the process group of all that runs in it."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def close(self) -> None:
        """Ends all that runs in it: a gateway would go on without its terminal."""
        with contextlib.suppress(AssertionError, ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", self._socket, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"tmux {arguments}: {done.stderr}"
        return done.stdout


def shows(pattern: str, text: str) -> bool:
    """Whether the text shows a pattern; with ``!`` before it, whether it does not."""
    return (re.search(pattern.removeprefix("!"), text) is not None) != pattern.startswith("!")


def toasts(text: str) -> str:
    """The words of the toasts on a screen, in one line."""
    found = (re.search(r"▌ (.*?)\s*─?[╮╯│]?$", line) for line in text.splitlines())
    return " ".join(match[1].rstrip("─ ") for match in found if match)


@contextmanager
def running(
    arguments: list[str], env: Mapping[str, str], folder: Path, size: tuple[int, int] = (120, 40)
) -> Iterator[Terminal]:
    """``llmgw`` with these arguments, for the length of a block."""
    terminal = Terminal([*PROGRAM, *arguments], env, folder, size)
    try:
        yield terminal
    finally:
        terminal.close()
