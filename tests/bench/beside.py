"""What streams feel of the encoder at work in the same gateway, on the same core."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.cells import Cell, Result, ended, measure, start
from tests.bench.encoder import put_into
from tests.bench.figures import middle, quietest
from tests.bench.findings import Finding
from tests.bench.load import NUMBER, Load
from tests.bench.machine import LOAD_CORE, Patience, on_core
from tests.bench.rows import token_delay_p99_ms
from tests.bench.servers import Provider, Server, llmgw
from tests.start_cost import first_answer

MODEL = "all-MiniLM-L6-v2"
MOST_SLOWER = 2.0


def encoding(server: Server, seconds: float) -> Load:
    """One short text after the other, each another one."""
    body = json.dumps({"model": MODEL, "input": f"What is plant {NUMBER} good for?"})
    return Load(server.port, "/v1/embeddings", dict(server.headers), body, seconds=seconds, warm_up_s=0.0)


@contextmanager
def _at_work(server: Server, seconds: float) -> Iterator[None]:
    with on_core(LOAD_CORE):
        asking = start(encoding(server, seconds))
    try:
        yield
    finally:
        ended(asking)


def findings(given: Provider, patience: Patience, rounds: int, cell: Cell) -> list[Finding]:
    """The streams of a cell with and without the encoder at work, in turn."""
    seen: dict[bool, list[Result]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as name:
        data = Path(name, "data")
        data.mkdir()
        put_into(data)
        with llmgw(Path(name), given) as server:
            first_answer(server.port, "POST", "/v1/embeddings", {"model": MODEL, "input": "hello"})
            for _ in range(rounds):
                seen[False].append(measure(cell, server, given, patience))
                patience.wait()
                with _at_work(server, cell.warm_up_s + cell.seconds + 2.0):
                    seen[True].append(measure(cell, server, given, Patience(0.0)))
    without, with_it = (_p99_ms(rounds) for rounds in (seen[False], seen[True]))
    beside = f"without: {without:.1f} ms"
    return [
        Finding("32 streams beside the encoder: delay of a token p99", with_it, "ms", MOST_SLOWER * without, beside)
    ]


def _p99_ms(results: list[Result]) -> float:
    return middle(token_delay_p99_ms(one) for one in quietest([(one.strangers, one) for one in results])) or 0.0
