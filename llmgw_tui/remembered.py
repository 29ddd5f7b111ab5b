"""What was set up on the screen and survives: theme, ASCII, the maximised pane, sort orders.

``ui.json`` in the data folder, mode 0600. It is a convenience: a file that cannot be read or written costs nothing but
the choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from llmgw_tui.private_files import write_private

FILE = "ui.json"
LARGEST_BYTES = 65_536
Value = str | bool | int
V = TypeVar("V", str, bool, int)


class Remembered:
    """Small values by name, as ``requests.order``. Without a folder nothing outlives the run."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / FILE if folder is not None else None
        self._values: dict[str, Value] = {}
        self._saving: asyncio.Task[None] | None = None
        self._stale = False
        self.problems: tuple[str, ...] = ()
        """What a person should be told, once."""
        self._read()

    @property
    def values(self) -> Mapping[str, Value]:
        return self._values

    def get(self, name: str, default: V) -> V:
        """What was set, if it is of the kind of ``default``, else that."""
        found = self._values.get(name)
        return found if type(found) is type(default) else default

    def set(self, name: str, value: Value) -> None:
        """Remembers; written in the background where a loop runs, else at once."""
        if self._values.get(name) == value and type(self._values.get(name)) is type(value):
            return
        self._values[name] = value
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write(dict(self._values))
            return
        self._stale = True
        if self._saving is None:
            self._saving = loop.create_task(self._save())

    async def settled(self) -> None:
        """Until all is written."""
        if self._saving is not None:
            await self._saving

    async def _save(self) -> None:
        while self._stale:
            self._stale = False
            await asyncio.to_thread(self._write, dict(self._values))
        self._saving = None

    def _read(self) -> None:
        if self._file is None:
            return
        try:
            with self._file.open("rb") as file:
                content = json.loads(file.read(LARGEST_BYTES))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):
            self.problems = (f"{self._file} cannot be read: the screen starts as new.",)
            return
        if not isinstance(content, dict):
            self.problems = (f"{self._file} does not hold names and values: the screen starts as new.",)
            return
        self._values = {name: value for name, value in content.items() if isinstance(value, str | bool | int)}

    def _write(self, values: dict[str, Value]) -> None:
        """Beside the file, then renamed, so that no half of it is ever read."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            write_private(self._file, json.dumps(values, indent=1, sort_keys=True))
