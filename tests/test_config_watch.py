"""When a file counts as changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway_core import config_watch
from gateway_core.config_watch import MISSES, Seen, watch


class Looks:
    """The watcher's looks, one at a time: ``step`` lets the next one happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes = 0
        self._go = asyncio.Queue[None]()
        self._done = asyncio.Queue[None]()
        real: Callable[..., Seen] = config_watch.look

        async def turn(_: float) -> None:
            self._done.put_nowait(None)
            await self._go.get()

        monkeypatch.setattr(config_watch, "look", real)
        monkeypatch.setattr("gateway_core.config_watch.asyncio.sleep", turn)

    async def changed(self) -> None:
        self.changes += 1

    async def step(self, times: int = 1) -> int:
        """The number of changes told after so many more looks."""
        for _ in range(times):
            self._go.put_nowait(None)
            await self._done.get()
        return self.changes

    async def begin(self) -> None:
        await self._done.get()


@asynccontextmanager
async def watching(
    monkeypatch: pytest.MonkeyPatch, *paths: Path, changed: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Looks]:
    looks = Looks(monkeypatch)
    task = asyncio.create_task(watch(paths, changed or looks.changed))
    await looks.begin()
    yield looks
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1")
    return path


def put(file: Path, text: str) -> None:
    file.write_text(text)


def exchange(file: Path, text: str) -> None:
    """Another file of the same size and time in its place."""
    before = file.stat()
    new = file.with_name("new")
    new.write_text(text)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)


def move_away(file: Path) -> None:
    file.rename(file.with_name(f"{file.name}~"))


async def test_a_change_is_told_once_it_has_been_still_for_a_look(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch, file) as looks:
        assert await looks.step(3) == 0
        put(file, "a: 1\nb: ")
        assert await looks.step() == 0, "it may still be written"
        put(file, "a: 1\nb: 22")
        assert await looks.step() == 0
        assert await looks.step() == 1
        assert await looks.step(3) == 1


async def test_a_file_that_is_replaced_counts_as_changed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch, file) as looks:
        exchange(file, "a: 2")
        assert await looks.step(2) == 1


async def test_an_editor_that_moves_the_file_away_first_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(monkeypatch, file) as looks:
        move_away(file)
        assert await looks.step(MISSES) == 0
        put(file, "a: 3")
        assert await looks.step(2) == 1


async def test_a_file_that_stays_away_or_appears_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.with_name(".env")
    async with watching(monkeypatch, file, other) as looks:
        put(other, "A=1")
        assert await looks.step(2) == 1
        move_away(file)
        assert await looks.step(MISSES) == 1
        assert await looks.step(3) == 2
