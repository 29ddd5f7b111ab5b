"""Which answers go when there are too many: those that are worth the least.

After GreedyDual-Size-Frequency (Cherkasova, 1998): what an answer saves each time, times how often it served, over its
size where room is what lacks. Its ageing needs a figure for the whole cache that all would have to write; here worth
halves with every quarter of its life that an answer goes unused. One that never served counts as served once, so that
a new answer outlives an older one that nobody asked for either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_core.frozen import frozen

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]

    Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

COLUMNS = ["id", "created_at", "expires_at", "used_at", "hits", "cost_microusd", "made_in_ms", "size_bytes"]
MICROUSD_A_MS = 0.1
"""What a millisecond of waiting is worth: an answer of a free local model that took ten seconds, a tenth of a cent."""
LOWERED_TO = 0.95
"""How much of a limit is left full, so that not every tidying has to evict."""
_LIVES = 4


@frozen
class Limits:
    """How large a table may be. ``max_bytes`` is the sum of its rows' sizes, which the files exceed by little."""

    max_entries: int
    max_bytes: int


def to_evict(rows: pa.Table, limits: Limits, now: float) -> list[str]:
    """The ids of the rows to evict; ``rows`` has :data:`COLUMNS`."""
    import numpy as np

    count = rows.num_rows
    size = _numbers(rows, "size_bytes")
    over_bytes = size.sum() > limits.max_bytes
    if count <= limits.max_entries and not over_bytes:
        return []
    worth = _worth(rows, now)
    order = np.argsort(worth)[::-1]
    keep = order[: int(limits.max_entries * LOWERED_TO)] if count > limits.max_entries else order
    if size[keep].sum() > limits.max_bytes:
        keep = keep[np.argsort((worth / np.maximum(size, 1.0))[keep])[::-1]]
        keep = keep[np.cumsum(size[keep]) <= limits.max_bytes * LOWERED_TO]
    gone = np.ones(count, dtype=bool)
    gone[keep] = False
    ids: list[str] = rows["id"].filter(gone).to_pylist()
    return ids


def _worth(rows: pa.Table, now: float) -> Numbers:
    import numpy as np

    created, expires, used = (_numbers(rows, name) for name in ("created_at", "expires_at", "used_at"))
    saves = 1.0 + _numbers(rows, "cost_microusd") + MICROUSD_A_MS * _numbers(rows, "made_in_ms")
    half_life = np.maximum(expires - created, 1.0) / _LIVES
    idle = np.maximum(now - np.maximum(created, used), 0.0)
    worth: Numbers = np.log2(saves) + np.log2(1.0 + _numbers(rows, "hits")) - idle / half_life
    return np.exp2(np.clip(worth, -500.0, 500.0))


def _numbers(rows: pa.Table, name: str) -> Numbers:
    import numpy as np

    return np.asarray(rows[name].to_numpy(), dtype=np.float64)
