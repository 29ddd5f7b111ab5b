"""``llmgw`` on a pseudo-terminal, as a person runs it: with a session of its own, so that a hang-up hangs it up."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.e2e.forks import ROOT
from tests.tui.tiny_terminal import TinyTerminal

WITHIN_S = 25.0
_AS_SESSION_LEADER = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from llmgw_tui.cli import main
sys.exit(main(sys.argv[1:]))
"""


class OnTerminal:
    """The process and what its terminal shows. Reading goes on in the test's own event loop."""

    def __init__(self, *arguments: str, env: Mapping[str, str], cwd: Path, size: tuple[int, int] = (120, 40)) -> None:
        self.screen = TinyTerminal(*size)
        self.output = bytearray()
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._master, slave = pty.openpty()
        self._size(*size)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AS_SESSION_LEADER, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        self._slave = slave
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            got = os.read(self._master, 65_536)
        except OSError:
            got = b""
        if not got:
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self.output += got
        self.screen.feed(self._decode(got))

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resize(self, width: int, height: int) -> None:
        self.screen.resize(width, height)
        self._size(width, height)

    def _size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def shows(self, words: str, within_s: float = WITHIN_S) -> None:
        """Until these words are on the screen."""
        try:
            async with asyncio.timeout(within_s):
                while words not in self.screen.text:  # noqa: ASYNC110 - another process draws
                    assert self.process.poll() is None, bytes(self.output[-3000:]).decode("utf-8", "replace")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"no {words!r} in\n{self.screen.text}") from None

    async def hides(self, words: str, within_s: float = WITHIN_S) -> None:
        """Until these words are no longer on the screen."""
        async with asyncio.timeout(within_s):
            while words in self.screen.text:  # noqa: ASYNC110 - another process draws
                await asyncio.sleep(0.02)

    async def ended(self, within_s: float = WITHIN_S) -> int:
        """The exit code; what was still written is read."""
        async with asyncio.timeout(within_s):
            while self.process.poll() is None:  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        assert self.process.returncode is not None
        return self.process.returncode

    def hang_up(self) -> None:
        """The terminal goes away: the window is closed, or the link is lost."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    @property
    def is_clean(self) -> bool:
        """Modes as before, no mouse, no paste brackets, the main screen, a cursor."""
        modes = self.screen.modes
        off = ("1049", "1000", "1003", "1006", "1015", "2004", "1004")
        restored = termios.tcgetattr(self._slave)[:4] == self.before[:4]
        return restored and not any(modes.get(mode) for mode in off) and modes.get("25") is True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self._master >= 0:
            self.hang_up()


@contextlib.contextmanager
def on_terminal(
    *arguments: str, env: Mapping[str, str], cwd: Path, size: tuple[int, int] = (120, 40)
) -> Iterator[OnTerminal]:
    """A run for the length of a block."""
    terminal = OnTerminal(*arguments, env=env, cwd=cwd, size=size)
    try:
        yield terminal
    finally:
        terminal.close()


def a_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def own_env(folder: Path, port: int, **more: str) -> dict[str, str]:
    """An environment with no variable of the developer's, for a gateway and screens on one port."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "GATEWAY_SECRET": "e2e-secret",
        "LLMGW_PORT": str(port),
        "LLMGW_DATA_DIR": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LOCAL_LLM_ENABLED": "false",
        "SEMANTIC_CACHE": "off",
        "ROUTER_EMBEDDING": "off",
        "RATE_LIMIT_RPM": "0",
        **more,
    }
