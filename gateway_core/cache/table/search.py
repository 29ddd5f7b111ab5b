"""Looks for the nearest answers of one scope.

Measured with 100,000 rows (384 dimensions, two busy cores, p50): all of them flat 300–490 ms; through the index of
scopes 8–16 ms for scopes of 2 and of 100; through the vector index 16 ms for a scope of 100,000 when only its rows are
asked for, 5 ms when all are and those of the scope are picked out. The vector index misses half of the neighbours in
small scopes, since it looks in a fifth of its partitions: only large scopes use it, where it missed none of 390 whose
cosine was .8 or more.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from gateway_core.cache.table.entry import ENTRY_COLUMNS, Neighbour, Vector, entry_of
from gateway_core.cache.table.handle import hex_digits

if TYPE_CHECKING:
    from lancedb import AsyncTable

LARGE_SCOPE_ROWS = 5_000
"""Rows from which a scope is looked for through the vector index; those below take some 20 ms without it."""
PROBES = 20
_ROUNDING = 1e-3
"""Of LanceDB's distances, generously: whoever asks looks at the cosine itself."""
_REMEMBERED_SCOPES = 4_096
_COUNTED_S = 300.0


class Search:
    """Searches, and remembers which scopes are large."""

    def __init__(self) -> None:
        self._large: OrderedDict[str, tuple[bool, float]] = OrderedDict()

    async def nearest(
        self, table: AsyncTable, vector: Vector, scope_key: str, now: float, limit: int, least_cosine: float
    ) -> list[Neighbour]:
        """The nearest live entries of a scope that are as they were written, nearest first.

        Rows further than ``least_cosine`` are not read: that is a third of the time where none is nearer. Whose they
        are and when they expire is looked at in those that are found, and only asked of all where some are not wanted
        and there may be more.
        """
        mine, live = f"scope_key = '{hex_digits(scope_key)}'", f"expires_at > {float(now)!r}"
        query = table.vector_search(vector).distance_type("cosine").limit(limit)
        query = query.distance_range(upper_bound=1.0 - least_cosine + _ROUNDING)
        query = query.select([*ENTRY_COLUMNS, "check", "_distance"])
        if await self._is_large(table, scope_key):
            query = query.nprobes(PROBES)
        else:
            query = query.bypass_vector_index().where(mine)
        found: list[dict[str, Any]] = await query.to_list()
        wanted = [row for row in found if row["expires_at"] > now and row["scope_key"] == scope_key]
        if len(wanted) < len(found) == limit:
            wanted = await query.maximum_nprobes(0).where(mine).where(live).to_list()
        entries = [(entry_of(row), 1.0 - row["_distance"]) for row in wanted]
        return [Neighbour(entry, cosine) for entry, cosine in entries if entry is not None]

    async def _is_large(self, table: AsyncTable, scope_key: str) -> bool:
        known = self._large.get(scope_key)
        if known is None or time.monotonic() - known[1] > _COUNTED_S:
            many = await table.count_rows() >= LARGE_SCOPE_ROWS
            rows = await table.count_rows(f"scope_key = '{hex_digits(scope_key)}'") if many else 0
            known = self._large[scope_key] = (rows >= LARGE_SCOPE_ROWS, time.monotonic())
            while len(self._large) > _REMEMBERED_SCOPES:
                self._large.popitem(last=False)
        return known[0]
