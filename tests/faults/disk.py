"""Disks that fail under a gateway's process, without any right and without a mount: Python that it runs first.

The full disk is the process's own limit on the size of a file. It is moved by signals, for only Linux can move the
limits of another process.
"""

from __future__ import annotations

import asyncio
import signal

from tests.e2e.harness import GatewayProcess

LONGEST_S = 60

MOVABLE = """
import resource, signal
def _disk(signum, frame):
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    full = signum == signal.SIGUSR1
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 if full else most, most))
    print('the disk', 'is full' if full else 'has room', flush=True)
signal.signal(signal.SIGUSR1, _disk)
signal.signal(signal.SIGUSR2, _disk)
"""

FULL = MOVABLE + "resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"

RIGHTS_BIND_ROOT = """
import ctypes, sys
if sys.platform == 'linux':
    _libc, _head = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)
    _sets = (ctypes.c_uint32 * 6)()
    _libc.capget(_head, _sets)
    _sets[0] &= ~(1 << 1 | 1 << 2)
    assert _libc.capset(_head, _sets) == 0
"""
"""Takes CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH away; a plain user has neither."""


async def fill(llmgw: GatewayProcess) -> None:
    """Returns once no file of the gateway, started with :data:`MOVABLE`, can grow."""
    await _move(llmgw, signal.SIGUSR1, "the disk is full")


async def free(llmgw: GatewayProcess) -> None:
    """Returns once there is room again."""
    await _move(llmgw, signal.SIGUSR2, "the disk has room")


async def _move(llmgw: GatewayProcess, signum: signal.Signals, says: str) -> None:
    before = llmgw.lines.count(says)
    llmgw.process.send_signal(signum)
    async with asyncio.timeout(LONGEST_S):
        while llmgw.lines.count(says) == before:  # noqa: ASYNC110  another process prints
            await asyncio.sleep(0.01)


async def line_with(llmgw: GatewayProcess, text: str, since: int = 0) -> str:
    """The first line that the gateway has printed with ``text`` in it after ``since`` others, once there is one."""
    async with asyncio.timeout(LONGEST_S):
        while not (found := [line for line in llmgw.lines[since:] if text in line]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found[0]
