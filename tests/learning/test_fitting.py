"""What was learned before a start is taken up only where it fits the encoder that the router looks through now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.learning.fitting import Fitting
from gateway_core.learning_values import HeadVersion, Trial
from gateway_core.routing.head import Head
from gateway_core.routing.shipped import shipped
from gateway_core.store.codec import to_json
from gateway_core.store.database import Database
from gateway_core.store.heads import HeadStore
from gateway_core.store.labels import LabelStore
from tests.cache.support import FakeClock

LEARNED = Head(120, 0.1, shipped().encoder, (0.5,) * 384)
OF_BEFORE = to_json({"labels": 120, "bias": 0.1, "vector": [0.5] * 384})


@pytest.mark.parametrize(
    ("kept", "taken"),
    [
        (to_json(LEARNED), LEARNED),
        (to_json(replace(LEARNED, encoder="another")), None),
        (OF_BEFORE, None),
        (to_json(replace(LEARNED, bias=float("nan"))), None),
        ("{", None),
    ],
)
async def test_what_was_learned_of_another_encoder_is_not_in_force_and_that_is_said(
    tmp_path: Path, kept: str, taken: Head | None
) -> None:
    database = await Database.open(tmp_path / "llmgw.db")
    heads, notes = HeadStore(database), list[str]()
    await heads.add(HeadVersion(0, 5.0, 120, Trial(), True, "better than before"), kept, 0)
    fitting = Fitting(LabelStore(database, {}), heads, FakeClock(), notes.append)
    await fitting.open()
    assert fitting.head == taken
    assert ["until it learns anew" in note for note in notes] == ([] if taken else [True])
    await database.close()
