"""``llmgw report``: what was spent and saved."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from gateway_core.clock import SystemClock
from gateway_core.providers.pricing import Pricing
from gateway_core.settings import Settings
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.errors import StoreError
from gateway_core.store.report import BY, KEYS, ReportRow
from gateway_core.store.requests import RequestLog
from llmgw_tui.tables import print_table
from llmgw_tui.text import dollars, one_line, time_saved

GUESSED = "*"
"""Behind a cost that rests on no known price."""


class NothingRecorded(StoreError):
    """There is no store yet."""


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Database]:
    """The store of the data folder, only to be read. Raises :class:`StoreError`."""
    path = settings.data_dir / FILE_NAME
    if not path.exists():
        raise NothingRecorded(f"nothing was recorded in {settings.data_dir} yet.")
    database = await Database.open(path, read_only=True)
    try:
        yield database
    finally:
        await database.close()


async def report(settings: Settings, days: int, form: str, by: str | None = None) -> int:
    """What was spent and saved, by day, tier, provider and model, or by one of them, or by session."""
    keys = BY[by] if by else KEYS
    try:
        async with reading(settings) as database:
            rows = await RequestLog(database, SystemClock()).report(days, keys)
    except StoreError as error:
        print(f"llmgw: {error}", file=sys.stderr)
        return 1
    pricing = Pricing(settings.all_prices, settings.unknown_price)
    lines = [_plain(row, keys, pricing) for row in rows]
    if form == "json":
        print(json.dumps(lines, indent=2))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, fieldnames=list(_plain(ReportRow(), keys, pricing)))
        writer.writeheader()
        writer.writerows(lines)
    else:
        _print_table(list(rows), keys, pricing)
    return 0


def _is_known(row: ReportRow, pricing: Pricing) -> bool:
    return not row.model or pricing.is_known(row.provider, row.model)


def _plain(row: ReportRow, keys: tuple[str, ...], pricing: Pricing) -> dict[str, object]:
    """What the row goes by and its sums, money in dollars. ``price_known`` is there where there is a model."""
    fields = {name: value for name, value in asdict(row).items() if name in keys or isinstance(value, int)}
    plain = {
        name.removesuffix("_microusd") + "_usd" if name.endswith("_microusd") else name: (
            value / 1e6 if name.endswith("_microusd") else value
        )
        for name, value in fields.items()
    }
    return {**plain, "price_known": _is_known(row, pricing)} if "model" in keys else plain


def _print_table(rows: list[ReportRow], keys: tuple[str, ...], pricing: Pricing) -> None:
    names = [name for name in keys if name != "provider"]
    total = _sums(rows)
    if not any(row.saved_unsplit_microusd for row in rows):
        total, cut = total[:-1], 1
    else:
        cut = 0
    head = (*names, "requests", "hits", "in", "out", "cost", "saved", "cache", "prompt", "routing", "older")
    body = []
    for row in rows:
        sums = list(_sums([row]))
        if not _is_known(row, pricing) and row.cost_microusd:
            sums[_COST] += GUESSED
        body.append((*(_name(row, name) for name in names), *sums[: len(sums) - cut]))
    blank = ("total", *[""] * (len(names) - 1))
    print_table([head[: len(head) - cut], *body, (*blank, *total)], left=len(names))
    if any(not _is_known(row, pricing) and row.cost_microusd for row in rows):
        print(f"\n{GUESSED} no price is known: charged at unknown_price. Set it under prices in config.yaml.")
    print(
        f"\ncache: {sum(row.cache_hits for row in rows):,} hits saved"
        f" {dollars(sum(row.saved_by_answer_cache_microusd for row in rows))} and"
        f" {time_saved(sum(row.cache_saved_ms for row in rows))} of waiting"
    )
    print(
        "\nsaved: against the premium model's list price without prompt caching; by the answer cache, by the provider's"
        " prompt cache\n(less than nothing where a write did not pay), and by routing to another model"
    )


def _name(row: ReportRow, name: str) -> str:
    if name == "model":
        return one_line(f"{row.provider}/{row.model}") if row.model else "-"
    return one_line(str(getattr(row, name))) or "-"


_COST = 4


def _sums(rows: list[ReportRow]) -> tuple[str, ...]:
    return (
        str(sum(row.requests for row in rows)),
        str(sum(row.cache_hits for row in rows)),
        f"{sum(row.input_tokens for row in rows):,}",
        f"{sum(row.output_tokens for row in rows):,}",
        dollars(sum(row.cost_microusd for row in rows)),
        dollars(sum(row.saved_microusd for row in rows)),
        dollars(sum(row.saved_by_answer_cache_microusd for row in rows)),
        dollars(sum(row.saved_by_prompt_cache_microusd for row in rows)),
        dollars(sum(row.saved_by_routing_microusd for row in rows)),
        dollars(sum(row.saved_unsplit_microusd for row in rows)),
    )
