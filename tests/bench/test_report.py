"""What was measured becomes figures, and the figures a table for the README."""

from __future__ import annotations

from tests.bench.cells import Result
from tests.bench.findings import Finding
from tests.bench.load import Report
from tests.bench.report import alone, side_by_side
from tests.bench.rows import ROWS, chosen, figures_of
from tests.bench.servers import DIRECT, LLMGW, PLAIN

(SMALL, *_) = chosen("pass-through, small body: added")


def result(p50_ms: float, strangers: float = 0.0, calls: int = 0) -> Result:
    """A round of 100 requests in a second, with as many tokens, of a millisecond of CPU each."""
    latency = {"p50": p50_ms, "p95": p50_ms, "p99": p50_ms, "max": p50_ms}
    report = Report(100, 0, "", 1.0, latency, latency, latency, 100, 100, 100, 0, 0.1)
    return Result(report, 0.1, calls, strangers, 1.0)


def test_what_is_added_is_what_the_load_takes_alone_taken_away() -> None:
    results = {("small", DIRECT): [result(0.25)], ("small", PLAIN): [result(0.75)], ("small", LLMGW): [result(1.5)]}
    assert figures_of([SMALL], results) == {(SMALL.name, PLAIN): 0.5, (SMALL.name, LLMGW): 1.25}


def test_a_loud_round_does_not_move_a_figure() -> None:
    rounds = [result(1.0), result(9.0, strangers=0.8), result(1.0), result(1.0), result(9.0, strangers=0.9)]
    assert figures_of([SMALL], {("small", LLMGW): rounds})[SMALL.name, LLMGW] == 1.0


def test_the_provider_has_no_cpu_of_a_gateway() -> None:
    (row,) = (row for row in ROWS if row.name == "pass-through, small body: CPU, ms a request")
    results = {("small", DIRECT): [result(1.0)], ("small", LLMGW): [result(1.0)]}
    assert figures_of([row], results) == {(row.name, LLMGW): 1.0}


def test_a_hit_that_asks_the_provider_passes_its_limit() -> None:
    (row,) = (row for row in ROWS if row.name == "exact hit, small body: calls of the provider")
    told = [
        row.limits[0].passed(row.name, figures_of([row], {(row.cell, LLMGW): [result(1.0, calls=calls)]}))
        for calls in (0, 3)
    ]
    assert [bool(one) for one in told] == [False, True]


def test_a_table_has_a_column_for_each_who_was_measured() -> None:
    figures = {(SMALL.name, PLAIN): 0.5, (SMALL.name, LLMGW): 1.25}
    heads, _, line = side_by_side([SMALL], figures).splitlines()
    assert heads == "|  | aiohttp (orjson) | llmgw | llmgw to aiohttp (orjson) | must be |"
    assert line == f"| {SMALL.name} | 0.50 | 1.25 | 2.50x | <= 3x aiohttp (orjson); <= 1x Portkey |"


def test_what_is_measured_alone_is_told_with_its_limit() -> None:
    found = Finding("a start: CPU", 1.25, "s", 1.2, "bare aiohttp 0.3")
    assert alone([found]).splitlines()[-1] == "| a start: CPU, s | 1.25 | <= 1.20 | bare aiohttp 0.3 |"
    assert found.passed == "a start: CPU: 1.25 s, must be <= 1.2"
    assert Finding("a start: CPU", 1.2, "s", 1.2).passed == ""
