"""What streams feel of the encoder at work in the same gateway, on the same core."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
TEXTS_A_S = 20.0
"""One developer's agents ask less often."""


def encoding(server: Server, seconds: float) -> Load:
    """Short texts to encode, each another one."""
    body = {"model": MODEL, "input": f"What is plant {NUMBER} good for?"}
    return _asked(server, "/v1/embeddings", body, seconds)


def passing_through(server: Server, seconds: float) -> Load:
    """As many questions that go to the provider: what requests cost a stream that need no encoder."""
    body = {"model": server.model, "messages": [{"role": "user", "content": f"What is plant {NUMBER} good for?"}]}
    return _asked(server, server.path, body, seconds)


def _asked(server: Server, path: str, body: dict[str, Any], seconds: float) -> Load:
    text = json.dumps(body)
    return Load(server.port, path, dict(server.headers), text, seconds=seconds, warm_up_s=0.0, rate=TEXTS_A_S)


@contextmanager
def _at_work(load: Load) -> Iterator[None]:
    with on_core(LOAD_CORE):
        asking = start(load)
    try:
        yield
    finally:
        if (report := ended(asking)).failed:
            raise RuntimeError(f"beside the streams: {report.first_failure}")


def findings(given: Provider, patience: Patience, rounds: int, cell: Cell) -> list[Finding]:
    """The streams of a cell alone, beside requests that need no encoder, and beside its work, in turn."""
    alone: list[Result] = []
    passing: list[Result] = []
    encoded: list[Result] = []
    with tempfile.TemporaryDirectory() as name:
        data = Path(name, "data")
        data.mkdir()
        put_into(data)
        with llmgw(Path(name), given) as server:
            first_answer(server.port, "POST", "/v1/embeddings", {"model": MODEL, "input": "hello"})
            for _ in range(rounds):
                alone.append(measure(cell, server, given, patience))
                for results, load in ((passing, passing_through), (encoded, encoding)):
                    patience.wait()
                    with _at_work(load(server, cell.warm_up_s + cell.seconds + 2.0)):
                        results.append(measure(cell, server, given, Patience(0.0)))
    without = _p99_ms(passing)
    beside = f"beside as many pass-throughs: {without:.1f} ms; alone: {_p99_ms(alone):.1f} ms"
    name = f"32 streams beside {TEXTS_A_S:g} texts/s for the encoder: delay of a token p99"
    return [Finding(name, _p99_ms(encoded), "ms", MOST_SLOWER * without, beside)]


def _p99_ms(results: list[Result]) -> float:
    return middle(token_delay_p99_ms(one) for one in quietest([(one.strangers, one) for one in results])) or 0.0
