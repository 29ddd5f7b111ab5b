"""The tables of a run in Markdown, as they stand in the README."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from tests.bench.findings import Finding
from tests.bench.limits import Figures
from tests.bench.machine import describe
from tests.bench.rows import ALL, Row
from tests.bench.servers import LLMGW, PLAIN


def heading(versions: Mapping[str, str], rounds: tuple[int, int], *, quiet: bool) -> str:
    """Where and when, of what, in how many rounds (side by side, alone), and whether others were at work there."""
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    noise = "" if quiet else " Others were at work on the machine: look at the ratios only, and with care."
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    medians = f"Medians of {rounds[0]} interleaved rounds ({rounds[1]} where llmgw is alone)"
    return f"{date.today()}, {describe()}; {told}. {medians}, load average {load}.{noise}"


def side_by_side(rows: Sequence[Row], figures: Figures) -> str:
    """A column for each who was measured; what ``llmgw`` is to the plain proxy, and what it must be."""
    names = [name for name in ALL if any((row.name, name) in figures for row in rows)]
    titles = ["", *names, f"{LLMGW} to {PLAIN}", "must be"]
    lines = [titles, ["---", *("---:" for _ in names), "---:", "---"]]
    for row in rows:
        values = [_number(figures.get((row.name, name))) for name in names]
        mine, plain = figures.get((row.name, LLMGW)), figures.get((row.name, PLAIN))
        ratio = f"{mine / plain:.2f}x" if mine is not None and plain else ""
        lines.append([row.name, *values, ratio, "; ".join(limit.words for limit in row.limits)])
    return _table(lines)


def alone(findings: Sequence[Finding]) -> str:
    """A line for each finding."""
    lines = [["", LLMGW, "must be", "beside it"], ["---", "---:", "---", "---"]]
    for one in findings:
        bound = "" if one.most is None else f"<= {_number(one.most)}"
        lines.append([f"{one.name}, {one.unit}", _number(one.value), bound, one.beside])
    return _table(lines)


def _table(lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    """Three digits that count, and all before the point."""
    if value is None:
        return ""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}"
