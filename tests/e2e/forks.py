"""Starts ``llmgw`` as a fork of a process that has the imports behind it (:mod:`tests.e2e.fork_server`).

``LLMGW_TESTS_FORK=no`` in the environment has every process started anew: cheaper where there is but one.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from tests.e2e.fork_server import LARGEST_BYTES

ROOT = Path(__file__).parents[2]
"""The tree whose gateway is started."""
PASSED_ON = ("PATH", "HOME", "TMPDIR")
_AT_ITS_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENSSL_")
"""Names of variables that a process reads before any of its own code runs; those of a fork are its server's."""
_FORKS = os.environ.get("LLMGW_TESTS_FORK") != "no"


class _Server:
    """One for each process of tests, from the first start on."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.env |= {"LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._orders.close()
        self._process.wait()

    def start(self, order: bytes, descriptors: Sequence[int]) -> None:
        socket.send_fds(self._orders, [order], list(descriptors))


_servers: list[_Server] = []


def _server() -> _Server:
    if not _servers:
        _servers.append(_Server())
    return _servers[0]


class Fork:
    """What tests use of :class:`asyncio.subprocess.Process`, for a fork."""

    def __init__(self, pid: int, told: asyncio.StreamReader, connection: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout: asyncio.StreamReader | None = None
        self._ending = asyncio.create_task(self._follow(told, connection))

    async def _follow(self, told: asyncio.StreamReader, connection: asyncio.StreamWriter) -> int:
        try:
            self.returncode = int((await told.readline()).split()[1])
            return self.returncode
        finally:
            connection.close()

    async def wait(self) -> int:
        """The exit code, below 0 a signal's."""
        return await asyncio.shield(self._ending)

    def send_signal(self, number: int) -> None:
        """Raises :class:`ProcessLookupError` when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a fork is what a process started anew with these variables would be."""
    if not _FORKS:
        return False
    theirs = _server().env
    return all(env.get(name) == theirs.get(name) for name in {*env, *theirs} if name.startswith(_AT_ITS_START))


async def fork(
    *arguments: str, env: Mapping[str, str], cwd: Path, stdin: int | None, output: int, before: str = ""
) -> Fork:
    """``llmgw ARGUMENTS``, all it says to ``output``. Without a ``stdin`` it has nothing to read.

    ``before`` is Python that it runs first.
    """
    order = json.dumps({"arguments": arguments, "env": dict(env), "cwd": str(cwd), "before": before}).encode()
    assert len(order) < LARGEST_BYTES
    ours, theirs = socket.socketpair()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        with theirs:
            _server().start(order, [nothing if stdin is None else stdin, output, output, theirs.fileno()])
    finally:
        os.close(nothing)
    told, connection = await asyncio.open_connection(sock=ours)
    return Fork(int((await told.readline()).split()[1]), told, connection)


async def serve(env: Mapping[str, str], cwd: Path, stdin: int | None, before: str = "") -> Fork:
    """``llmgw serve``; what it says is in ``stdout``."""
    reading, writing = os.pipe()
    try:
        forked = await fork("serve", env=env, cwd=cwd, stdin=stdin, output=writing, before=before)
    finally:
        os.close(writing)
    said = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(said), os.fdopen(reading, "rb")
    )
    forked.stdout = said
    return forked


async def run(*arguments: str, env: Mapping[str, str], cwd: Path) -> tuple[int, bytes]:
    """The exit code of a command that is given nothing to read, and what it has said on both of its streams."""
    if not can_fork(env):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llmgw_tui.cli", *arguments),
            env=dict(env),
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said
    with TemporaryFile() as output:
        code = await (await fork(*arguments, env=env, cwd=cwd, stdin=None, output=output.fileno())).wait()
        return code, os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0)
