"""What the operator decided, kept over restarts: kill switch, forced tier, models and budgets."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from gateway_core.frozen import frozen
from gateway_core.model import KillSwitch, Tier
from gateway_core.store.codec import to_json
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError


@frozen
class Limits:
    """Daily limits in micro-dollars; 0 is off."""

    soft_microusd: Annotated[int, Field(ge=0)] = 0
    medium_microusd: Annotated[int, Field(ge=0)] = 0
    hard_microusd: Annotated[int, Field(ge=0)] = 0


@frozen
class BudgetOverride:
    """Limits the operator set, and the configured ones they replaced."""

    limits: Limits
    configured: Limits


@frozen
class BackgroundOverride:
    """The background's limit that the operator set, and the configured one it replaced, in micro-dollars."""

    microusd: Annotated[int, Field(ge=0)]
    configured_microusd: Annotated[int, Field(ge=0)]


@frozen
class OperatorState:
    """None is what the configuration says."""

    kill: KillSwitch = KillSwitch()
    forced_tier: Tier | None = None
    local_model: str | None = None
    cheap_model: str | None = None
    premium_model: str | None = None
    budget: BudgetOverride | None = None
    background_budget: BackgroundOverride | None = None
    changed: Mapping[str, float] = field(default_factory=dict)
    """When each of the others was decided last, Unix seconds."""

    def limits(self, configured: Limits) -> Limits:
        """The limits in force. A configuration that was changed since the operator's override wins over it."""
        if self.budget is not None and self.budget.configured == configured:
            return self.budget.limits
        return configured

    def background_microusd(self, configured_microusd: int) -> int:
        """The background's limit in force, by the same rule."""
        mine = self.background_budget
        if mine is not None and mine.configured_microusd == configured_microusd:
            return mine.microusd
        return configured_microusd


_KINDS: dict[str, TypeAdapter[Any]] = {
    "kill": TypeAdapter(KillSwitch),
    "forced_tier": TypeAdapter(Tier | None),
    "local_model": TypeAdapter(str | None),
    "cheap_model": TypeAdapter(str | None),
    "premium_model": TypeAdapter(str | None),
    "budget": TypeAdapter(BudgetOverride | None),
    "background_budget": TypeAdapter(BackgroundOverride | None),
    "changed": TypeAdapter(dict[str, float]),
}


class OperatorStore:
    """Loads and saves the state. ``notices`` names values that could not be read and were left at their default."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.notices: list[str] = []

    async def load(self) -> OperatorState:
        """The state as it was saved last."""

        def read(connection: sqlite3.Connection) -> dict[str, str]:
            return dict(connection.execute("SELECT name, CAST(value AS TEXT) FROM operator").fetchall())

        saved = await self._database.run(read)
        values: dict[str, Any] = {}
        for name, kind in _KINDS.items():
            if name not in saved:
                continue
            try:
                values[name] = kind.validate_json(saved[name])
            except ValidationError:
                self.notices.append(f"The saved {name.replace('_', ' ')} could not be read and was ignored.")
        return OperatorState(**values)

    async def save(self, state: OperatorState) -> None:
        """Writes the whole state; once this returns it survives a power loss. Raises ``StoreError``, also where the
        database is a temporary one, which forgets."""
        if self._database.why_temporary:
            raise StoreError(self._database.why_temporary)
        rows = [(kept.name, to_json(getattr(state, kept.name))) for kept in fields(state)]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO operator (name, value) VALUES (?, ?)", rows)

        await self._database.run(write)
