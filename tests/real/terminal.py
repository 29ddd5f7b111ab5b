"""A program in a real terminal: tmux, with keys that are typed and a screen that is read."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from uuid import uuid4

POLL_S = 0.1
ESCAPE_S = 0.15
"""tmux sends Escape and the next key as one alt key when they come together."""


class Terminal:
    """One tmux server with one window of ``width`` x ``height`` cells."""

    def __init__(self, command: list[str], environment: Mapping[str, str], width: int = 120, height: int = 40) -> None:
        self.width = width
        self._socket = f"llmgw-{uuid4().hex[:8]}"
        variables = [f"{name}={value}" for name, value in environment.items()]
        shell = f"env -i {shlex.join(variables)} {shlex.join(command)}; echo ended with $?; read line"
        self._tmux("new-session", "-d", "-x", str(width), "-y", str(height), "sh", "-c", shell)

    def type(self, *keys: str) -> None:
        """Types keys by tmux's names; ``"text:..."`` types a text as it is."""
        for key in keys:
            if key.startswith("text:"):
                self._tmux("send-keys", "-l", key.removeprefix("text:"))
            else:
                self._tmux("send-keys", key)
            time.sleep(ESCAPE_S)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p")

    def wait(self, for_what: str | Callable[[str], bool], within_s: float = 30.0) -> str:
        """The screen once it shows what is waited for: a pattern, or what a function finds. Raises AssertionError."""
        found = for_what if callable(for_what) else lambda text: re.search(for_what, text) is not None
        deadline = time.monotonic() + within_s
        while True:
            text = self.text
            if found(text):
                return text
            assert time.monotonic() < deadline, f"{for_what} did not come:\n{text}"
            time.sleep(POLL_S)

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self._socket, *arguments], capture_output=True, text=True, check=True)
        return done.stdout
