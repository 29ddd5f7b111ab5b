"""The whole gateway at one moment, put together from what its parts remember."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway_core.activity import Activity
from gateway_core.cache.answers import AnswerCaches
from gateway_core.frozen import frozen
from gateway_core.gates.budget import Budget
from gateway_core.gates.kill_switch import KillGate
from gateway_core.judge import Judge
from gateway_core.model import BudgetStatus, DailyLimits, ProviderStatus, Series, Snapshot, Target
from gateway_core.ollama.manager import LocalModels
from gateway_core.provider_checks import ProviderChecks
from gateway_core.providers.health import Health
from gateway_core.routing.landscape import Landscape
from gateway_core.routing.lineup import LOCAL
from gateway_core.routing.readiness import shortfall
from gateway_core.spending.room import Spending
from gateway_core.store.days import start_of
from gateway_core.tiers import Tiers


@frozen
class Standing:
    """What does not come from a part: which gateway this is, and what is to be told of all of it."""

    version: str
    started_at: float
    address: str
    simulated: bool
    read_only: bool
    configured_limits: DailyLimits | None
    notices: tuple[str, ...]


@frozen
class Overview:
    """Makes snapshots. Reads memory only."""

    kill: KillGate
    budget: Budget
    tiers: Tiers
    local: LocalModels
    activity: Activity
    caches: AnswerCaches
    health: Health
    checks: ProviderChecks
    judge: Judge
    spending: Spending

    def snapshot(self, standing: Standing, now: float, rows: int) -> Snapshot:
        """Everything at ``now``, with the newest ``rows`` requests."""
        landscape = self.tiers.landscape()
        targets = landscape.targets
        budget, local, activity = self.budget.status(), self.local.server, self.activity
        day_at = max(now, start_of(budget.day))  # midnight may have come since now was looked at
        providers = self.health.statuses(self.checks.statuses)
        state, detail = self._state(landscape, bool(targets), budget.ledger_ok, providers)
        return Snapshot(
            at=now,
            version=standing.version,
            started_at=standing.started_at,
            address=standing.address,
            state=state,
            state_detail=detail,
            simulated=standing.simulated,
            read_only=standing.read_only,
            kill=self.kill.state,
            forced_tier=self.tiers.forced,
            budget=budget,
            cache=activity.cache(day_at, self.caches.entries, self.caches.semantic_stats()),
            tiers=activity.tiers(day_at, targets, self.tiers.choices(), self.tiers.guessed(landscape)),
            providers=(*providers, *self._lost_server()),
            local=local,
            in_flight=self.kill.in_flight,
            requests_today=activity.requests_today(day_at),
            requests_per_minute=activity.requests_per_minute(now),
            saved_today_microusd=activity.saved_microusd(day_at),
            requests=activity.rows(rows),
            spend_by_hour=self._spend_by_hour(budget, now),
            cache_rate_by_minute=activity.cache_rate_by_minute(now),
            forecast=self.spending.forecast(),
            configured_limits=standing.configured_limits,
            notices=standing.notices,
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be told of the judge and of local models."""
        return (*filter(None, [self.judge.notice]), *self.local.notices)

    def _spend_by_hour(self, budget: BudgetStatus, now: float) -> Series:
        """Dollars per hour from midnight to the current hour."""
        start = start_of(budget.day)
        hours = self.budget.spent_by_hour()[: max(1, int((now - start) // 3600) + 1)]
        return Series(start, 3600, tuple(cost / 1e6 for cost in hours))

    def _state(
        self, landscape: Landscape, has_target: bool, ledger_ok: bool, providers: Sequence[ProviderStatus]
    ) -> tuple[str, str]:
        if self.kill.state.on:
            return "killed", "Nothing is answered until the kill switch is released."
        if not ledger_ok:
            return "degraded", f"The ledger cannot be written: paid tiers are stopped. {self.budget.ledger_trouble}"
        if not has_target:
            waiting = self.local.server.detail
            return "degraded", waiting or "No tier has a model: start Ollama or set a key."
        down = {status.name: status.detail for status in providers if status.state == "down"}
        if lacking := shortfall(landscape, lambda target: self._why_not(target, down)):
            return "degraded", lacking
        return "running", ""

    def _lost_server(self) -> tuple[ProviderStatus, ...]:
        """The local server as a provider that is down; nothing while it is as it should be."""
        server, why = self.local.server, self.local.lost
        return (ProviderStatus(LOCAL, server.kind, server.base_url, "down", why),) if why else ()

    def _why_not(self, target: Target, down: Mapping[str, str]) -> str:
        if target.provider in down:
            return down[target.provider] or "is down"
        return self.health.of(target.provider, target.model).why
