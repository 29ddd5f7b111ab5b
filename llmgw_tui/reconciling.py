"""``llmgw report --reconcile``: the ledger held against an export of Anthropic's."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from gateway_core.clock import SystemClock
from gateway_core.reconcile import TOKENS, Comparison, compare
from gateway_core.settings import Settings
from gateway_core.store.days import day_of
from gateway_core.store.errors import StoreError
from gateway_core.store.ledger import Ledger
from gateway_core.wire.anthropic_exports import Amounts, Export, NoExport, read_export
from llmgw_tui.report import reading
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain
from llmgw_tui.text import dollars, one_line

LARGEST_BYTES = 64 * 1024 * 1024
PROVIDER = "anthropic"
_NAMES = {
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_5m_tokens": "cache write 5m",
    "cache_write_1h_tokens": "cache write 1h",
    "output_tokens": "output",
    "web_searches": "searches",
    "cost_microusd": "cost",
}


async def reconcile(settings: Settings, file: Path, tolerance_percent: float, form: str) -> int:
    """Prints both sides by day and model; 1 when they differ by more than ``tolerance_percent``, or cannot be read."""
    clock = SystemClock()
    try:
        export = _read(file)
        async with reading(settings) as database:
            calls = await Ledger(database, clock).calls_of(PROVIDER, export.first_day, export.last_day)
    except (StoreError, NoExport, OSError) as error:
        return complain(str(error))
    found = compare(export, calls, tolerance_percent, day_of(clock.now()))
    kinds = ("cost_microusd",) if export.has_cost else TOKENS
    if form == "table":
        _print(found, kinds, export, tolerance_percent)
    else:
        _write(found, kinds, as_json=form == "json")
    return 1 if any(compared.off for compared in found) else 0


def _read(file: Path) -> Export:
    if file.stat().st_size > LARGEST_BYTES:
        raise NoExport(f"{file} is larger than {LARGEST_BYTES // 2**20} MB.")
    return read_export(file.read_bytes())


def _print(found: tuple[Comparison, ...], kinds: tuple[str, ...], export: Export, tolerance_percent: float) -> None:
    print(f"{export.first_day} to {export.last_day} (UTC), the ledger against Anthropic's export\n")
    lines = [("day", "model", "kind", "ledger", "Anthropic", "difference")]
    for compared in found:
        for kind in kinds:
            ours, theirs = getattr(compared.ours, kind), getattr(compared.theirs, kind)
            if ours or theirs:
                mark = " !" if kind in compared.off else ""
                amounts = (_shown(kind, ours), _shown(kind, theirs), _shown(kind, ours - theirs) + mark)
                lines.append((compared.day, one_line(compared.model) or "-", _NAMES[kind], *amounts))
    print_table(lines, left=3)
    off = [compared for compared in found if compared.off]
    for compared in off:
        print(f"\n{compared.day} {one_line(compared.model) or 'not by model'}: likely")
        for reason in compared.reasons:
            print(f"  - {reason}")
    print()
    for kind in kinds:
        ours, theirs = (sum((getattr(side, kind) for side in sides), 0) for sides in _sides(found))
        if ours or theirs:
            print(f"{_NAMES[kind]} in all: {_shown(kind, ours)} in the ledger, {_shown(kind, theirs)} at Anthropic")
    if off:
        print(f"{len(off)} of {len(found)} days and models are off by more than {tolerance_percent:g} %.")
    else:
        print(f"All {len(found)} days and models agree within {tolerance_percent:g} %.")


def _sides(found: tuple[Comparison, ...]) -> tuple[list[Amounts], list[Amounts]]:
    return [compared.ours for compared in found], [compared.theirs for compared in found]


def _shown(kind: str, amount: object) -> str:
    return dollars(round(float(str(amount)))) if kind == "cost_microusd" else f"{int(str(amount)):,}"


def _write(found: tuple[Comparison, ...], kinds: tuple[str, ...], *, as_json: bool) -> None:
    lines: list[dict[str, object]] = []
    for compared in found:
        line: dict[str, object] = {"day": compared.day, "model": compared.model}
        for kind in kinds:
            name = "cost_usd" if kind == "cost_microusd" else kind
            for side, amounts in (("ledger", compared.ours), ("anthropic", compared.theirs)):
                value = getattr(amounts, kind)
                line[f"{side}_{name}"] = float(value) / 1e6 if kind == "cost_microusd" else value
        line["off"] = bool(compared.off)
        line["reasons"] = list(compared.reasons) if as_json else "; ".join(compared.reasons)
        lines.append(line)
    if as_json:
        print(json.dumps(lines, indent=2))
        return
    writer = csv.DictWriter(sys.stdout, fieldnames=list(lines[0]) if lines else ["day", "model"])
    writer.writeheader()
    writer.writerows(lines)
