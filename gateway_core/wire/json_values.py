"""JSON from outside, whose shape nobody has checked: read as what it should be, or as nothing. Nothing here raises."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from gateway_core.model import JsonObject


def as_object(value: Any) -> JsonObject:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_objects(value: Any) -> list[JsonObject]:
    """The objects of a list; all else in it is passed over."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number; JSON's true and false are none."""
    return type(value) is int


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a number that can be reckoned with: finite, and neither true nor false."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def is_strings(value: Any) -> TypeGuard[list[str]]:
    """Whether it is a list of nothing but strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def positive(value: Any) -> int | None:
    """A whole number above 0, None for anything else."""
    return value if is_integer(value) and value > 0 else None
