"""Makes the router's weights from data, and says how good they are. Used by ``tests.train_router`` and
``tests.router_quality``; neither is part of the product.

A file of data has lines ``{"prompt", "weak", "strong"}``: how well a cheap and a dear model answered, 0–1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway_core.cache.encoder.opening import open_shallow
from gateway_core.reader import meant
from gateway_core.routing.fitting import ridge
from gateway_core.routing.measures import MEASURES, measured
from gateway_core.routing.shipped import MOST_DEVIATIONS, Shipped, Trained, Weight

Numbers = NDArray[np.float64]
POINTS = 2.0
"""Points of difficulty for each point of quality that the dearer model gains: a standard deviation of .14."""
MEASURES_PENALTY, MEANING_PENALTY = 50.0, 120.0
LARGEST_SHARE = 1_000
"""Rows from which a set counts no more: the sets are to count by what they ask, not by how much there is of them."""
LEAST_WEIGHT, MOST_WEIGHT = 1.0, 5.0
BATCH = 16


@dataclass(frozen=True, slots=True)
class DataSet:
    """Prompts, how well a weak and a strong model answered each, and what the encoder makes of them."""

    name: str
    prompts: tuple[str, ...]
    weak: Numbers
    strong: Numbers
    vectors: Numbers
    measures: Numbers
    encoder: str

    def __len__(self) -> int:
        return len(self.prompts)

    def part(self, rows: NDArray[np.int64]) -> DataSet:
        """Some of the rows."""
        prompts = tuple(self.prompts[row] for row in rows)
        weak, strong = self.weak[rows], self.strong[rows]
        return DataSet(self.name, prompts, weak, strong, self.vectors[rows], self.measures[rows], self.encoder)

    @property
    def wanted(self) -> Numbers:
        """What the strong model gains, half of it without what it loses; less its mean, for sets are not alike hard."""
        gained = self.strong - self.weak
        mixed: Numbers = (gained + np.maximum(0.0, gained)) / 2
        return mixed - float(mixed.mean())


def read(files: Sequence[Path]) -> list[DataSet]:
    """The sets, encoded. Takes some 40 ms a prompt. Raises ``ValueError`` for a line that is none."""
    encoder = open_shallow()
    found = []
    for file in files:
        rows = [_row(file, number, line) for number, line in enumerate(file.read_text("utf-8").splitlines(), 1) if line]
        prompts = tuple(str(row["prompt"]) for row in rows)
        weak, strong = (np.array([float(row[name]) for row in rows]) for name in ("weak", "strong"))
        vectors = np.zeros((len(rows), encoder.dimensions))
        order = sorted(range(len(rows)), key=lambda row: len(prompts[row]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            vectors[batch] = encoder.encode([meant(prompts[row]) for row in batch])
        measures = np.array([[_number(value) for value, _ in measured(prompt)] for prompt in prompts])
        found.append(DataSet(file.stem, prompts, weak, strong, vectors, measures, encoder.fingerprint))
    return found


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _row(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        row["prompt"], row["weak"], row["strong"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f'{file}, line {number} is not {{"prompt", "weak", "strong"}}') from None
    return row


def train(sets: Sequence[DataSet], made_on: str = "") -> Shipped:
    """The weights that say best what a stronger model gains: first by measures, then by meaning what those leave."""
    weights = np.concatenate(
        [np.full(len(one), np.clip(LARGEST_SHARE / len(one), LEAST_WEIGHT, MOST_WEIGHT)) for one in sets]
    )
    measures, wanted = np.vstack([one.measures for one in sets]), np.concatenate([one.wanted for one in sets])
    says = ~np.isnan(measures) * weights[:, None]
    mean = np.average(np.nan_to_num(measures), axis=0, weights=says)
    deviation = np.sqrt(np.average(np.nan_to_num(measures - mean) ** 2, axis=0, weights=says)) + 1e-9
    standard = np.nan_to_num(np.clip((measures - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS))
    by_measure, offset = ridge(standard, wanted, weights, MEASURES_PENALTY)
    left = wanted - standard @ by_measure - offset
    by_meaning, meaning_offset = ridge(np.vstack([one.vectors for one in sets]), left, weights, MEANING_PENALTY)
    return Shipped(
        measures={
            name: Weight(_short(mean[at]), _short(deviation[at]), _short(POINTS * by_measure[at]))
            for at, name in enumerate(MEASURES)
        },
        vector=tuple(_short(POINTS * number) for number in by_meaning),
        offset=_short(POINTS * meaning_offset),
        encoder=sets[0].encoder,
        made_on=made_on,
        made_from=tuple(Trained(one.name, len(one)) for one in sets),
    )


def _short(number: float) -> float:
    return float(f"{number:.5g}")


def apgr(scores: Sequence[float] | Numbers, weak: Numbers, strong: Numbers) -> float:
    """The average performance gap recovered, .5 for a router that guesses: the mean, over the share of requests that
    the strong model gets (those with the highest scores), of how much of its lead they bring (RouteLLM,
    arXiv:2406.18665). Equal scores count as in random order."""
    ranked = np.asarray(scores, dtype=float)
    gained = strong - weak
    order = np.argsort(-ranked, kind="stable")
    _, groups = np.unique(-ranked[order], return_inverse=True)
    means = np.bincount(groups, gained[order]) / np.bincount(groups)
    brought = np.concatenate([[0.0], np.cumsum(means[groups])]) / gained.sum()
    return float(np.trapezoid(brought, dx=1 / len(order)))


def folds(sets: Sequence[DataSet], count: int, seed: int) -> list[Mapping[str, NDArray[np.int64]]]:
    """The rows of each fold of each set, by its name."""
    shuffled = {one.name: np.random.default_rng(seed).permutation(len(one)) for one in sets}
    return [{name: rows[fold::count] for name, rows in shuffled.items()} for fold in range(count)]
