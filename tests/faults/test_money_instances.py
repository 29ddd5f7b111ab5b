"""Two llmgw on one data folder: one has it, whatever happened before, and the other is told so.

A whole second gateway that is refused is in ``tests/e2e/test_cli.py``, a control centre that attaches instead in
``tests/e2e/test_terminal_lost.py``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from gateway_core.store.errors import FolderInUse
from gateway_core.store.lock import LOCK_NAME, FolderLock
from tests.e2e.forks import ROOT

_HOLD = """
import pathlib, sys, time
from gateway_core.store.lock import FolderLock
lock = FolderLock.acquire(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
_MANY = """
import os, pathlib, sys
from gateway_core.store.errors import FolderInUse
from gateway_core.store.lock import FolderLock
start, go = os.pipe()
over, end = os.pipe()
for number in range(int(sys.argv[2])):
    if os.fork() == 0:
        os.close(go), os.close(end)
        os.read(start, 1)
        try:
            lock = FolderLock.acquire(pathlib.Path(sys.argv[1]))
            os.write(1, b"has it\\n")
        except FolderInUse:
            os.write(1, b"refused\\n")
        os.read(over, 1)
        os._exit(0)
os.close(go)
sys.stdin.read()
"""


async def run(script: str, *arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, cwd=ROOT, stdin=pipe, stdout=pipe
    )


async def test_of_twenty_that_start_at_the_same_moment_one_has_the_folder(tmp_path: Path) -> None:
    many = await run(_MANY, str(tmp_path), "20")
    assert many.stdout
    said = [(await many.stdout.readline()).decode().strip() for _ in range(20)]
    await many.communicate(b"")
    assert Counter(said) == {"has it": 1, "refused": 19}


async def test_a_lock_left_by_a_kill_9_is_taken_over(tmp_path: Path) -> None:
    holder = await run(_HOLD, str(tmp_path))
    assert holder.stdout and await holder.stdout.readline() == b"held\n"
    with pytest.raises(FolderInUse, match=str(holder.pid)):
        FolderLock.acquire(tmp_path)
    holder.send_signal(signal.SIGKILL)
    await holder.communicate()
    assert (tmp_path / LOCK_NAME).read_text() == f"{holder.pid}\n", "the dead one's"
    FolderLock.acquire(tmp_path).release()


async def test_a_folder_that_is_reached_through_a_symlink_is_the_same_folder(tmp_path: Path) -> None:
    folder, link = tmp_path / "data", tmp_path / "link"
    held = FolderLock.acquire(folder)
    link.symlink_to(folder)
    with pytest.raises(FolderInUse):
        FolderLock.acquire(link)
    held.release()
    FolderLock.acquire(link).release()


async def test_a_lock_file_that_was_removed_lets_nobody_in(tmp_path: Path) -> None:
    held = FolderLock.acquire(tmp_path)
    (tmp_path / LOCK_NAME).unlink()
    with pytest.raises(FolderInUse):
        FolderLock.acquire(tmp_path)
    held.release()
    FolderLock.acquire(tmp_path).release()
