"""What Anthropic says it charged: the exports of its Console and the reports of its Admin API, read into one shape.

Known are the Console's CSV of usage and of cost, ``/v1/organizations/usage_report/messages``, ``cost_report`` and their
successors under ``analytics`` (API reference and Console exports, November 2026). Costs in the reports are cents.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

import orjson

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object, as_objects
from gateway_core.wire.usage import count

WHAT_IS_READ = (
    "the Console's CSV of usage or of cost, or the JSON of /v1/organizations/usage_report/messages, "
    "/v1/organizations/cost_report or the analytics reports, by day and grouped by model"
)


class NoExport(ValueError):
    """The file is none of the exports that are known; the message says what it is and what is read."""


@frozen
class Amounts:
    """Tokens by kind, searches and micro-dollars of one model on one day."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    web_searches: int = 0
    cost_microusd: Decimal = Decimal(0)
    rows: int = 0
    """How many lines were added up: the Console rounds each to a cent."""

    def __add__(self, more: Amounts) -> Amounts:
        return Amounts(*(getattr(self, item.name) + getattr(more, item.name) for item in fields(Amounts)))


@dataclass(slots=True)
class Export:
    """What was read. ``amounts`` are by UTC day and model; the model is empty where the export names none."""

    has_cost: bool
    amounts: dict[tuple[str, str], Amounts] = field(default_factory=dict)
    first_day: str = ""
    last_day: str = ""
    complete: bool = True
    """False where a report says that it has more pages."""
    rounded: bool = False
    """The Console's costs are whole cents."""

    def add(self, day: str, model: str, amounts: Amounts) -> None:
        key = (day, model_key(model))
        self.amounts[key] = self.amounts.get(key, Amounts()) + replace(amounts, rows=1)

    def covers(self, first: str, last: str) -> None:
        self.first_day = min(self.first_day or first, first)
        self.last_day = max(self.last_day, last)


def read_export(data: bytes) -> Export:
    """The export in a file. Raises :class:`NoExport` for anything else, and for damaged lines with their number."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoExport(f"The file is no text. Read are {WHAT_IS_READ}.") from None
    start = text.lstrip()[:1]
    export = _from_json(text) if start in ("{", "[") else _from_csv(text)
    if not export.last_day:
        raise NoExport("The export holds no day: there is nothing to compare.")
    return export


def model_key(model: str) -> str:
    """One name for ``claude-sonnet-4-5-20250929``, ``Claude Sonnet 4.5`` and ``claude-sonnet-4-5-latest``."""
    name = re.sub(r"[^a-z0-9]+", "-", model.strip().lower()).strip("-")
    return re.sub(r"-(20\d{6}|20\d\d-\d\d-\d\d|latest)$", "", name)


# --- the Console's CSV -----------------------------------------------------------------------------------------------

_CSV_TOKENS = {
    "usage_input_tokens_no_cache": "input_tokens",
    "usage_input_tokens_cache_read": "cache_read_tokens",
    "usage_input_tokens_cache_write": "cache_write_5m_tokens",
    "usage_input_tokens_cache_write_5m": "cache_write_5m_tokens",
    "usage_input_tokens_cache_write_1h": "cache_write_1h_tokens",
    "usage_output_tokens": "output_tokens",
    "web_search_count": "web_searches",
}


def _from_csv(text: str) -> Export:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    is_cost = "cost_usd" in names
    if "usage_date_utc" not in names or not (
        is_cost or {"usage_input_tokens_no_cache", "usage_output_tokens"} <= {*names}
    ):
        shown = ", ".join(names[:8]) or "nothing"
        raise NoExport(
            f"The file is no export of Anthropic's: its first line has {shown[:200]}. Read are {WHAT_IS_READ}."
        )
    export = Export(is_cost, rounded=is_cost)
    try:
        for row in reader:
            where = f"Line {reader.line_num}"
            day = _csv_day(row.get("usage_date_utc"), where)
            amounts = _csv_cost(row, where) if is_cost else _csv_tokens(row, where)
            export.add(day, _csv_model(row), amounts)
            export.covers(day, day)
    except csv.Error as error:
        raise NoExport(f"Line {reader.line_num}: {error}.") from None
    return export


def _csv_day(value: str | None, where: str) -> str:
    try:
        return date.fromisoformat((value or "").strip()[:10]).isoformat()
    except ValueError:
        raise NoExport(f"{where}: usage_date_utc is no date.") from None


def _csv_model(row: dict[str, str | None]) -> str:
    """Searches and code execution are charged apart; the Console gives them a name where the model's would be."""
    if (row.get("cost_type") or "token").strip().lower() not in ("token", "tokens"):
        return ""
    model = row.get("model_version") or row.get("model") or ""
    return model if "claude" in model.lower() else ""


def _csv_cost(row: dict[str, str | None], where: str) -> Amounts:
    return Amounts(cost_microusd=_decimal(row.get("cost_usd"), f"{where}: cost_usd") * 1_000_000)


def _csv_tokens(row: dict[str, str | None], where: str) -> Amounts:
    counts = dict.fromkeys(_CSV_TOKENS.values(), 0)
    for theirs, ours in _CSV_TOKENS.items():
        text = (row.get(theirs) or "0").strip().replace(",", "")
        if not text.isdigit() or len(text) > 15:
            raise NoExport(f"{where}: {theirs} is no count.")
        counts[ours] += int(text)
    return Amounts(
        counts["input_tokens"],
        counts["cache_read_tokens"],
        counts["cache_write_5m_tokens"],
        counts["cache_write_1h_tokens"],
        counts["output_tokens"],
        counts["web_searches"],
    )


def _decimal(value: object, what: str) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise NoExport(f"{what} is no amount.") from None
    if not number.is_finite() or not 0 <= number < 10**12:
        raise NoExport(f"{what} is no amount that can be charged.")
    return number


# --- the reports -----------------------------------------------------------------------------------------------------


def _from_json(text: str) -> Export:
    pages = list(_pages(text))
    found = [
        (bucket, result) for page in pages for bucket in as_objects(page.get("data")) for result in _results(bucket)
    ]
    kinds = {_kind(result) for _, result in found}
    if not pages or len(kinds) > 1 or None in kinds:
        raise NoExport(f"The JSON is no usage or cost report of Anthropic's. Read are {WHAT_IS_READ}.")
    export = Export(has_cost="cost" in kinds, complete=pages[-1].get("has_more") is not True)
    for page in pages:
        for bucket in as_objects(page.get("data")):
            first, last = _span(bucket)
            export.covers(first, last)
    for bucket, result in found:
        first, last = _span(bucket)
        if first != last:
            raise NoExport(f"A bucket goes from {first} to {last}. Ask for the report by day (bucket_width=1d).")
        group = as_object(result.get("group") or result)
        export.add(first, str(group.get("model") or ""), _cost(result) if export.has_cost else _tokens(result))
    return export


def _pages(text: str) -> Iterator[JsonObject]:
    """The pages of a report: one, a list of them, or one a line."""
    try:
        whole = orjson.loads(text)
    except ValueError:
        try:
            whole = [orjson.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise NoExport(f"The file begins like JSON and is none: {error}.") from None
    for page in whole if isinstance(whole, list) else [whole]:
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise NoExport(f"The JSON has no list data, as Anthropic's reports have. Read are {WHAT_IS_READ}.")
        yield page


def _results(bucket: JsonObject) -> list[JsonObject]:
    """A bucket's rows; in the analytics reports a bucket is its own row."""
    return as_objects(bucket["results"]) if isinstance(bucket.get("results"), list) else [bucket]


def _kind(result: JsonObject) -> str | None:
    if "amount" in as_object(result.get("cost") or result):
        return "cost"
    return "usage" if "uncached_input_tokens" in as_object(result.get("usage") or result) else None


def _span(bucket: JsonObject) -> tuple[str, str]:
    """The first and the last UTC day of a bucket."""
    try:
        start, end = (datetime.fromisoformat(str(bucket.get(name))) for name in ("starting_at", "ending_at"))
    except ValueError:
        raise NoExport("A bucket of the report says not from when to when it goes (starting_at, ending_at).") from None
    start, end = (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC) for at in (start, end))
    return start.date().isoformat(), max(start, end - timedelta(seconds=1)).date().isoformat()


def _cost(result: JsonObject) -> Amounts:
    cost = as_object(result.get("cost") or result)
    if cost.get("currency") not in ("USD", None):
        raise NoExport(f"The report is in {str(cost['currency'])[:10]}; the ledger is in US dollars.")
    return Amounts(cost_microusd=_decimal(cost.get("amount"), "amount") * 10_000)


def _tokens(result: JsonObject) -> Amounts:
    usage = as_object(result.get("usage") or result)
    written, tools = as_object(usage.get("cache_creation")), as_object(usage.get("server_tool_use"))

    def number(counts: JsonObject, name: str) -> int:
        value = counts.get(name, 0)
        if value is not None and count(value) is None and not (isinstance(value, int) and value >= 0):
            raise NoExport(f"{name} in the report is no count.")
        return int(value or 0)

    return Amounts(
        input_tokens=number(usage, "uncached_input_tokens"),
        cache_read_tokens=number(usage, "cache_read_input_tokens"),
        cache_write_5m_tokens=number(written, "ephemeral_5m_input_tokens"),
        cache_write_1h_tokens=number(written, "ephemeral_1h_input_tokens"),
        output_tokens=number(usage, "output_tokens"),
        web_searches=number(tools, "web_search_requests"),
    )
