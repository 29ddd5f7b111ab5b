"""What was set up on the screen and survives: theme, ASCII, panes, orders, what lists show, filters of before.

``ui.json`` in the data folder, mode 0600. It is a convenience: a file that cannot be read or written costs nothing but
the choice. Nothing of others is lost in it: what another version or another screen has written stays, and a file that
cannot be read is put aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from llmgw_tui.private_files import write_private

FILE = "ui.json"
LARGEST_BYTES = 1_048_576
ASIDE = ".unreadable"
"""What the name of a file that was put aside ends in."""
Value = str | bool | int | tuple[str, ...]
V = TypeVar("V", str, bool, int, tuple[str, ...])


class _Unreadable(Exception):
    """The file is there, and its content is none; the text says what it is."""


class Remembered:
    """Small values by name, as ``requests.sort``. Without a folder nothing outlives the run."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / FILE if folder is not None else None
        self._values: dict[str, Value] = {}
        self._changed: dict[str, Value] = {}
        """What is still to be written."""
        self._saving: asyncio.Task[None] | None = None
        self.problems: tuple[str, ...] = ()
        """What a person should be told, once."""
        try:
            self._values = {name: value for name, found in self._read().items() if (value := _value(found)) is not None}
        except (OSError, _Unreadable) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            self.problems = (
                f"{self._file} cannot be read ({why}): the screen starts as new, and keeps the file aside.",
            )

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
        self._values[name] = self._changed[name] = value
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write(self._taken())
            return
        if self._saving is None:
            self._saving = loop.create_task(self._save())

    async def settled(self) -> None:
        """Until all is written."""
        if self._saving is not None:
            await self._saving

    async def _save(self) -> None:
        while self._changed:
            await asyncio.to_thread(self._write, self._taken())
        self._saving = None

    def _taken(self) -> dict[str, Value]:
        changed, self._changed = self._changed, {}
        return changed

    def _read(self) -> dict[str, object]:
        """All that the file holds, of whatever kind. Raises :class:`_Unreadable` and ``OSError``."""
        if self._file is None:
            return {}
        try:
            with self._file.open("rb") as file:
                raw = file.read(LARGEST_BYTES + 1)
        except FileNotFoundError:
            return {}
        if len(raw) > LARGEST_BYTES:
            raise _Unreadable("it is too large")
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            raise _Unreadable("it is no JSON") from None
        if not isinstance(content, dict):
            raise _Unreadable("it does not hold names and values")
        return content

    def _write(self, changed: Mapping[str, Value]) -> None:
        """Into what the file holds by now. Beside the file, then renamed, so that no half of it is ever read."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            try:
                content = self._read()
            except _Unreadable:
                self._put_aside(self._file)
                content = dict(self._values)
            write_private(self._file, json.dumps({**content, **changed}, indent=1, sort_keys=True))

    def _put_aside(self, file: Path) -> None:
        names = (file.with_name(f"{FILE}{ASIDE}{number or ''}") for number in itertools.count())
        file.replace(next(name for name in names if not name.exists()))


def _value(found: object) -> Value | None:
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return tuple(found)
    return found if isinstance(found, str | bool | int) else None
