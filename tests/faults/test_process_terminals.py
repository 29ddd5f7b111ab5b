"""What ``llmgw serve`` says reaches nobody: a terminal that stalls or goes away, a closed pipe, a full disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.harness import SECRET, anthropic_env
from tests.e2e.in_terminal import a_free_port, on_terminal, own_env
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.full_pipes import full_pipe

REQUESTS = 6
STREAM = {"model": "gateway-premium", "stream": True, "messages": [{"role": "user", "content": "Tell me a story."}]}
CTRL_S = b"\x13"


@asynccontextmanager
async def answering(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the gateway that comes up at ``port``."""
    address, key = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {SECRET}"}
    async with aiohttp.ClientSession(address, headers=key) as http:
        async with asyncio.timeout(60):
            while True:
                try:
                    async with http.get("/health"):
                        break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
        yield http


async def is_served(http: aiohttp.ClientSession) -> None:
    """So many requests, each answered: a line of the first would be waited for."""
    for number in range(REQUESTS):
        body = {"model": "gateway-premium", "messages": [{"role": "user", "content": f"Question {number % 2}?"}]}
        async with http.post("/v1/chat/completions", json=body) as answer:
            assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("how", ["a pipe that is not read", "a pipe that is closed", "a full disk"])
async def test_a_stdout_that_takes_nothing_stops_neither_requests_nor_the_end(tmp_path: Path, how: str) -> None:
    if how == "a full disk":
        reading, writing = os.open(os.devnull, os.O_RDONLY), os.open("/dev/full", os.O_WRONLY)
    else:
        reading, writing = full_pipe()
        if how == "a pipe that is closed":
            os.close(reading)
            reading = os.open(os.devnull, os.O_RDONLY)
    port = a_free_port()
    with closing(os.fdopen(reading)), closing(os.fdopen(writing, "w")):
        async with FakeAnthropic() as fake:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "llmgw_tui.cli", "serve"),
                env=own_env(tmp_path, port, **anthropic_env(fake)),
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
            )
            try:
                async with answering(port) as http:
                    await is_served(http)
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(60):
                    assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
    assert "Traceback" not in (tmp_path / "data" / "llmgw.log").read_text()


async def test_a_stalled_terminal_stops_neither_requests_nor_the_end(tmp_path: Path) -> None:
    port = a_free_port()
    async with FakeAnthropic() as fake:
        with on_terminal("serve", env=own_env(tmp_path, port, **anthropic_env(fake)), cwd=tmp_path) as terminal:
            await terminal.shows("llmgw serves")
            terminal.type(CTRL_S)
            async with answering(port) as http:
                await is_served(http)
            terminal.process.send_signal(signal.SIGTERM)
            assert await terminal.ended() == 0


async def test_a_terminal_that_goes_away_takes_no_request_in_flight_with_it(tmp_path: Path) -> None:
    port = a_free_port()
    async with FakeAnthropic() as fake:
        fake.script(Reply(text="once upon a time there was an end", stall_after=4))
        with on_terminal("serve", env=own_env(tmp_path, port, **anthropic_env(fake)), cwd=tmp_path) as terminal:
            await terminal.shows("llmgw serves")
            async with answering(port) as http:
                async with http.post("/v1/chat/completions", json=STREAM) as stream:
                    await stream.content.readline()
                    terminal.hang_up()
                    log = tmp_path / "data" / "llmgw.log"
                    async with asyncio.timeout(30):
                        while "the terminal has gone: the gateway goes on at" not in log.read_text():  # noqa: ASYNC110
                            await asyncio.sleep(0.02)
                    terminal.process.send_signal(signal.SIGHUP)  # the shell's own, after the kernel's
                    fake.resume()
                    rest = await stream.text()
                assert "[DONE]" in rest and "end" in rest and "error" not in rest
                await is_served(http)
            assert {os.readlink(f"/proc/{terminal.process.pid}/fd/{number}") for number in range(3)} == {os.devnull}
            terminal.process.send_signal(signal.SIGTERM)
            assert await terminal.ended() == 0
    assert "Traceback" not in log.read_text()
