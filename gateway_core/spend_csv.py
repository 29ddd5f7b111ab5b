"""A spend report as CSV: what ``llmgw report``, ``/api/spend`` and the control centre's export write alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields

from gateway_core.spend_values import TEXTS, SpendRow

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A cell that begins so is run as a formula by spreadsheets (OWASP, CSV Injection, 2024)."""
_SUMS = tuple(field.name for field in fields(SpendRow) if field.name not in TEXTS)


def columns(keys: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns of a report by ``keys``: these, and the sums, money in dollars."""
    sums = (name for name in _SUMS if name != "price_known" or "model" in keys)
    return (*keys, *(name.removesuffix("_microusd") + "_usd" if name.endswith("_microusd") else name for name in sums))


def plain(row: SpendRow, keys: Sequence[str]) -> dict[str, str | int | float | bool]:
    """A row by column, money in dollars, as JSON takes it."""
    out: dict[str, str | int | float | bool] = {}
    for column in columns(keys):
        value = getattr(row, f"{column.removesuffix('_usd')}_microusd" if column.endswith("_usd") else column)
        out[column] = value / 1e6 if column.endswith("_usd") else value
    return out


def csv_text(rows: Sequence[SpendRow], keys: Sequence[str]) -> str:
    """Rows as CSV with a header. Money has six decimals; text that a spreadsheet would run gets a ``'`` before it,
    and what is no visible character becomes ``\ufffd``."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=columns(keys))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(name, value) for name, value in plain(row, keys).items()})
    return out.getvalue()


def _cell(name: str, value: str | int | float | bool) -> str | int | float | bool:
    if isinstance(value, str):
        return _defused(value)
    return f"{value:.6f}" if name.endswith("_usd") or name == "share" else value


def _defused(text: str) -> str:
    seen = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return f"'{seen}" if text.lstrip(" ").startswith(_FORMULA) else seen
