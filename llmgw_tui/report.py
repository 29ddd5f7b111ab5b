"""``llmgw report``: what was spent and saved."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway_core.clock import SystemClock
from gateway_core.providers.pricing import Pricing
from gateway_core.settings import Settings
from gateway_core.spend_csv import csv_text, plain
from gateway_core.spend_values import BY, SpendRow
from gateway_core.spending.reading import read_rows, span_of
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.days import day_of
from gateway_core.store.errors import StoreError
from gateway_core.store.report import KEYS
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain
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
    """What was spent and saved, by day, tier, provider and model, or by one thing (``spend_values.BY``)."""
    keys = BY[by] if by else KEYS
    pricing = Pricing(settings.all_prices, settings.unknown_price)
    span = span_of(f"{days}d", day_of(SystemClock().now()))
    try:
        async with reading(settings) as database:
            rows = await database.run(lambda connection: read_rows(connection, span, keys, pricing.is_known))
    except StoreError as error:
        return complain(str(error))
    if form == "json":
        print(json.dumps([plain(row, keys) for row in rows], indent=2))
    elif form == "csv":
        sys.stdout.write(csv_text(rows, keys))
    else:
        _print_table(rows, keys)
    return 0


def _print_table(rows: list[SpendRow], keys: tuple[str, ...]) -> None:
    names = [name for name in keys if name != "provider" or "model" not in keys]
    total = _sums(rows)
    if not any(row.saved_unsplit_microusd for row in rows):
        total, cut = total[:-1], 1
    else:
        cut = 0
    head = (*names, "requests", "answered", "hits", "in", "out", "cost", "saved", "cache", "prompt", "routing", "older")
    body = []
    for row in rows:
        sums = list(_sums([row]))
        if not row.price_known and row.cost_microusd:
            sums[_COST] += GUESSED
        body.append((*(_name(row, name) for name in names), *sums[: len(sums) - cut]))
    blank = ("total", *[""] * (len(names) - 1))
    print_table([head[: len(head) - cut], *body, (*blank, *total)], left=len(names))
    if any(not row.price_known and row.cost_microusd for row in rows):
        print(f"\n{GUESSED} no price is known: charged at unknown_price. Set it under prices in config.yaml.")
    print(
        f"\ncache: {sum(row.cache_hits for row in rows):,} hits saved"
        f" {dollars(sum(row.saved_by_answer_cache_microusd for row in rows))} and"
        f" {time_saved(sum(row.cache_saved_ms for row in rows))} of waiting"
    )
    if any(row.saved_by_prompt_cache_microusd < 0 for row in rows):
        print(
            "\nprompt: less than $0 is prompt-cache writes not yet repaid by reads; a write costs more than input does"
        )
    print(
        "\nsaved: against the premium model's list price without prompt caching; by the answer cache, by the provider's"
        " prompt cache,\nand by routing to another model"
    )


def _name(row: SpendRow, name: str) -> str:
    if name == "model":
        return one_line(f"{row.provider}/{row.model}") if row.model else "-"
    return one_line(str(getattr(row, name))) or "-"


_COST = 5


def _sums(rows: list[SpendRow]) -> tuple[str, ...]:
    return (
        str(sum(row.requests for row in rows)),
        str(sum(row.answered for row in rows)),
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
