"""A process that serves does not go through what its start has made again, whatever face it has."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_core import garbage
from gateway_core.garbage import THRESHOLDS, collect_now_and_then, list_no_generators
from tests.e2e.forks import ROOT
from tests.e2e.harness import GatewayProcess
from tests.e2e.in_terminal import a_free_port, on_terminal, own_env

TELL = """
import atexit, gc, os, pathlib
told = pathlib.Path(os.environ["LLMGW_DATA_DIR"], "garbage")
atexit.register(lambda: told.write_text(f"{gc.isenabled()} {gc.get_threshold()}"))
"""


async def test_the_gateway_collects_seldom(tmp_path: Path) -> None:
    llmgw = GatewayProcess(tmp_path, {}, before=TELL, anew=True)
    await llmgw.start()
    await llmgw.end()
    assert (tmp_path / "garbage").read_text() == f"True {THRESHOLDS}"


async def test_the_control_centre_collects_seldom(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "sitecustomize.py").write_text(TELL)
    env = own_env(tmp_path, a_free_port(), PYTHONPATH=os.pathsep.join((str(tmp_path), str(ROOT))))
    with on_terminal(env=env, cwd=tmp_path) as terminal:
        await terminal.shows("No requests yet")
        terminal.type(b"q")
        assert await terminal.ended() == 0
    assert (tmp_path / "data" / "garbage").read_text() == f"True {THRESHOLDS}"


def test_what_is_there_is_not_gone_through_again() -> None:
    code = (
        "import gc\n"
        "from gateway_core.garbage import collect_seldom\n"
        "made = [[]]\n"
        "there = lambda: any(one is made for one in gc.get_objects())\n"
        "assert there()\n"
        "collect_seldom()\n"
        "assert not there()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


async def test_a_generator_that_is_in_no_list_is_closed_once_nobody_has_it() -> None:
    closed = asyncio.Event()

    async def words() -> AsyncIterator[str]:
        try:
            yield "one"
            yield "two"
        finally:
            await asyncio.sleep(0)
            closed.set()

    list_no_generators()
    said = words()
    assert await anext(said) == "one"
    assert not getattr(asyncio.get_running_loop(), "_asyncgens")  # noqa: B009  as asyncio names its list
    del said
    async with asyncio.timeout(10):
        await closed.wait()


async def test_what_holds_itself_is_gone_in_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    class Circle:
        def __init__(self) -> None:
            self.itself = self

    monkeypatch.setattr(garbage, "EVERY_S", 0.01)
    gone = asyncio.Event()
    collect_now_and_then()
    gc.disable()
    try:
        weakref.finalize(Circle(), gone.set)
        async with asyncio.timeout(10):
            await gone.wait()
    finally:
        gc.enable()
        monkeypatch.setattr(garbage, "EVERY_S", 3600.0)
