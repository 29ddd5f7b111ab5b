"""The rows that are measured side by side: which cell, which figure of it, and what it may be.

The limits are those that llmgw is held to; where one is relative to another gateway, the figures next to it are what
was measured on 2026-11-28 with Portkey 1.15 and LiteLLM beside the plain proxy with orjson, one core each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.bench.cells import Cell, Result
from tests.bench.figures import middle, quietest
from tests.bench.limits import Limit, least, most
from tests.bench.peers import LITELLM, PORTKEY
from tests.bench.servers import DIRECT, LLMGW, PLAIN, RAW

Figure = Callable[[Result], float | None]
ALL = (DIRECT, RAW, PLAIN, PORTKEY.name, LITELLM.name, LLMGW)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of a cell. What is ``added`` is that of the load that asks the provider itself taken away."""

    name: str
    cell: str
    figure: Figure
    limits: tuple[Limit, ...] = ()
    added: bool = False


def latency_ms(result: Result) -> float | None:
    return result.report.latency_ms.get("p50")


def per_s(result: Result) -> float | None:
    return result.report.per_s


def cpu_ms(result: Result) -> float | None:
    return result.cpu_ms_a_request


def cpu_us_a_token(result: Result) -> float | None:
    return result.cpu_us_a_token


def first_token_ms(result: Result) -> float | None:
    return result.report.first_token_ms.get("p50")


def token_delay_ms(result: Result) -> float | None:
    return result.report.token_delay_ms.get("p50")


def token_delay_p99_ms(result: Result) -> float | None:
    return result.report.token_delay_ms.get("p99")


def calls(result: Result) -> float | None:
    return float(result.calls)


NOT_OF_THE_PROVIDER = (calls, cpu_ms, cpu_us_a_token)

CELLS = {
    "small": Cell("small"),
    "OpenClaw": Cell("OpenClaw"),
    "small, 16": Cell("small", connections=16),
    "OpenClaw, 16": Cell("OpenClaw", connections=16, seconds=2.5),
    "stream": Cell("small", stream=True, gap_ms=5.0, seconds=3.0),
    "32 streams": Cell("small", connections=32, stream=True, gap_ms=20.0, seconds=6.0, warm_up_s=1.0),
    "hit, small": Cell("small", repeats=True),
    "hit, OpenClaw": Cell("OpenClaw", repeats=True),
}
ONLY_OURS = ("hit, small", "hit, OpenClaw")
"""Cells that nobody else is asked: the others keep no answers."""

_SMALL, _LARGE = "pass-through, small body: added p50, ms", "pass-through, OpenClaw body: added p50, ms"
ROWS = (
    Row(_SMALL, "small", latency_ms, (most(3.0, PLAIN), most(1.0, PORTKEY.name, 1.26 / 0.46)), added=True),
    Row("pass-through, small body: CPU, ms a request", "small", cpu_ms),
    Row(_LARGE, "OpenClaw", latency_ms, (most(4.0, PLAIN), most(1.0, PORTKEY.name, 2.66 / 0.62)), added=True),
    Row("pass-through, OpenClaw body: CPU, ms a request", "OpenClaw", cpu_ms),
    Row(
        "16 at once, small body: requests/s",
        "small, 16",
        per_s,
        (least(1.5, PORTKEY.name, 653 / 4651), least(15.0, LITELLM.name, 72 / 4651)),
    ),
    Row(
        "16 at once, OpenClaw body: requests/s",
        "OpenClaw, 16",
        per_s,
        (least(3.0, PORTKEY.name, 245 / 2175), least(15.0, LITELLM.name, 39 / 2175)),
    ),
    Row("stream: added time to first token p50, ms", "stream", first_token_ms, (most(3.0, PLAIN),), added=True),
    Row("stream: delay of a token p50, ms", "stream", token_delay_ms, (most(1.5, PLAIN),)),
    Row("stream: CPU, µs a token", "stream", cpu_us_a_token, (most(2.0, PLAIN),)),
    Row("32 streams of 50 tokens/s: delay of a token p99, ms", "32 streams", token_delay_p99_ms, (most(10.0),)),
    Row("exact hit, small body: added p50, ms", "hit, small", latency_ms, (most(1.0, LLMGW, row=_SMALL),), added=True),
    Row("exact hit, small body: calls of the provider", "hit, small", calls, (most(0.0),)),
    Row(
        "exact hit, OpenClaw body: added p50, ms",
        "hit, OpenClaw",
        latency_ms,
        (most(1.0, LLMGW, row=_LARGE),),
        added=True,
    ),
    Row("exact hit, OpenClaw body: calls of the provider", "hit, OpenClaw", calls, (most(0.0),)),
)
TOOLS_AT_LEAST = 3.0
"""Times the requests/s of the plain proxy that the tools reach without anything between them."""


def chosen(word: str) -> tuple[Row, ...]:
    """The rows with the word in their name, and those that their limits look at."""
    found = [row for row in ROWS if word.lower() in row.name.lower()]
    needed = {limit.row for row in found for limit in row.limits}
    return tuple(row for row in ROWS if row in found or row.name in needed)


def servers_of(cell: str) -> Sequence[str]:
    return (DIRECT, LLMGW) if cell in ONLY_OURS else ALL


def shortened(cells: Mapping[str, Cell], share: float) -> dict[str, Cell]:
    """The same for less time."""
    return {name: replace(cell, seconds=cell.seconds * share) for name, cell in cells.items()}


def figures_of(
    rows: Sequence[Row], results: Mapping[tuple[str, str], Sequence[Result]]
) -> dict[tuple[str, str], float]:
    """The medians of the quiet rounds, by row and by who was measured; ``results`` are by cell and server."""
    found: dict[tuple[str, str], float] = {}
    for row in rows:
        without = _median(row.figure, results.get((row.cell, DIRECT), ())) or 0.0
        for (cell, server), rounds in results.items():
            if cell != row.cell or (server == DIRECT and (row.added or row.figure in NOT_OF_THE_PROVIDER)):
                continue
            if (value := _median(row.figure, rounds)) is not None:
                found[row.name, server] = value - without * row.added
    return found


def _median(figure: Figure, rounds: Sequence[Result]) -> float | None:
    return middle(map(figure, quietest([(one.strangers, one) for one in rounds])))
