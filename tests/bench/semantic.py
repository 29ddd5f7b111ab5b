"""What a look-up by meaning takes, in a process like the one that does it: ``python -m tests.bench.semantic N``.

The table is a real one of N answers, all in one scope, whose vectors lie anywhere on the sphere: no scope is dearer to
search, and ten answers are read each time. Each question is another one, so that nothing is remembered. Then LanceDB
alone is asked for the ids of the nearest five of the same table, and the encoder alone for such a prompt's vector: what
there is to compare with in the same minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gateway_core.cache.encoder.choice import Choice
from gateway_core.cache.encoder.opening import open_encoder
from gateway_core.cache.guards.select import NEIGHBOURS
from gateway_core.cache.table.entry import ENTRY_COLUMNS, Entry
from gateway_core.cache.table.index import Index
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.schema import arrow_schema
from gateway_core.cache.table.upkeep import Upkeep
from gateway_core.cache.table.vectors import Vectors
from gateway_core.cache.table.worth import Limits
from gateway_core.garbage import collect_seldom
from tests.bench.encoder import exported
from tests.bench.figures import quantiles
from tests.bench.findings import Finding
from tests.bench.machine import GATEWAY_CORE, on_core

if TYPE_CHECKING:
    from lancedb import AsyncTable

ONE_THREAD = {"OMP_NUM_THREADS": "1", "LANCE_CPU_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
SCOPE = "ab" * 32
LOOK_UPS = 200
WARM_UP = 20
WRITTEN_AT_ONCE = 20_000
ALONE_AT_ONCE = 5
"""Neighbours that LanceDB alone is asked for."""
MOST_MS = {10_000: (5.0, 10.0), 100_000: (22.0, None)}
"""Entries: what a look-up may take without encoding its text, and with it."""
LANCEDB_MS = {10_000: 3.2, 100_000: 19.5}
"""The same by LanceDB's IVF_FLAT alone, in November 2026 on a quiet machine (LanceDB 0.40, 384 dimensions)."""


def findings(entries: int) -> list[Finding]:
    """Has a process of its own look up, on one core, and tells what it took."""
    exported()
    command = [sys.executable, "-m", "tests.bench.semantic", str(entries)]
    with on_core(GATEWAY_CORE):
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **ONE_THREAD}).stdout
    found = {name: quantiles(values)["p50"] for name, values in json.loads(told).items()}
    most_found, most_asked = MOST_MS[entries]
    name = f"semantic look-up in {entries:,} entries"
    alone = f"LanceDB's IVF_FLAT alone: {found['LanceDB']:.1f} ms here, {LANCEDB_MS[entries]} ms"
    encoding = f"encoding alone: {found['encoder']:.1f} ms here, ONNX int8 3.05 ms, torch 14.8 ms"
    return [
        Finding(f"{name}: p50", found["find"], "ms", most_found, alone),
        Finding(f"{name}, with encoding: p50", found["ask"], "ms", most_asked, encoding),
    ]


def _columns(first: int, vectors: np.ndarray[Any, np.dtype[np.float32]], now: float) -> Any:
    """Rows as LanceDB takes them, as a ``pyarrow.Table``: made from lists of numbers they would take minutes."""
    import pyarrow as pa  # type: ignore[import-untyped]

    entries = [
        Entry(
            id=f"{number:032x}",
            scope_key=SCOPE,
            user_text=f"What is the plant with the number {number} good for?",
            completion='{"choices": [{"message": {"role": "assistant", "content": "For tea."}}]}',
            tier="cheap",
            provider="groq",
            model="llama",
            created_at=now + number / 1e3,
            expires_at=now + 86_400.0,
            cost_microusd=40,
            usage="{}",
        )
        for number in range(first, first + len(vectors))
    ]
    schema = arrow_schema(vectors.shape[1])
    known: dict[str, list[Any]] = {name: [getattr(one, name) for one in entries] for name in ENTRY_COLUMNS}
    known["check"] = [one.check for one in entries]
    columns = {field.name: known.get(field.name, [0] * len(entries)) for field in schema}
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    arrays = [flat if field.name == "vector" else pa.array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


async def fill(vectors: Vectors, count: int, dimensions: int, now: float) -> None:
    """Writes that many entries, and has them indexed as idle time does."""
    dice = np.random.default_rng(7)
    for first in range(0, count, WRITTEN_AT_ONCE):
        size = min(WRITTEN_AT_ONCE, count - first)
        made = dice.standard_normal((size, dimensions), dtype=np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        rows = _columns(first, made, now)

        async def write(table: AsyncTable, rows: Any = rows) -> None:
            await table.add(rows)

        await vectors.handle.run(write)
    await Upkeep(vectors, Limits(2 * count, 1 << 40)).tidy()


async def timed_ms(look_up: Callable[[int], Awaitable[object]]) -> list[float]:
    """How long each took, one after the other, the first ones left out."""
    taken = []
    for number in range(WARM_UP + LOOK_UPS):
        began = time.perf_counter()
        await look_up(number)
        taken.append((time.perf_counter() - began) * 1e3)
    return taken[WARM_UP:]


async def measure(count: int, folder: Path) -> dict[str, list[float]]:
    """Milliseconds of look-ups with a vector that is there (``find``) and with a short prompt that is not encoded yet
    (``ask``), of ``LanceDB`` and of the ``encoder`` alone."""
    opened, now = open_encoder(Choice(exports=exported())), time.time()
    vectors = await Vectors.open(Place.own(folder), opened.encoder)
    await fill(vectors, count, opened.encoder.dimensions, now)
    known = opened.encoder.encode([f"How do I grow the plant with the number {number}?" for number in range(64)])
    index = Index(opened.encoder, vectors)
    collect_seldom()

    async def find(number: int) -> None:
        found = await vectors.find(known[number % len(known)], SCOPE, now, NEIGHBOURS)
        assert len(found) == NEIGHBOURS, "the table does not find what is in it"

    async def ask(number: int) -> None:
        text = f"What can be made of plant {number}?"
        (reply,) = await index.answer([{"op": "find", "id": number, "text": text, "scope_key": SCOPE, "now": now}])
        assert "hits" in reply, reply

    async def encode(number: int) -> None:
        opened.encoder.encode([f"What can be made of a plant {number}?"])

    async def search(number: int) -> None:
        def alone(table: AsyncTable) -> Awaitable[list[dict[str, Any]]]:
            query = table.vector_search(known[number % len(known)]).distance_type("cosine").limit(ALONE_AT_ONCE)
            return query.select(["id", "_distance"]).to_list()

        assert len(await vectors.handle.run(alone, reads=True)) == ALONE_AT_ONCE

    each = {"find": find, "LanceDB": search, "ask": ask, "encoder": encode}
    return {name: await timed_ms(look_up) for name, look_up in each.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(int(sys.argv[1]), Path(folder, "table")))))


if __name__ == "__main__":
    main()
