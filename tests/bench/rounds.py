"""Has all servers do all cells, in interleaved rounds: what disturbs one round disturbs everybody's figures of it."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence

from tests.bench.cells import Cell, Result, load_of, measure, run
from tests.bench.machine import Patience
from tests.bench.rows import servers_of
from tests.bench.servers import Provider, Server
from tests.bench.upstream import Pace

WARM_UP = (Cell("small", connections=4, seconds=1.0), Cell("small", connections=4, seconds=1.0, stream=True))
"""Before anything is counted: some import what they need with the first request that needs it."""
Results = dict[tuple[str, str], list[Result]]
"""By cell and server, a result for each round."""


def measured(
    cells: Mapping[str, Cell], servers: Sequence[Server], given: Provider, patience: Patience, rounds: int
) -> tuple[Results, list[str]]:
    """What came of it, and what failed, in words. A server that fails once in a cell is not asked it again."""
    for server in servers:
        for cell in WARM_UP:
            given.set_pace(Pace())
            run(load_of(cell, server))
    results: Results = {}
    failed: dict[tuple[str, str], str] = {}
    dice = random.Random(7)
    for number in range(rounds):
        for name, cell in cells.items():
            asked = [one for one in servers if one.name in servers_of(name) and (name, one.name) not in failed]
            for server in dice.sample(asked, len(asked)):
                try:
                    result = measure(cell, server, given, patience)
                except (RuntimeError, OSError) as error:
                    failed[name, server.name] = f"{name}: {error}"
                    continue
                results.setdefault((name, server.name), []).append(result)
                print(f"{number + 1}/{rounds} {_line(name, server, result)}", file=sys.stderr, flush=True)
    return results, list(failed.values())


def _line(cell: str, server: Server, result: Result) -> str:
    report, cpu_ms = result.report, result.cpu_ms_a_request or 0.0
    took = f"p50 {report.latency_ms['p50']:8.2f} ms, {report.per_s:8.1f}/s, CPU {cpu_ms:6.2f} ms"
    return f"{cell:<16}{server.name:<18}{took}, others took {result.strangers:4.0%} of a core"
