"""What a start costs: ``python -m tests.start_cost [--rounds N] [--rows N]``; fails where a limit is passed.

Real processes are started in turn, a bare aiohttp server as the measure of the machine, and ``llmgw`` in each of its
situations; each is asked once as soon as it listens. The table has the medians of the CPU that it took up to that first
answer, of the time on the clock, and of the memory of all its processes a few seconds later. ``--rows`` adds a start on
a ledger of so many requests, ``--encoder`` one that loads the encoder, which takes minutes to be exported first.

The limits in seconds hold for a machine on which bare aiohttp takes 0.3 s of CPU. On another one they are so many times
what it takes there: a start fails at 4 times the CPU of bare aiohttp where 1.2 s are asked for. So does one that takes
too long on the clock, but on a faster machine the second of the limit stays a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from gateway_core.cache.encoder.choice import BUILTIN
from gateway_core.cache.encoder.exporting import export_command
from gateway_core.cache.encoder.exports import FOLDER as EXPORTS
from gateway_core.cache.encoder.exports import Exports
from gateway_core.cache.encoder.model_folder import open_folder
from gateway_core.store.database import FILE_NAME
from gateway_core.store.files import open_database
from tests.large_ledger import copy_all, fill

SECRET = "start-secret"
CHEAP = "gpt-5.4-nano"
REST_S = 8.0
"""After the first answer, until the memory is read: what a start does beside the requests is done by then."""
PATIENCE_S = 60.0
BARE_S = 0.3
"""CPU of bare aiohttp on the machine that the limits are for."""
WRITTEN = 20_000
"""Requests of a large ledger that are really written; the rest are copies."""
RICH = dict.fromkeys(("DAILY_BUDGET_SOFT", "DAILY_BUDGET_MEDIUM", "DAILY_BUDGET_HARD"), "100000")
"""A large ledger has spent more today than the usual limits allow."""
BARE = """
import sys
from aiohttp import web
async def hello(request):
    return web.json_response({})
app = web.Application()
app.add_routes([web.get("/", hello)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds of CPU and on the clock up to the first answer, and then MiB resident, and of them its own."""

    cpu_s: float
    wall_s: float
    rss_mb: float
    pss_mb: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What the medians may be at most on the machine of ``BARE_S``; infinite where nothing is asked for."""

    cpu_s: float = float("inf")
    wall_s: float = float("inf")
    rss_mb: float = float("inf")

    def on(self, bare_s: float) -> Limits:
        """The same for a machine on which bare aiohttp takes ``bare_s`` of CPU."""
        slower = bare_s / BARE_S
        return Limits(self.cpu_s * slower, self.wall_s * max(1.0, slower), self.rss_mb)


@dataclass(frozen=True, slots=True)
class Case:
    """How it is started, at a port that is free, and what it is asked first."""

    name: str
    limits: Limits
    run: Callable[[int], Start]


# --- a process and those that it started -----------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """The process and all that it started."""
    found = [pid]
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            found += [one for child in children for one in family(int(child))]
    return found


def cpu_s(pid: int) -> float:
    """Of the process itself: the encoder and the built-in model start beside it, for later requests as a rule."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> tuple[float, float]:
    """RSS and PSS of all of them, in MiB."""
    rss = pss = 0
    for one in family(pid):
        with suppress(OSError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
            rss, pss = (old + int(found[1]) for old, found in zip((rss, pss), _sizes(text), strict=True))
    return rss / 1024, pss / 1024


def _sizes(text: str) -> list[re.Match[str]]:
    return [found for name in ("Rss", "Pss") if (found := re.search(rf"^{name}: +(\d+) kB", text, re.MULTILINE))]


@contextmanager
def started(command: list[str], environment: dict[str, str], terminal: int | None = None) -> Iterator[int]:
    """The process, for the length of a block; its number."""
    stream = subprocess.DEVNULL if terminal is None else terminal
    process = subprocess.Popen(
        command, env=environment, start_new_session=True, stdin=stream, stdout=stream, stderr=stream
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_answer(port: int, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """Asks as soon as somebody listens. Raises ``AssertionError`` for an answer that is none."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
            try:
                connection.connect()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "nobody listens"
                time.sleep(0.002)
                continue
            headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            return


# --- what is started -------------------------------------------------------------------------------------------------


def bare(port: int) -> Start:
    """A server of aiohttp's with one route."""
    began = time.monotonic()
    with started([sys.executable, "-c", BARE, str(port)], {}) as pid:
        first_answer(port, "GET", "/")
        cpu, wall = cpu_s(pid), time.monotonic() - began
        return Start(cpu, wall, *memory_mb(pid))


def environment(data: Path, port: int, **more: str) -> dict[str, str]:
    home = {"PATH": os.environ["PATH"], "HOME": str(data.parent), "XDG_CONFIG_HOME": str(data.parent / "config")}
    own = {"LLMGW_PORT": str(port), "LLMGW_DATA_DIR": str(data), "GATEWAY_SECRET": SECRET}
    return {**home, **own, **more}


def serve(
    data: Path, model: str, keys: dict[str, str], *, embeds: bool = False, rest_s: float = REST_S
) -> Callable[[int], Start]:
    """``llmgw serve`` on ``data``, or on an empty folder where there is none, asked for an answer of ``model``; for its
    health where that is empty.

    ``embeds`` has it load its encoder before the memory is read.
    """

    def run(port: int) -> Start:
        with tempfile.TemporaryDirectory() as name:
            folder = data if data.exists() else Path(name, "data")
            command = [sys.executable, "-m", "llmgw_tui.cli", "serve", "--quiet"]
            began = time.monotonic()
            with started(command, environment(folder, port, **keys)) as pid:
                message = {"role": "user", "content": "What is the capital of France?"}
                if model:
                    first_answer(port, "POST", "/v1/chat/completions", {"model": model, "messages": [message]})
                else:
                    first_answer(port, "GET", "/health")
                cpu, wall = cpu_s(pid), time.monotonic() - began
                if embeds:
                    first_answer(port, "POST", "/v1/embeddings", {"model": "all-MiniLM-L6-v2", "input": "hello"})
                time.sleep(rest_s)
                return Start(cpu, wall, *memory_mb(pid))

    return run


def screen(keys: dict[str, str]) -> Callable[[int], Start]:
    """``llmgw`` in a terminal of 120x40, until its first screen is drawn."""

    def run(port: int) -> Start:
        master, slave = pty.openpty()
        looks = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "120", "LINES": "40"}
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            stack.callback(os.close, master)
            began = time.monotonic()
            given = environment(Path(name, "data"), port, **keys, **looks)
            pid = stack.enter_context(started([sys.executable, "-m", "llmgw_tui.cli"], given, slave))
            os.close(slave)
            read_until(master, b"REQUESTS")
            cpu, wall = cpu_s(pid), time.monotonic() - began
            read_for(master, REST_S)
            found = Start(cpu, wall, *memory_mb(pid))
            os.write(master, b"q")
            return found

    return run


def read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + PATIENCE_S
    while wanted.lower() not in seen.lower():
        assert time.monotonic() < deadline, seen[-2000:]
        if select.select([terminal], [], [], 1.0)[0]:
            seen += os.read(terminal, 65_536)


def read_for(terminal: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            os.read(terminal, 65_536)


# --- the measurement -------------------------------------------------------------------------------------------------


def cases(claude: dict[str, str], openai: dict[str, str], kept: Path, ledger: Path | None) -> list[Case]:
    """``kept`` is a folder whose exact cache has the answer; ``ledger`` one with many requests."""
    none, once = kept / "none", Limits(1.2)
    made = [
        Case("bare aiohttp", Limits(), bare),
        Case("idle, with keys for both", Limits(rss_mb=120), serve(none, "", {**openai, **claude})),
        Case("openai, through its SDK", once, serve(none, "gateway-cheap", openai)),
        Case("anthropic, through its SDK", once, serve(none, "gateway-premium", claude)),
        Case("exact cache", once, serve(kept, "gateway-premium", claude)),
        Case("built-in model, first answer", Limits(), serve(none, "gateway-local", {})),
        Case("first screen", Limits(2.0, rss_mb=160), screen(claude)),
    ]
    if (kept / EXPORTS).exists():
        loaded = serve(kept, "gateway-premium", claude, embeds=True)
        made.append(Case("with the encoder loaded", Limits(rss_mb=700), loaded))
    if ledger:
        made.append(Case("large ledger", Limits(1.2, wall_s=1.0), serve(ledger, "gateway-premium", {**claude, **RICH})))
    return made


def fill_ledger(data: Path, rows: int) -> None:
    now = time.time()
    written = min(rows, WRITTEN)
    data.mkdir(parents=True, exist_ok=True)
    asyncio.run(fill(data, written, 400, now))
    with closing(open_database(data / FILE_NAME, now)[0]) as connection:
        copy_all(connection, rows // written)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def upstream(module: str, *options: str) -> Iterator[str]:
    """A provider's stand-in in a process of its own; its base URL."""
    command = [sys.executable, "-m", module, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def middle(starts: Sequence[Start]) -> Start:
    """The median of each figure."""
    figures = zip(*((one.cpu_s, one.wall_s, one.rss_mb, one.pss_mb) for one in starts), strict=True)
    return Start(*(median(values) for values in figures))


def missed(case: Case, found: Start, measure: Start) -> tuple[str, ...]:
    """Which limits are passed on this machine, whose ``measure`` is bare aiohttp."""
    limits = case.limits.on(measure.cpu_s)
    held = (
        ("s of CPU", found.cpu_s, limits.cpu_s),
        ("s on the clock", found.wall_s, limits.wall_s),
        ("MB", found.rss_mb, limits.rss_mb),
    )
    return tuple(f"{case.name}: {value:.2f} {what}, at most {most:.2f}" for what, value, most in held if value > most)


def show(case: Case, found: Start, measure: Start) -> str:
    most = f"{case.limits.cpu_s / BARE_S:6.1f} x" if case.limits.cpu_s < float("inf") else " " * 8
    times = f"{found.cpu_s:8.2f}{found.cpu_s / measure.cpu_s:8.1f} x{most}{found.wall_s:8.2f}"
    return f"{case.name:<30}{times}{found.rss_mb:8.0f}{found.pss_mb:8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=0, help="add a start on a ledger of so many requests")
    parser.add_argument("--ledger", type=Path, help="where that ledger is, or is to be made and kept")
    parser.add_argument("--encoder", action="store_true", help="add a start that loads the encoder")
    parser.add_argument("--only", default="", help="only the cases with this in their name")
    options = parser.parse_args()
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept, ledger = temporary / "kept", options.ledger or temporary / "ledger"
        off = {"LOCAL_LLM_ENABLED": "false"}
        url = stack.enter_context(upstream("tests.fakes.anthropic"))
        claude = {"ANTHROPIC_API_KEY": "sk-ant-fake-0123456789", "ANTHROPIC_BASE_URL": url, **off}
        url = stack.enter_context(upstream("tests.fakes.openai", "--key", "sk-fake", "--model", CHEAP))
        openai = {
            "OPENAI_API_KEY": "sk-fake",
            "OPENAI_BASE_URL": url,
            "CHEAP_PROVIDER": "openai",
            "CHEAP_MODEL": CHEAP,
            **off,
        }
        if options.rows and not (ledger / FILE_NAME).exists():
            fill_ledger(ledger, options.rows)
        kept.mkdir()
        if options.encoder:
            exports = Exports(kept / EXPORTS, open_folder(BUILTIN))
            with subprocess.Popen(export_command(BUILTIN, exports), stdin=subprocess.PIPE) as exporting:
                assert exporting.wait() == 0, "the encoder cannot be exported"
        serve(kept, "gateway-premium", claude, rest_s=0.0)(free_port())
        found = cases(claude, openai, kept, ledger if options.rows or options.ledger else None)
        measure, *others = found
        chosen = [measure, *(case for case in others if options.only in case.name)]
        starts: dict[str, list[Start]] = {case.name: [] for case in chosen}
        for _ in range(options.rounds):
            for case in chosen:
                starts[case.name].append(case.run(free_port()))
    print(f"{'':<30}{'CPU, s':>8}{'bare':>10}{'most':>8}{'all, s':>8}{'RSS, MB':>8}{'PSS, MB':>8}")
    middles = {case.name: middle(starts[case.name]) for case in chosen}
    print("\n".join(show(case, middles[case.name], middles[measure.name]) for case in chosen))
    print(f"medians of {options.rounds} rounds; load average {', '.join(f'{one:.1f}' for one in os.getloadavg())}")
    if too_much := [text for case in chosen for text in missed(case, middles[case.name], middles[measure.name])]:
        sys.exit("\n".join(("Too much:", *too_much)))


if __name__ == "__main__":
    main()
