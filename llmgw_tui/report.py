"""``llmgw report``: what was spent and saved."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict

from gateway_core.clock import SystemClock
from gateway_core.settings import Settings
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.errors import StoreError
from gateway_core.store.report import ReportRow
from gateway_core.store.requests import RequestLog
from llmgw_tui.text import dollars, one_line


async def report(settings: Settings, days: int, form: str) -> int:
    """What was spent and saved, by day, tier, provider and model."""
    path = settings.data_dir / FILE_NAME
    if not path.exists():
        print(f"llmgw: nothing was recorded in {settings.data_dir} yet.", file=sys.stderr)
        return 1
    try:
        database = await Database.open(path, read_only=True)
        try:
            rows = await RequestLog(database, SystemClock()).report(days)
        finally:
            await database.close()
    except StoreError as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return 1
    _print_report(rows, form)
    return 0


def _print_report(rows: Iterable[ReportRow], form: str) -> None:
    lines = [_in_dollars(row) for row in rows]
    if form == "json":
        print(json.dumps(lines, indent=2))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, fieldnames=list(_in_dollars(ReportRow("", "", "", ""))))
        writer.writeheader()
        writer.writerows(lines)
    else:
        _print_table(list(rows))


def _in_dollars(row: ReportRow) -> dict[str, object]:
    fields = asdict(row)
    for name in ("cost", "saved"):
        fields[f"{name}_usd"] = fields.pop(f"{name}_microusd") / 1e6
    return fields


def _print_table(rows: list[ReportRow]) -> None:
    head = ("day", "tier", "model", "requests", "hits", "in", "out", "cost", "saved")
    body = [
        (
            row.day,
            row.tier or "-",
            one_line(f"{row.provider}/{row.model}") if row.model else "-",
            str(row.requests),
            str(row.cache_hits),
            f"{row.input_tokens:,}",
            f"{row.output_tokens:,}",
            dollars(row.cost_microusd),
            dollars(row.saved_microusd),
        )
        for row in rows
    ]
    total = ("total", "", "", *_totals(rows))
    widths = [max(len(line[column]) for line in (head, *body, total)) for column in range(len(head))]
    for line in (head, *body, total):
        cells = [
            text.ljust(width) if column < 3 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _totals(rows: list[ReportRow]) -> tuple[str, ...]:
    return (
        str(sum(row.requests for row in rows)),
        str(sum(row.cache_hits for row in rows)),
        f"{sum(row.input_tokens for row in rows):,}",
        f"{sum(row.output_tokens for row in rows):,}",
        dollars(sum(row.cost_microusd for row in rows)),
        dollars(sum(row.saved_microusd for row in rows)),
    )
