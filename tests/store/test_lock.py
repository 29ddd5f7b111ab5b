from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway_core.store.errors import FolderInUse
from gateway_core.store.lock import FolderLock

HOLD = """
import sys, pathlib
from gateway_core.store.lock import FolderLock
lock = FolderLock.acquire(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_llmgw_is_told_which_process_has_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse, match=f"process {holder.pid}") as caught:
            FolderLock.acquire(folder)
        assert caught.value.pid == holder.pid
        holder.kill()
        holder.wait()
    lock = FolderLock.acquire(folder)
    assert (folder / "llmgw.lock").read_text() == f"{os.getpid()}\n"
    assert stat.S_IMODE((folder / "llmgw.lock").stat().st_mode) == 0o600
    lock.release()


def test_released_it_can_be_taken_again(tmp_path: Path) -> None:
    first = FolderLock.acquire(tmp_path)
    with pytest.raises(FolderInUse):
        FolderLock.acquire(tmp_path)
    first.release()
    first.release()
    FolderLock.acquire(tmp_path).release()


def test_a_lock_file_without_a_pid_still_refuses(tmp_path: Path) -> None:
    lock = FolderLock.acquire(tmp_path)
    (tmp_path / "llmgw.lock").write_text("nonsense")
    with pytest.raises(FolderInUse, match="another process"):
        FolderLock.acquire(tmp_path)
    lock.release()
