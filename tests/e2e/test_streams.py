"""Commands between others: in a pipe that is closed early, on a full disk, in a terminal that knows few characters."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.forks import ROOT
from tests.e2e.harness import GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic

COMMAND = (sys.executable, "-m", "llmgw_tui.cli")
AWAY = "--port=1"
"""Where no gateway is."""


def own(folder: Path) -> dict[str, str]:
    own = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "LLMGW_DATA_DIR": str(folder),
        "GATEWAY_SECRET": "s",
    }
    return own | {"XDG_CONFIG_HOME": str(folder), "LLMGW_PORT": "1"}


async def ended(
    *words: str, env: Mapping[str, str], cwd: Path, stdout: int = subprocess.PIPE
) -> tuple[int, bytes, str]:
    """Exit code, below 0 a signal's; stdout where it is read; stderr."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out or b"", err.decode()


def nobody_reads() -> int:
    """A pipe whose reader has left."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    "words",
    [
        ("status", AWAY),
        ("status", "--fields"),
        ("--help",),
        ("keys",),
        ("settings",),
        ("completion", "bash"),
        ("connect", "openai"),
        ("service", "install", "--dry-run"),
    ],
)
async def test_a_reader_that_has_left_ends_a_command_as_it_ends_any_other(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    writing = nobody_reads()
    code, _, err = await ended(*words, env=own(tmp_path), cwd=tmp_path, stdout=writing)
    os.close(writing)
    assert code == -signal.SIGPIPE
    assert "Traceback" not in err and "Exception" not in err


async def test_what_cannot_be_written_fails_and_says_why(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code, _, err = await ended("status", AWAY, env=own(tmp_path), cwd=tmp_path, stdout=full)
    os.close(full)
    assert (code, err) == (1, "llmgw: not all could be written: No space left on device.\n")


async def test_a_stream_that_is_closed_is_no_reason_to_fail(tmp_path: Path) -> None:
    for closed in ("<&-", ">&-", "2>&-"):
        script = f'exec "{sys.executable}" -m llmgw_tui.cli settings daily_budget {closed}'
        process = await asyncio.create_subprocess_exec("sh", "-c", script, env=own(tmp_path), cwd=tmp_path)
        assert await process.wait() == 0, closed


@pytest.mark.timeout(300)
async def test_requests_in_pipes_and_poor_terminals(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        await llmgw.chat("What is 東京 like?")
        env = llmgw.env | {"LLMGW_PORT": llmgw.address.rpartition(":")[2]}
        poor = env | {"PYTHONIOENCODING": "latin-1"}
        code, table, err = await ended("requests", env=poor, cwd=tmp_path)
        assert (code, err) == (0, "") and rb"What is \u6771\u4eac like?" in table
        writing = nobody_reads()
        code, _, err = await ended("requests", "--json", env=env, cwd=tmp_path, stdout=writing)
        assert (code, err) == (-signal.SIGPIPE, "")
        code, _, err = await ended("log", "--follow", env=env, cwd=tmp_path, stdout=writing)
        assert (code, err) == (-signal.SIGPIPE, "")
        os.close(writing)
        await _follow_and_leave(llmgw, env, tmp_path)


async def _follow_and_leave(llmgw: GatewayProcess, env: Mapping[str, str], cwd: Path) -> None:
    """Follows until it is interrupted, then until its reader has had enough, though nothing comes any more."""
    for leave in ("Ctrl+C", "close"):
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "requests", "--follow", "--json", "--limit", "1"),
            env=dict(env),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout and process.stderr
        assert b"preview" in await process.stdout.readline()
        if leave == "Ctrl+C":
            await llmgw.chat(f"And now, before {leave}?")
            assert b"And now" in await process.stdout.readline()
            process.send_signal(signal.SIGINT)
        else:
            process.stdout._transport.close()  # type: ignore[attr-defined]
        assert await process.stderr.read() == b""
        assert await process.wait() == -(signal.SIGINT if leave == "Ctrl+C" else signal.SIGPIPE)


def test_a_pipe_that_is_read_is_not_taken_for_one_that_is_not(tmp_path: Path) -> None:
    code = "from llmgw_tui.streams import check_reader; check_reader(); print('read')"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"read\n"
