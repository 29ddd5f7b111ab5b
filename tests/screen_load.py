"""What the control centre costs the gateway under load: ``make bench``, exit code 1 where it costs more than it may.

The gateway serves a steady stream of requests, first without a screen, then with the dashboard on a terminal that
another process reads; upstream and clients are processes of their own. Ratios of one run on one machine are the result:
a loaded machine shows in both columns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

SECRET = "load"
WARM_UP_S = 6.0
"""Before anything is counted: imports, the first frames, the garbage collector's pause after the start."""
SMALL, LARGE = 400, 65_000
AT_ONCE = 64
SLOW_MS = 15.0
"""The 99th percentile of the event loop's callbacks may take so long."""
MOST_SCREEN_POINTS = 8.0
MOST_TTY_BYTES_PER_S = 40_000.0
SCREENS = ("/textual/", "/llmgw_tui/")
"""Whose code a screen runs."""


# --- the gateway, with or without a screen ---------------------------------------------------------------------------


@dataclass
class Callbacks:
    """How long each turn of the event loop's callbacks took, and the CPU time of those that are the screen's."""

    taken_ms: list[float] = field(default_factory=list)
    slow: dict[str, int] = field(default_factory=dict)
    screen_cpu_s: float = 0.0
    counting: bool = False

    def watch(self) -> None:
        """Times every callback of every loop from now on."""
        run = events.Handle._run

        def timed(handle: Any) -> None:
            if not self.counting:
                return run(handle)
            code = _code_of(handle)
            started, cpu_s = time.perf_counter(), time.thread_time()
            run(handle)
            taken_ms = (time.perf_counter() - started) * 1e3
            self.taken_ms.append(taken_ms)
            if any(part in code.co_filename for part in SCREENS):
                self.screen_cpu_s += time.thread_time() - cpu_s
            if taken_ms > SLOW_MS:
                self.slow[code.co_qualname] = self.slow.get(code.co_qualname, 0) + 1

        setattr(events.Handle, "_run", timed)  # noqa: B010


def _code_of(handle: Any) -> Any:
    """The code that a callback runs: of a task's step the coroutine's."""
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
    for named in (getattr(coroutine, "cr_code", None), getattr(callback, "__code__", None)):
        if named is not None:
            return named
    return _code_of.__code__


async def _gateway(folder: Path, with_screen: bool, seconds: float) -> None:
    from gateway_core.running import running_gateway
    from gateway_core.settings_files import SettingsFiles
    from llmgw_tui.app import ControlCentre
    from llmgw_tui.source_local import LocalSource

    callbacks = Callbacks()
    callbacks.watch()
    async with running_gateway(SettingsFiles().load()) as gateway:
        centre = ControlCentre(LocalSource(gateway))
        screen = asyncio.create_task(centre.run_async()) if with_screen else None
        (folder / "address").write_text(gateway.address)
        await asyncio.sleep(WARM_UP_S)
        callbacks.counting, cpu_s, started = True, time.process_time(), time.monotonic()
        (folder / "counting").touch()
        await asyncio.sleep(seconds)
        callbacks.counting = False
        cpu_s, taken_s = time.process_time() - cpu_s, time.monotonic() - started
        (folder / "counted").touch()
        result = {
            "cpu_points": cpu_s / taken_s * 100,
            "screen_points": callbacks.screen_cpu_s / taken_s * 100,
            "callbacks": quantiles(callbacks.taken_ms),
            "slow": callbacks.slow,
        }
        (folder / "gateway.json").write_text(json.dumps(result))
        while not (folder / "clients.json").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)
        if screen is not None:
            centre.leave()
            await screen


def quantiles(values: list[float]) -> dict[str, float]:
    """Their number, p50, p99, p99.9 and maximum."""
    ordered = sorted(values) or [0.0]
    places = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    found = {name: ordered[min(len(ordered) - 1, int(len(ordered) * place))] for name, place in places.items()}
    return {"count": float(len(values)), **found, "max": ordered[-1]}


# --- what it answers from, and who asks ------------------------------------------------------------------------------


async def _upstream(folder: Path) -> None:
    """Answers at once, in the protocol of an OpenAI-compatible local server."""

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "load-8b", "object": "model"}]})

    async def complete(request: web.Request) -> web.StreamResponse:
        usage = {"prompt_tokens": 100, "completion_tokens": 12, "total_tokens": 112}
        if not json.loads(await request.read()).get("stream"):
            message = {"role": "assistant", "content": "It is done, and these are some words about it."}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            return web.json_response({"id": "c", "object": "chat.completion", "choices": choices, "usage": usage})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        words = [{"content": word} for word in ("It is done, ", "and these are ", "some words about it.")]
        for delta, finish in (*((word, None) for word in words), ({}, "stop")):
            choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
            await response.write(_event({"choices": choices}))
        await response.write(_event({"choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application(client_max_size=1 << 24)
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", complete)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    (folder / "upstream").write_text(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    await asyncio.Event().wait()


def _event(fields: dict[str, Any]) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "load-8b", **fields}
    return f"data: {json.dumps(chunk)}\n\n".encode()


async def _clients(folder: Path, address: str, rate: float, large: float) -> None:
    """Asks ``rate`` times a second, whether answered or not, until it is ended; notes how long each answer took."""
    taken_ms: list[float] = []
    failed = 0
    room = asyncio.Semaphore(AT_ONCE)
    padding = {size: "word " * (size // 5) for size in (SMALL, LARGE)}

    async def ask(session: aiohttp.ClientSession, number: int, counted: bool) -> None:
        nonlocal failed
        size = LARGE if int(number * large) > int((number - 1) * large) else SMALL
        messages = [{"role": "system", "content": padding[size]}, {"role": "user", "content": f"Question {number}?"}]
        async with room:
            started = time.perf_counter()
            body = {"model": "gateway-local", "messages": messages, "stream": number % 2 == 0}
            async with session.post(f"{address}/v1/chat/completions", json=body) as answer:
                told = await answer.read()
            if counted:
                taken_ms.append((time.perf_counter() - started) * 1e3)
                failed += answer.status != 200
                if answer.status != 200 and failed == 1:
                    print(told.decode("utf-8", "replace")[:500], file=sys.stderr)

    headers = {"Authorization": f"Bearer {SECRET}"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as group:
        started, number = time.perf_counter(), 0
        while not (folder / "counted").exists():
            number += 1
            group.create_task(ask(session, number, (folder / "counting").exists()))
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
    (folder / "clients.json").write_text(json.dumps({"latency": quantiles(taken_ms), "failed": failed}))


# --- the measurement -------------------------------------------------------------------------------------------------


@dataclass
class Tty:
    """Reads a terminal as fast as it can, and counts."""

    master: int
    bytes_read: int = 0

    def read(self) -> None:
        with suppress(OSError):
            while chunk := os.read(self.master, 65_536):
                self.bytes_read += len(chunk)


@dataclass(frozen=True)
class Measured:
    """One column of the table."""

    requests_per_s: float
    latency_ms: dict[str, float]
    failed: int
    callbacks_ms: dict[str, float]
    slow: dict[str, int]
    cpu_points: float
    screen_points: float
    """Of its callbacks in the event loop."""
    tty_bytes_per_s: float


@contextmanager
def _process(role: str, folder: Path, *more: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", __spec__.name, role, str(folder), *more], **options)
    try:
        yield process
    finally:
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _until(file: Path) -> str:
    deadline = time.monotonic() + 60
    while not file.exists() or (file.suffix == "" and file.name in ("address", "upstream") and not file.read_text()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{file.name} did not come")
        time.sleep(0.05)
    return file.read_text()


def measure(*, with_screen: bool, seconds: float, rate: float, large: float) -> Measured:
    """Serves ``rate`` requests a second for ``seconds``, ``large`` of them (0-1) as large as OpenClaw's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        upstream = subprocess.Popen([sys.executable, "-m", __spec__.name, "upstream", name])
        environment = {
            **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")},
            **{"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "120", "LINES": "40"},
            **{"GATEWAY_SECRET": SECRET, "LLMGW_PORT": "0", "LLMGW_DATA_DIR": str(folder / "data")},
            **{
                "RATE_LIMIT_RPM": "0",
                "RATE_LIMIT_TPM": "0",
                "SEMANTIC_CACHE": "off",
                "ROUTER_EMBEDDING": "off",
                "BUILTIN_MODEL": "off",
            },
            **{"XDG_CONFIG_HOME": name, "LOCAL_LLM_URL": _until(folder / "upstream")},
        }
        master, slave = pty.openpty()
        tty = Tty(master)
        threading.Thread(target=tty.read, daemon=True).start()
        terminal = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
        more = ("screen" if with_screen else "none", str(seconds))
        try:
            with _process("gateway", folder, *more, env=environment, **(terminal if with_screen else {})):
                address = _until(folder / "address")
                with _process("clients", folder, address, str(rate), str(large)):
                    _until(folder / "counting")
                    before = tty.bytes_read
                    _until(folder / "counted")
                    shown = tty.bytes_read - before
                    clients = json.loads(_whole(folder / "clients.json"))
                    gateway = json.loads(_whole(folder / "gateway.json"))
        finally:
            upstream.kill()
            upstream.wait()
            os.close(slave)
            os.close(master)
        return Measured(
            clients["latency"]["count"] / seconds,
            clients["latency"],
            clients["failed"],
            gateway["callbacks"],
            gateway["slow"],
            gateway["cpu_points"],
            gateway["screen_points"],
            shown / seconds,
        )


def _whole(file: Path) -> str:
    """A file's text once it is JSON to its end."""
    while True:
        text = _until(file)
        with suppress(ValueError):
            json.loads(text)
            return text
        time.sleep(0.05)


def show(without: Measured, with_it: Measured, rate: float) -> str:
    """The table of both."""
    lines = [f"{'':<34}{'no screen':>12}{'dashboard':>12}"]

    def row(name: str, one: float, other: float, digits: int = 1) -> None:
        lines.append(f"{name:<34}{one:>12.{digits}f}{other:>12.{digits}f}")

    row("requests a second", without.requests_per_s, with_it.requests_per_s)
    row("requests that failed", without.failed, with_it.failed, 0)
    for place in ("p50", "p99"):
        row(f"latency {place}, ms", without.latency_ms[place], with_it.latency_ms[place])
    for place in ("p99", "p99.9", "max"):
        row(f"callbacks {place}, ms", without.callbacks_ms[place], with_it.callbacks_ms[place], 2)
    row(f"callbacks over {SLOW_MS:.0f} ms", sum(without.slow.values()), sum(with_it.slow.values()), 0)
    row("CPU, points of one core", without.cpu_points, with_it.cpu_points)
    row("of it the screen's callbacks", without.screen_points, with_it.screen_points)
    row("terminal, kB/s", without.tty_bytes_per_s / 1e3, with_it.tty_bytes_per_s / 1e3)
    lines.append(f"Asked for {rate:.0f} requests a second.")
    for name, times in sorted(with_it.slow.items(), key=lambda item: -item[1])[:8]:
        lines.append(f"  {times} x over {SLOW_MS:.0f} ms: {name}")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join([*lines, f"load average {load}"])


def missed(found: Measured) -> tuple[str, ...]:
    """What the dashboard costs beyond what it may."""
    held = (
        ("requests that failed", found.failed, 0.0),
        ("callbacks p99, ms", found.callbacks_ms["p99"], SLOW_MS),
        ("the screen's callbacks, points of one core", found.screen_points, MOST_SCREEN_POINTS),
        ("terminal, bytes a second", found.tty_bytes_per_s, MOST_TTY_BYTES_PER_S),
    )
    return tuple(f"{name}: {value:.1f}, at most {most:.0f}" for name, value, most in held if value > most)


def main() -> None:
    """Measures both in turn and prints the table, or plays one of the roles."""
    if len(sys.argv) > 2 and sys.argv[1] in ("gateway", "upstream", "clients"):
        role, folder, *more = sys.argv[1:]
        if role == "gateway":
            asyncio.run(_gateway(Path(folder), more[0] == "screen", float(more[1])))
        elif role == "upstream":
            asyncio.run(_upstream(Path(folder)))
        else:
            asyncio.run(_clients(Path(folder), more[0], float(more[1]), float(more[2])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--large", type=float, default=0.0, help="share of requests of 65 kB, 0-1")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    given = {"seconds": arguments.seconds, "rate": arguments.rate, "large": arguments.large}
    without = measure(with_screen=False, **given)
    with_it = measure(with_screen=True, **given)
    if arguments.json:
        print(json.dumps({"no screen": asdict(without), "dashboard": asdict(with_it)}))
    else:
        print(show(without, with_it, arguments.rate))
    if too_much := missed(with_it):
        sys.exit("\n".join(("Too much:", *too_much)))


if __name__ == "__main__":
    main()
