"""The terminal goes away: the gateway goes on, and the next ``llmgw`` finds it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.e2e.harness import SECRET, anthropic_env
from tests.e2e.in_terminal import a_free_port, on_terminal, own_env
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply

STREAM = {"model": "gateway-premium", "stream": True, "messages": [{"role": "user", "content": "Tell me a story."}]}


async def llmgw(*arguments: str, env: Mapping[str, str], cwd: Path) -> tuple[int, str]:
    """A run without a terminal: exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "llmgw_tui.cli",
        *arguments,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_a_lost_terminal_leaves_the_gateway_serving_and_the_next_llmgw_attaches(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        fake.script(Reply(text="once upon a time there was an end", stall_after=4))
        env = own_env(tmp_path, a_free_port(), **anthropic_env(fake))
        address = f"http://127.0.0.1:{env['LLMGW_PORT']}"
        http = aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {SECRET}"})
        with on_terminal(env=env, cwd=tmp_path) as first:
            await first.shows("RUNNING")
            async with http.post("/v1/chat/completions", json=STREAM) as stream:
                await stream.content.readline()
                first.hang_up()
                ends = [f"/proc/{first.process.pid}/fd/{number}" for number in range(3)]
                async with asyncio.timeout(30):
                    while any(os.readlink(end) != "/dev/null" for end in ends):  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
                first.process.send_signal(signal.SIGHUP)  # the shell's own, after the kernel's
                fake.resume()
                rest = await stream.text()
            assert "[DONE]" in rest and "end" in rest and "error" not in rest
            assert first.process.poll() is None

            code, said = await llmgw("status", env=env, cwd=tmp_path)
            assert code == 0 and "1 requests" in said

            with on_terminal(env=env, cwd=tmp_path) as second:
                await second.shows("ATTACHED")
                await second.shows("Tell me a story.")
                code, said = await llmgw("stop", env=env, cwd=tmp_path)
                assert (code, said) == (0, "llmgw: The gateway is stopping.\n")
                assert await first.ended() == 0
                await second.shows("STALE")
                second.type(b"q")
                assert await second.ended() == 0 and second.is_clean
        await http.close()
        code, said = await llmgw("stop", env=env, cwd=tmp_path)
        assert code == 1 and "no gateway answers" in said
    log = (tmp_path / "data" / "llmgw.log").read_text()
    assert "the terminal has gone: the gateway goes on at" in log and "Traceback" not in log


async def test_sigterm_ends_a_gateway_that_has_lost_its_terminal(tmp_path: Path) -> None:
    env = own_env(tmp_path, a_free_port())
    with on_terminal(env=env, cwd=tmp_path) as terminal:
        await terminal.shows("DEGRADED")
        terminal.hang_up()
        log = tmp_path / "data" / "llmgw.log"
        async with asyncio.timeout(30):
            while "the terminal has gone" not in log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        terminal.process.send_signal(signal.SIGTERM)
        assert await terminal.ended() == 0


async def test_a_screen_that_is_only_attached_ends_with_its_terminal(tmp_path: Path) -> None:
    env = own_env(tmp_path, a_free_port())
    with on_terminal("attach", env=env, cwd=tmp_path) as terminal:
        await terminal.shows("CONNECTING")
        terminal.hang_up()
        assert await terminal.ended() == 0


async def test_stop_ends_a_gateway_with_its_screen_and_one_without(tmp_path: Path) -> None:
    env = own_env(tmp_path, a_free_port())
    with on_terminal(env=env, cwd=tmp_path) as terminal:
        await terminal.shows("DEGRADED")
        assert (await llmgw("stop", env=env, cwd=tmp_path))[0] == 0
        assert await terminal.ended() == 0 and terminal.is_clean
    with on_terminal("serve", env=env, cwd=tmp_path) as serving:
        await serving.shows("llmgw serves")
        assert (await llmgw("stop", env=env, cwd=tmp_path))[0] == 0
        assert await serving.ended() == 0
    with on_terminal("--read-only", env=env, cwd=tmp_path) as guarded:
        await guarded.shows("READ-ONLY")
        code, said = await llmgw("stop", env=env, cwd=tmp_path)
        assert code == 1 and "read-only" in said
        guarded.type(b"q")
        assert await guarded.ended() == 0
