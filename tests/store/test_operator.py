from __future__ import annotations

import pytest

from gateway_core.model import KillSwitch, Tier
from gateway_core.store.database import Database
from gateway_core.store.operator import BudgetOverride, Limits, OperatorState, OperatorStore
from tests.store.support import rows

CONFIGURED = Limits(5_000_000, 15_000_000, 50_000_000)
LOWER = Limits(1_000_000, 2_000_000, 3_000_000)
STATE = OperatorState(
    kill=KillSwitch(True, 1_700_000_000.5, "key"),
    forced_tier=Tier.LOCAL,
    local_model="qwen3:4b",
    cheap_model="llama",
    premium_model="claude-opus-5-5",
    budget=BudgetOverride(LOWER, CONFIGURED),
)


async def test_nothing_saved_is_the_default(database: Database) -> None:
    store = OperatorStore(database)
    assert await store.load() == OperatorState()
    assert store.notices == []


async def test_the_state_survives_a_restart(database: Database) -> None:
    await OperatorStore(database).save(STATE)
    await database.close()
    again = await Database.open(database.path)
    assert await OperatorStore(again).load() == STATE
    await OperatorStore(again).save(OperatorState())
    assert await OperatorStore(again).load() == OperatorState()
    await again.close()


def test_a_configuration_that_changed_wins_over_an_override() -> None:
    assert STATE.limits(CONFIGURED) == LOWER
    changed = Limits(5_000_000, 15_000_000, 20_000_000)
    assert STATE.limits(changed) == changed
    assert OperatorState().limits(CONFIGURED) == CONFIGURED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kill", "nonsense"),
        ("kill", '{"on": "perhaps"}'),
        ("forced_tier", '"galactic"'),
        ("budget", '{"limits": {"hard_microusd": -1}, "configured": {}}'),
        ("budget", "[1, 2]"),
        ("local_model", "{"),
    ],
)
async def test_a_value_that_cannot_be_read_is_ignored_and_said(database: Database, name: str, value: str) -> None:
    store = OperatorStore(database)
    await store.save(STATE)
    await rows(database, f"UPDATE operator SET value = '{value}' WHERE name = '{name}'")
    loaded = await store.load()
    assert getattr(loaded, name) == getattr(OperatorState(), name)
    others = {"kill", "forced_tier", "local_model", "cheap_model", "premium_model", "budget"} - {name}
    assert all(getattr(loaded, other) == getattr(STATE, other) for other in others)
    assert len(store.notices) == 1 and name.replace("_", " ") in store.notices[0]
