"""``make bench-router DATA="FILE ..."``: how good the router's difficulty is on data, and what a decision costs.

APGR is .5 for a router that guesses. "cross-validated" has weights trained on four fifths of every set and tested on
the last; "set unseen" weights that were trained on the other sets alone; "200 labels" such weights, and a head that has
learned from 200 rows of the set and is tested on the others.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gateway_core.cache.encoder.choice import Choice
from gateway_core.cache.encoder.worker import Worker, child_command
from gateway_core.explain import plain_request
from gateway_core.reader import DifficultyReader
from gateway_core.routing.difficulty import difficulty, unlimited
from gateway_core.routing.fitting import fit
from gateway_core.routing.head import Head, Lesson
from gateway_core.routing.router import Known, route
from gateway_core.routing.shipped import Shipped
from tests.routing.requests import landscape
from tests.routing.training import DataSet, Numbers, apgr, folds, read, train

FOLDS, LABELS, ROUNDS = 5, 200, 10
PROMPTS = (
    "What is the capital of France?",
    "Fix the typos in this sentence: teh cat sat.",
    "Write a function that parses ISO dates, with tests.",
    "Why does my server deadlock when two clients disconnect at once?",
)


def scores(data: DataSet, weights: Shipped | None, head: Head | None = None, *, meaning: bool = True) -> Numbers:
    """The difficulty of each prompt, not cut off at 0 and 1."""
    found = []
    for prompt, vector in zip(data.prompts, data.vectors.tolist(), strict=True):
        found.append(unlimited(difficulty(prompt, vector if meaning else None, head, weights).features))
    return np.array(found)


def cross_validated(sets: Sequence[DataSet]) -> dict[str, float]:
    """By name of the set."""
    found = {one.name: np.zeros(len(one)) for one in sets}
    for held_out in folds(sets, FOLDS, seed=0):
        weights = train([one.part(np.setdiff1d(np.arange(len(one)), held_out[one.name])) for one in sets])
        for one in sets:
            rows = held_out[one.name]
            found[one.name][rows] = scores(one.part(rows), weights)
    return {one.name: apgr(found[one.name], one.weak, one.strong) for one in sets}


def unseen(sets: Sequence[DataSet]) -> dict[str, Shipped]:
    """For each set, weights that were trained on the others alone."""
    return {one.name: train([other for other in sets if other is not one]) for one in sets}


def after_labels(data: DataSet, weights: Shipped) -> float:
    """The APGR of weights that never saw a set, and of what 200 of its rows teach, on its other rows."""
    found = []
    for seed in range(ROUNDS):
        shuffled = np.random.default_rng(seed).permutation(len(data))
        labelled, rest = data.part(shuffled[:LABELS]), data.part(shuffled[LABELS:])
        head = fit(lessons(labelled), weights)
        found.append(apgr(scores(rest, weights, head), rest.weak, rest.strong))
    return statistics.mean(found)


def lessons(data: DataSet) -> list[Lesson]:
    """As ``llmgw labels import`` reads them: what the strong model gains."""
    gained = np.clip(data.strong - data.weak, -1.0, 1.0)
    rows = zip(data.prompts, data.vectors.tolist(), gained.tolist(), strict=True)
    return [Lesson(prompt, tuple(vector), wanted) for prompt, vector, wanted in rows]


def main(files: Sequence[str]) -> int:
    """0 when all was measured, 2 without data."""
    if not files:
        print('Give files of lines {"prompt", "weak", "strong"}: make bench-router DATA="a.jsonl b.jsonl"')
        return 2
    sets = read([Path(file) for file in files])
    others = unseen(sets)
    table: dict[str, dict[str, float]] = {
        "rules and measures": {one.name: apgr(scores(one, None, meaning=False), one.weak, one.strong) for one in sets},
        "as shipped": {one.name: apgr(scores(one, None), one.weak, one.strong) for one in sets},
        "cross-validated": cross_validated(sets),
        "set unseen": {one.name: apgr(scores(one, others[one.name]), one.weak, one.strong) for one in sets},
        "200 labels": {one.name: after_labels(one, others[one.name]) for one in sets if len(one) >= 2 * LABELS},
    }
    print(f"{'APGR':20}", *(f"{one.name[:16]:>16}" for one in sets), f"{'mean':>6}")
    for name, values in table.items():
        told = [f"{values[one.name]:16.3f}" if one.name in values else f"{'-':>16}" for one in sets]
        print(f"{name:20}", *told, f"{statistics.mean(values.values()):6.3f}")
    asyncio.run(_cost())
    return 0


async def _cost() -> None:
    """What a decision costs, without the meaning of the prompt and with it."""
    where, requests = landscape(), [plain_request(prompt) for prompt in _many()]
    spent = []
    for request in requests:
        began = time.perf_counter()
        route(request, where)
        spent.append((time.perf_counter() - began) * 1000)
    print("a decision, by rules and measures:  ", _told(spent))
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(child_command(None, Choice(exports=Path(folder))))
        exported = asyncio.Event()
        worker.on_ready = lambda: exported.set() if worker.encoder and worker.encoder.kind == "onnx" else None
        worker.start()
        await exported.wait()
        await worker.ready()
        reader, spent = DifficultyReader(worker), []
        for request in requests:
            began = time.perf_counter()
            route(request, where, Known(difficulty=await reader.read(request)))
            spent.append((time.perf_counter() - began) * 1000)
        print("a decision, with the prompt's meaning:", _told(spent), "(onnx)")
        await worker.stop()


def _many() -> list[str]:
    return [f"{prompt} ({number})" for number in range(100) for prompt in PROMPTS]


def _told(spent_ms: Sequence[float]) -> str:
    ordered = sorted(spent_ms)
    return f"p50 {statistics.median(ordered):.2f} ms, p95 {ordered[int(len(ordered) * 0.95)]:.2f} ms"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
