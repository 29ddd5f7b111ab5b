"""The machine under the measurement: its cores, what a process took of them, and whether others are at work on it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.start_cost import family

GATEWAY_CORE, LOAD_CORE = 0, 1
QUIET_SHARE = 0.2
"""Of a core that others may take for the machine to be called quiet."""
LOOK_S = 0.35
_TICKS_A_S = os.sysconf("SC_CLK_TCK")
_ALLOWED = sorted(os.sched_getaffinity(0))


def core_for(core: int) -> set[int]:
    """The core, or the only one of a machine that has no other."""
    return {_ALLOWED[min(core, len(_ALLOWED) - 1)]}


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started within the block, and all that this starts itself, runs on one core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core_for(core))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_s(pid: int) -> float:
    """Of a process and all that it started and that still run, user and system, to the nanosecond."""
    taken = 0.0
    for one in family(pid):
        with suppress(OSError):
            taken += time.clock_gettime(
                (~one << 3) | 2
            )  # CLOCK_PROCESS_CPUTIME_ID of another: see clock_getcpuclockid(3)
    return taken


def busy_s() -> dict[int, float]:
    """How long each core has been at work since the machine was started; what other virtual machines took included."""
    found = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _, _, irq, softirq, steal, *_ = map(int, ticks)
            found[int(name[3:])] = (user + nice + system + irq + softirq + steal) / _TICKS_A_S
    return found


@dataclass
class Patience:
    """Waits for a quiet moment, for so many seconds in all."""

    left_s: float
    was_quiet: bool = True
    """Whether there was one each time."""

    def wait(self, most_s: float = 20.0) -> None:
        """Until the cores of the measurement are mostly free."""
        deadline = time.monotonic() + min(most_s, self.left_s)
        began = time.monotonic()
        cores = core_for(GATEWAY_CORE) | core_for(LOAD_CORE)
        while True:
            before, looked = busy_s(), time.monotonic()
            time.sleep(LOOK_S)
            after, took_s = busy_s(), time.monotonic() - looked
            if max((after[core] - before[core]) / took_s for core in cores) < QUIET_SHARE:
                break
            if time.monotonic() > deadline:
                self.was_quiet = False
                break
        self.left_s = max(0.0, self.left_s - (time.monotonic() - began - LOOK_S))


def describe() -> str:
    """The processor, and what runs on it."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    processor = models[0] if models else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
