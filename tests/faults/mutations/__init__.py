"""The guards that keep money and keys, and for each of them a test that fails when it is switched off.

``make test-guards`` switches off one after the other in a copy of the tree and runs its test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules


@dataclass(frozen=True, slots=True)
class Mutation:
    """``guard`` is off once ``before``, which stands once in ``file``, is ``after``; ``test`` then fails.

    ``file`` is relative to the root of the repository, ``test`` an id of pytest's.
    """

    guard: str
    file: str
    before: str
    after: str
    test: str


def all_mutations() -> Iterator[Mutation]:
    """What the modules of this package list as ``MUTATIONS``."""
    for module in sorted(iter_modules(__path__), key=lambda found: found.name):
        yield from import_module(f"{__name__}.{module.name}").MUTATIONS
