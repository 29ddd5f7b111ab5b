"""One load on one server: what is asked in it, and what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass, fields
from functools import cache

from tests.bench.bodies import BODIES, Asked
from tests.bench.load import NUMBER, Load, Manner, Report
from tests.bench.machine import GATEWAY_CORE, LOAD_CORE, Patience, busy_s, core_for, cpu_s, on_core
from tests.bench.servers import Provider, Server
from tests.bench.upstream import Pace

MOST_S = 120.0
_ALWAYS = 424_242_424_242
"""The number in a request that is asked again and again."""


@dataclass(frozen=True, slots=True)
class Cell(Manner):
    """What is asked: which body, and how. ``gap_ms`` is the time between two tokens of the provider's stream, all at
    once for 0."""

    body: str
    gap_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one server made of a cell, in one round.

    ``cpu_s`` is what its processes took in all ``taken_s`` seconds; ``calls`` how often the provider was asked, but for
    the first request of those that are repeated; ``strangers`` the share of a core that others took at most.
    """

    report: Report
    cpu_s: float
    calls: int
    strangers: float
    taken_s: float

    @property
    def cpu_us_a_token(self) -> float | None:
        return self.cpu_s * 1e6 / self.report.all_tokens if self.report.all_tokens else None

    @property
    def cpu_ms_a_request(self) -> float | None:
        return self.cpu_s * 1e3 / self.report.all_answered if self.report.all_answered else None


@cache
def _asked(body: str) -> Asked:
    return BODIES[body]()


def load_of(cell: Cell, server: Server) -> Load:
    """The cell as it is asked of a server; numbers that no other cell has had are in its requests."""
    asked = _asked(cell.body)
    return Load(
        port=server.port,
        path=server.path,
        headers={**asked.headers, **server.headers},
        body=asked.text(server.model, stream=cell.stream),
        first=_ALWAYS if cell.repeats else time.time_ns() // 1_000 % 10**12,
        **{one.name: getattr(cell, one.name) for one in fields(Manner)},
    )


def measure(cell: Cell, server: Server, given: Provider, patience: Patience) -> Result:
    """Waits for a quiet moment, and asks. Raises ``RuntimeError`` where that gives no answers."""
    given.set_pace(Pace(gap_s=cell.gap_ms / 1e3))
    load = load_of(cell, server)
    if cell.repeats:
        _ask_once(load)
    patience.wait()
    calls, busy, began = given.calls(), busy_s(), time.monotonic()
    provider_s, server_s = cpu_s(given.pid), cpu_s(server.pid) if server.pid else 0.0
    report = run(load)
    taken_s = time.monotonic() - began
    provider_s = cpu_s(given.pid) - provider_s
    server_s = cpu_s(server.pid) - server_s if server.pid else 0.0
    if not report.answered or report.failed > report.answered // 100:
        raise RuntimeError(f"{server.name}, {cell}: {report.failed} failed: {report.first_failure}")
    at_work = {core: now - busy[core] for core, now in busy_s().items()}
    (gateway_core,), (load_core,) = core_for(GATEWAY_CORE), core_for(LOAD_CORE)
    ours = {gateway_core: server_s, load_core: provider_s + report.cpu_s}
    if gateway_core == load_core:
        ours = {gateway_core: server_s + provider_s + report.cpu_s}
    strangers = max((at_work[core] - own) / taken_s for core, own in ours.items())
    return Result(report, server_s, given.calls() - calls, max(0.0, strangers), taken_s)


def run(load: Load) -> Report:
    """The load, by a process of its own."""
    with on_core(LOAD_CORE):
        asking = start(load)
    return ended(asking)


def start(load: Load) -> subprocess.Popen[str]:
    """The process that asks, on the core of whoever calls this."""
    asking = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asking.stdin
    asking.stdin.write(json.dumps(asdict(load)))
    asking.stdin.close()
    asking.stdin = None
    return asking


def ended(asking: subprocess.Popen[str]) -> Report:
    """What it tells at its end."""
    try:
        told, _ = asking.communicate(timeout=MOST_S)
    finally:
        asking.kill()
    if asking.returncode:
        raise RuntimeError("the load ended before its time")
    return Report(**json.loads(told))


def _ask_once(load: Load) -> None:
    """So that the answer is known."""
    body = load.body.replace(NUMBER, str(load.first)).encode()
    url, headers = f"http://127.0.0.1:{load.port}{load.path}", {"Content-Type": "application/json", **load.headers}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        answer.read()
