"""A gateway process that is told to read its configuration again, or sees by itself that it has changed."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path
from typing import Any

from tests.e2e.harness import SECRET, GatewayProcess, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply


def write(tmp_path: Path, text: str) -> Path:
    """Replaces the configuration as an editor does."""
    file = tmp_path / "config" / "llmgw" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name("config.yaml.new")
    new.write_text(text, "utf-8")
    new.replace(file)
    return file


def claude(fake: FakeAnthropic, more: str = "") -> str:
    return f"anthropic_api_key: {fake.key}\nanthropic_base_url: {fake.base_url}\n{more}"


async def notice(llmgw: GatewayProcess, cause: Any) -> str:
    """The text of the notice that ``cause`` brings about."""
    async with asyncio.timeout(20), llmgw.http.get("/api/events") as stream:
        assert await stream.content.readline() == b": llmgw events\n"
        cause()
        async for raw in stream.content:
            if raw.strip() == b"event: notice":
                return (await anext(aiter(stream.content))).decode()
    raise AssertionError("the event stream ended")


async def test_a_changed_file_and_sighup_are_taken_up_by_a_process_that_goes_on(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        write(tmp_path, claude(fake))
        async with gateway(tmp_path) as llmgw:
            assert (await llmgw.chat()).status == 200
            seen = await notice(llmgw, lambda: write(tmp_path, claude(fake, "premium_model: claude-opus-5-5\n")))
            after = await llmgw.chat("Hello again.")
            bad = await notice(llmgw, lambda: write(tmp_path, claude(fake, "daily_budget_hard: -1\n")))
            still = await llmgw.chat("Still there?")
            write(tmp_path, claude(fake, "premium_model: claude-haiku-5-5\n"))
            hung = await notice(llmgw, lambda: llmgw.process.send_signal(signal.SIGHUP))
            last = await llmgw.chat("And now?")
            assert llmgw.process.returncode is None
            assert "notices" in (snapshot := await llmgw.get("/api/snapshot")) and not snapshot["notices"]
    assert "PREMIUM_MODEL claude-sonnet-5-5 -> claude-opus-5-5" in seen
    assert "DAILY_BUDGET_HARD" in bad and "old one stays in force" in bad
    assert "claude-opus-5-5 -> claude-haiku-5-5" in hung
    models = [reply.headers["x-llmgw-model"] for reply in (after, still, last)]
    assert models == ["claude-opus-5-5", "claude-opus-5-5", "claude-haiku-5-5"]


async def test_sighup_leaves_a_stream_in_flight_alone(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        fake.script(Reply(text="once upon a time", stall_after=4))
        write(tmp_path, claude(fake))
        async with gateway(tmp_path) as llmgw:
            body = {"model": "gateway-premium", "stream": True, "messages": [{"role": "user", "content": "Go on."}]}
            async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
                await answer.content.readline()
                write(tmp_path, claude(fake, "upstream_idle_s: 80\n"))
                said = await notice(llmgw, lambda: llmgw.process.send_signal(signal.SIGHUP))
                fake.resume()
                text = await answer.text()
    assert "UPSTREAM_IDLE_S" in said and "[DONE]" in text and fake.disconnects == 0


async def test_llmgw_reload_says_what_became_of_it(tmp_path: Path) -> None:
    write(tmp_path, "default_tier: cheap\n")
    async with gateway(tmp_path) as llmgw:
        port = llmgw.address.rpartition(":")[2]
        env = {**llmgw.env, "LLMGW_PORT": port}

        async def reload() -> tuple[int | None, str]:
            command = (sys.executable, "-m", "llmgw_tui.cli", "reload")
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(
                *command, env=env, stdout=pipe, stderr=asyncio.subprocess.STDOUT
            )
            out, _ = await process.communicate()
            return process.returncode, out.decode()

        write(tmp_path, "default_tier: local\n")
        code, said = await reload()
        again = await reload()
    assert code == 0 and ("DEFAULT_TIER cheap -> local" in said or "has not changed" in said), said
    assert again[0] == 0 and "has not changed" in again[1]
    assert SECRET not in said


async def test_sighup_reads_the_configuration_again_and_ends_nothing(tmp_path: Path) -> None:
    """What it does where the terminal has gone: ``tests/faults/test_process_terminals.py``."""
    write(tmp_path, "default_tier: cheap\n")
    here, there = pty.openpty()
    llmgw = GatewayProcess(tmp_path, {}, stdin=there)
    await llmgw.start()
    os.close(there)
    write(tmp_path, "default_tier: local\n")
    assert "DEFAULT_TIER" in await notice(llmgw, lambda: llmgw.process.send_signal(signal.SIGHUP))
    assert llmgw.process.returncode is None
    await llmgw.end()
    os.close(here)
