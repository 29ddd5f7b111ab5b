"""A process that forks ``llmgw`` for tests: it has the imports behind it, which are nine tenths of what a start costs.

A fork is a real process, with a pid, memory, files, signals and an end of its own; only exec and import are spared. The
server itself has no other thread, no event loop and nothing open. See :mod:`tests.e2e.forks` for its other end.

It is told of a start by a datagram on the socket whose number is its argument: ``arguments``, ``env``, ``cwd`` and
``before`` as JSON, and four descriptors: standard input, output and error, and one to say ``pid N``, ``ended CODE`` on.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LARGEST_BYTES = 150_000
"""Of a datagram: Linux takes 208 KiB at once."""


def main(number: int) -> list[str]:
    """Serves until the socket is closed. Returns in the forks alone, with the arguments of the command line."""
    orders = socket.socket(fileno=number)
    waking, woken = socket.socketpair()
    for end in (waking, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([orders, waking], [], [])
        if waking in ready:
            waking.recv(4096)
            _tell_of_ends(running)
        if orders not in ready:
            continue
        order, given, _, _ = socket.recv_fds(orders, LARGEST_BYTES, 4)
        if not order:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            orders.close()
            _forget(waking, woken, running)
            return _become(json.loads(order), given)
        *streams, telling = given
        for stream in streams:
            os.close(stream)
        running[pid] = telling
        _tell(telling, f"pid {pid}\n")


def _tell_of_ends(running: dict[int, int]) -> None:
    for pid in tuple(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            telling = running.pop(pid)
            _tell(telling, f"ended {os.waitstatus_to_exitcode(status)}\n")
            os.close(telling)


def _tell(telling: int, what: str) -> None:
    try:
        os.write(telling, what.encode())
    except BrokenPipeError:
        return


def _forget(waking: socket.socket, woken: socket.socket, running: dict[int, int]) -> None:
    """Leaves a fork nothing of the server's."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    waking.close()
    woken.close()
    for telling in running.values():
        os.close(telling)


def _become(order: dict[str, Any], given: list[int]) -> list[str]:
    *streams, telling = given
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in (*streams, telling):
        os.close(stream)
    _open_streams()
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    exec(order["before"], {})
    arguments: list[str] = order["arguments"]
    sys.argv = ["llmgw", *arguments]
    return arguments


def _open_streams() -> None:
    """As the interpreter does: a stream remembers what it was opened on, whether it can be sought for one."""
    for name, mode, buffering in (("stdin", "r", -1), ("stdout", "w", -1), ("stderr", "w", 1)):
        old = getattr(sys, name)
        number = old.fileno()
        new = os.fdopen(number, mode, buffering, encoding=old.encoding, errors=old.errors, closefd=False)
        setattr(sys, name, new)


async def _answer_some() -> None:
    from tests.fakes.anthropic import FakeAnthropic
    from tests.fakes.openai import FakeOpenAI
    from tests.http.inside import chat_body, client, with_claude, with_groq

    with TemporaryDirectory() as folder:
        async with (
            FakeAnthropic() as claude,
            FakeOpenAI(kind="groq", key="fork-server", models=("openai/gpt-oss-120b",)) as groq,
            client(Path(folder), **with_claude(claude), **with_groq(groq)) as llmgw,
        ):
            for model in ("gateway-premium", "gateway-cheap"):
                for stream in (True, False):
                    asked = chat_body(f"Hello, {model}.", model=model, stream=stream)
                    async with llmgw.http.post("/v1/chat/completions", json=asked) as answer:
                        assert answer.status == 200, await answer.text()
    await asyncio.get_running_loop().shutdown_default_executor()


def warm_up() -> None:
    """A gateway answers here first, so that all is imported and made that a request needs. Leaves no thread."""
    import llmgw_tui.headless  # noqa: F401

    asyncio.run(_answer_some())
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    from llmgw_tui.cli import main as llmgw

    warm_up()
    sys.exit(llmgw(main(int(sys.argv[1]))))
