"""The columns of a request, and the row they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from gateway_core.model import RequestRow

COLUMNS = tuple(field.name for field in fields(RequestRow))
SELECTED = ", ".join(f"requests.{name}" for name in COLUMNS)


def row_of(values: Sequence[Any]) -> RequestRow:
    """The row of what a query has SELECTED."""
    return _kind().validate_python(dict(zip(COLUMNS, values, strict=True)))


@cache
def _kind() -> TypeAdapter[RequestRow]:
    return TypeAdapter(RequestRow)
