"""The columns of a request, the row they make, and the values it is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

from pydantic import TypeAdapter

from gateway_core.model import RequestRow

COLUMNS = tuple(field.name for field in fields(RequestRow))
SELECTED = ", ".join(f"requests.{name}" for name in COLUMNS)
_values_of = attrgetter(*COLUMNS)
_NATIVE = frozenset((str, int, float, type(None)))


def values_of(row: RequestRow) -> list[object]:
    """The row's COLUMNS as SQLite keeps them. Of any other type ``sqlite3`` looks for an adapter, 3 µs for a value."""
    return [value if type(value) in _NATIVE else _native(value) for value in _values_of(row)]


def _native(value: str | int) -> object:
    return str(value) if isinstance(value, str) else int(value)


def row_of(values: Sequence[Any]) -> RequestRow:
    """The row of what a query has SELECTED."""
    return _kind().validate_python(dict(zip(COLUMNS, values, strict=True)))


@cache
def _kind() -> TypeAdapter[RequestRow]:
    return TypeAdapter(RequestRow)
