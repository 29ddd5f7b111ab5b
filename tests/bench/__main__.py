"""``make bench``: every measurement, and exit code 1 where a limit is passed. ``PEERS=1`` adds LiteLLM and Portkey.

Each gateway has one core to itself, the load and the provider's stand-in share the other. The tables go to standard
output; what goes on, to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.bench import beside, ledger, screen, semantic, starts
from tests.bench.findings import Finding
from tests.bench.limits import Figures
from tests.bench.machine import Patience
from tests.bench.peers import LITELLM, PEERS_OF, PORTKEY
from tests.bench.report import alone, heading, side_by_side
from tests.bench.rounds import Results, measured
from tests.bench.rows import CELLS, TOOLS_AT_LEAST, Row, chosen, figures_of, shortened
from tests.bench.servers import DIRECT, LLMGW, RAW, Provider, provider, started_all

PATIENCE_S = 180.0
QUICK_PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is measured of ``llmgw`` alone, by a title that ``--only`` looks in."""

    title: str
    run: Callable[[], list[Finding]]
    quick: bool = True
    """Whether it is done in a hurry too."""


def rounds_alone(rounds: int, *, quick: bool) -> int:
    """How many there are of what takes long."""
    return 1 if quick else min(3, rounds)


def parts(given: Provider, patience: Patience, rounds: int, kept: Path | None, *, quick: bool) -> list[Part]:
    """What is measured beside the rows. ``kept`` is where the large ledger is, or is to be made."""
    few = rounds_alone(rounds, quick=quick)
    seconds = 5.0 if quick else 10.0
    streams = shortened(CELLS, 0.5 if quick else 1.0)["32 streams"]
    return [
        Part("control centre open", partial(screen.findings, given, patience, few, seconds)),
        Part("32 streams beside the encoder", partial(beside.findings, given, patience, few, streams)),
        Part("semantic look-up in 10,000 entries", partial(semantic.findings, 10_000)),
        Part("semantic look-up in 100,000 entries", partial(semantic.findings, 100_000), quick=False),
        Part("start and memory", partial(starts.findings, few)),
        Part("ledger", partial(ledger.findings, kept), quick=False),
    ]


def compared(
    rows: Sequence[Row], given: Provider, patience: Patience, rounds: int, *, quick: bool, peers: bool
) -> tuple[Results, list[str]]:
    """Measures the rows side by side."""
    cells = {name: cell for name, cell in CELLS.items() if any(row.cell == name for row in rows)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = started_all(stack, folder, given, peers=peers)
        return measured(shortened(cells, 0.5 if quick else 1.0), servers, given, patience, rounds)


def versions(*, peers: bool) -> dict[str, str]:
    known = {name: version(name) for name in (LLMGW, "aiohttp", "orjson")}
    others = {peer.name: f"{peer.version} (of {PEERS_OF})" for peer in (PORTKEY, LITELLM)}
    return {**known, **(others if peers else {})}


def tools(figures: Figures) -> str:
    """What the stand-in and the load reach without anything between them."""
    lines = []
    for name in sorted({row for row, _ in figures}):
        direct, plain = figures.get((name, DIRECT)), figures.get((name, RAW))
        if name.endswith("requests/s") and direct and plain:
            enough = "" if direct >= TOOLS_AT_LEAST * plain else f", too little: must be {TOOLS_AT_LEAST:g}x"
            lines.append(f"The tools alone, {name}: {direct:,.0f}, {direct / plain:.1f}x the plain proxy{enough}.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--rounds", type=int, default=0, help="interleaved rounds (5, or 1 when it is quick)")
    parser.add_argument("--only", default="", metavar="WORD", help="only what has this in its name")
    parser.add_argument("--quick", action="store_true", help="less of everything, in five minutes")
    parser.add_argument("--ledger", type=Path, help="where the large ledger is, or is to be made and kept (6 GB)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # or what is measured would go on
    quick, peers = options.quick, os.environ.get("PEERS", "0") not in ("", "0")
    rounds = options.rounds or (1 if quick else 5)
    patience = Patience(QUICK_PATIENCE_S if quick else PATIENCE_S * (1 + peers))
    rows = chosen(options.only)
    results, problems, findings = Results(), list[str](), list[Finding]()
    with provider() as given:
        wanted = [
            part
            for part in parts(given, patience, rounds, options.ledger, quick=quick)
            if (part.quick or not quick or options.only) and options.only.lower() in part.title
        ]
        if not rows and not wanted:
            parser.error(f"nothing that is measured has {options.only!r} in its name")
        if rows:
            results, problems = compared(rows, given, patience, rounds, quick=quick, peers=peers)
        for part in wanted:
            print(part.title, file=sys.stderr, flush=True)
            patience.wait()
            try:
                findings += part.run()
            except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as error:
                problems.append(f"{part.title}: {error}")
    figures = figures_of(rows, results)
    problems += [told for row in rows for limit in row.limits if (told := limit.passed(row.name, figures))]
    problems += [one.passed for one in findings if one.passed]
    told = heading(versions(peers=peers), (rounds, rounds_alone(rounds, quick=quick)), quiet=patience.was_quiet)
    shown = [told, side_by_side(rows, figures) if results else "", alone(findings) if findings else "", tools(figures)]
    print("\n\n".join(filter(None, shown)))
    if options.json:
        options.json.write_text(_as_json(told, figures, results, findings, problems))
    if problems:
        sys.exit("\n".join(("\nToo much:", *problems)))


def _as_json(
    told: str, figures: Figures, results: Results, findings: Sequence[Finding], problems: Sequence[str]
) -> str:
    kept = {
        "heading": told,
        "figures": [{"row": row, "server": server, "value": value} for (row, server), value in figures.items()],
        "rounds": [
            {"cell": cell, "server": server, **asdict(one)}
            for (cell, server), rounds in results.items()
            for one in rounds
        ],
        "findings": [asdict(one) for one in findings],
        "problems": list(problems),
    }
    return json.dumps(kept, indent=1)


if __name__ == "__main__":
    main()
