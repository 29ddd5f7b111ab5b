"""What the classes of values are made with: made once, compared by what they hold, changed by nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """A dataclass, frozen to the type checker alone.

    ``frozen=True`` looks again at run time: a value of twelve fields then takes 2.8 µs to make instead of .3, a tenth
    of what a small request costs. And what ``dataclass`` writes and compiles for each class, comparison, hash and text,
    is here one function for all: making the 310 classes of a start took 250 ms of CPU, and takes a third of it
    (measured 2026-11-29, Python 3.11). It has no slots: of a value with slots orjson looks up each field by its name,
    which takes five times as long. A request's detail was 50 µs of JSON, and is 8; a value takes 60 bytes more.
    """
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else ``dataclass`` writes the signature there, which takes as long as the rest
    made: Any = dataclass(repr=False, eq=False)(cls)
    compared = _getter([one.name for one in fields(made) if one.compare])
    shown = [one.name for one in fields(made) if one.repr]

    def equal(self: object, other: object) -> object:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: object) -> int:
        return hash(compared(self))

    def text(self: object) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    for name, function in (("__eq__", equal), ("__hash__", hashed), ("__repr__", text)):
        if name not in made.__dict__:
            setattr(made, name, function)
    result: type[T] = made
    return result


def _getter(names: list[str]) -> Callable[[Any], object]:
    """The values of these attributes, comparable with those of another one."""
    return attrgetter(*names) if names else lambda _: ()
