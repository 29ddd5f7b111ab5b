"""The commands that ask: status, report, explain."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import aiohttp

from gateway_core.explain import Explainer, Explanation
from gateway_core.secret import gateway_secret
from gateway_core.settings import Settings
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.errors import StoreError
from gateway_core.store.requests import RequestLog
from gateway_core.store.totals import ReportRow
from llmgw_tui.text import dollars, one_line

ASK_S = 3.0
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def address_of(settings: Settings) -> str:
    """Where the configured gateway can be reached from this machine."""
    host = ANY_HOST.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def gateway_answers(settings: Settings) -> bool:
    """Whether an llmgw listens at the configured address."""
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{address_of(settings)}/health") as r,
        ):
            found = await r.json()
            return isinstance(found, dict) and found.get("service") == "llmgw"
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def status(settings: Settings, *, as_json: bool) -> int:
    """One line for a prompt or a status bar; 1 when no gateway runs."""
    key = gateway_secret(settings, create=False) or ""
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    headers = {"Authorization": f"Bearer {key}"}
    address = address_of(settings)
    try:
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            async with session.get(f"{address}/health") as answer:
                health = await answer.json()
            async with session.get(f"{address}/api/metrics") as answer:
                metrics = await answer.json()
                refused = answer.status != 200
            async with session.get(f"{address}/api/budget") as answer:
                budget = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        print(json.dumps({"running": False}) if as_json else f"llmgw: nothing answers at {address}")
        return 1
    if refused:
        print(f"llmgw: a gateway runs at {address}, but the key here is not its key.", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"running": True, "address": address, **health, "metrics": metrics, "budget": budget}))
        return 0
    hard = f" of {budget['hard_usd']:.2f}" if budget["hard_usd"] else ""
    hits = metrics["cache"]["hit_rate"]
    print(
        f"llmgw {health['state']}  {budget['spent_usd']:.2f}{hard} USD today  saved {metrics['saved_usd']:.2f}  "
        f"{metrics['requests_today']} requests  cache {hits:.0%}  {metrics['in_flight']} in flight"
    )
    return 0


async def report(settings: Settings, days: int, form: str) -> int:
    """What was spent and saved, by day, tier, provider and model."""
    path = settings.data_dir / FILE_NAME
    if not path.exists():
        print(f"llmgw: nothing was recorded in {settings.data_dir} yet.", file=sys.stderr)
        return 1
    from gateway_core.clock import SystemClock

    try:
        database = await Database.open(path)
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


def explain(settings: Settings, file: str, *, as_json: bool) -> int:
    """The routing decision for a prompt, or for each line of JSONL."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"llmgw: {file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}", file=sys.stderr)
        return 1
    explainer = Explainer(settings)
    if not as_json:
        _print_explanation(explainer.explain(text.strip()))
        return 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            prompt, prompt_id = asked["prompt"], str(asked.get("id", number))
        except (ValueError, KeyError, TypeError, AttributeError):
            print(f'llmgw: line {number} is not {{"id": ..., "prompt": ...}}', file=sys.stderr)
            return 1
        print(json.dumps(asdict(explainer.explain(str(prompt), prompt_id)), ensure_ascii=False))
    return 0


def _print_explanation(found: Explanation) -> None:
    print(f"{found.tier or 'refused'}  {one_line(found.model)}  difficulty {found.difficulty:.2f}  ({found.route})")
    for reason in found.reasons:
        print(f"  {one_line(reason)}")
    if found.missing:
        print(f"  {found.missing} is not set: without it the request goes to the next tier that can take it.")
