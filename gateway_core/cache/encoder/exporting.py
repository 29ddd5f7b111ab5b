"""Has the encoder exported by a process of its own, while the child goes on with what it has."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from gateway_core.cache.encoder.exports import Exports

_START = "import sys; sys.path.append(sys.argv.pop(1)); from gateway_core.cache.encoder.export import main; main()"


def export_command(source: str, exports: Exports) -> list[str]:
    """How :mod:`gateway_core.cache.encoder.export` is started, from within the child."""
    root = Path(__file__).parents[3]
    return [sys.executable, "-P", "-c", _START, str(root), source, str(exports.root)]


class Exporter:
    """One attempt, begun when there is nothing to do. The process ends when this one does: its input is a pipe."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._process: Process | None = None
        self._waiting: asyncio.Task[int] | None = None
        self._told = False

    async def rest(self) -> bool:
        """To be called when nothing is to be done; True, once, when there is an export that a new child could use."""
        if self._waiting is None:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
                )
            except OSError:
                return False
            self._waiting = asyncio.create_task(self._process.wait())
        if self._told or not self._waiting.done():
            return False
        self._told = True
        return self._waiting.result() == 0

    async def close(self) -> None:
        """Gives an attempt up that is not done."""
        if self._process is not None and self._process.returncode is None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()
