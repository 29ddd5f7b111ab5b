"""Scopes that had wrong hits lately: one makes the scope stricter, a second closes it."""

from __future__ import annotations

from gateway_core.cache.review.counts import ALIAS
from gateway_core.clock import Clock
from gateway_core.store.reuse_review import ReuseReviewStore, ScopeRecord

TTL_S = 30 * 86_400.0
RAISED_COSINE = 0.95


class Scopes:
    """Wrong hits by :attr:`Identity.scope_key`, forgotten 30 days after the last."""

    def __init__(self, store: ReuseReviewStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._records: dict[str, ScopeRecord] = {}

    async def load(self) -> None:
        """Takes up what the disk has. Raises ``StoreError``."""
        self._records = await self._store.scopes()

    def wrong(self, scope_key: str) -> int:
        """Wrong hits that still count."""
        record = self._records.get(scope_key)
        return record.wrong if record and record.last_at > self._clock.now() - TTL_S else 0

    def allows(self, scope_key: str, kind: str, cosine: float) -> bool:
        """Whether a hit may be served. What a judge approved by itself (an alias) may be in any scope."""
        wrong = self.wrong(scope_key)
        return kind == ALIAS or not wrong or (wrong == 1 and cosine >= RAISED_COSINE)

    async def tighten(self, scope_key: str) -> None:
        """Counts a wrong hit; in force at once, also where the disk fails. Raises ``StoreError``."""
        record = ScopeRecord(self.wrong(scope_key) + 1, self._clock.now())
        self._records[scope_key] = record
        await self._store.save_scope(scope_key, record)

    async def prune(self) -> None:
        """Forgets what no longer counts. Raises ``StoreError``."""
        before = self._clock.now() - TTL_S
        self._records = {key: record for key, record in self._records.items() if record.last_at > before}
        await self._store.forget_scopes(before)

    async def clear(self) -> int:
        """Opens all scopes again; returns how many were not. Raises ``StoreError``."""
        opened = sum(1 for key in self._records if self.wrong(key))
        self._records = {}
        await self._store.forget_scopes(float("inf"))
        return opened

    def standing(self) -> tuple[int, int]:
        """How many are tightened, and how many closed."""
        wrong = [self.wrong(key) for key in self._records]
        return sum(1 for one in wrong if one == 1), sum(1 for one in wrong if one > 1)
