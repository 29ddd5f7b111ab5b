"""The part of ``/metrics`` that is read when it is asked for: money, switches, caches, upstreams, local
models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway_core.cache_entries import EXACT, SEMANTIC
from gateway_core.http.prometheus_labels import Names
from gateway_core.model import BudgetStatus, CacheStats, Lane, LocalServer, ProviderStatus, Snapshot, Tier
from gateway_core.providers.breaker import CircuitState
from gateway_core.providers.health import Circuit, Troubles

_CIRCUIT_VALUES = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}
Values: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
STATES = ("running", "degraded", "killed")
LEVELS = ("ok", "soft", "medium", "hard")
_VERDICTS = ("waiting", "approved", "rejected")


class StateMetrics(Collector):
    """Holds what :meth:`read` saw last, so that it can be written out in a thread."""

    def __init__(self, models: Names) -> None:
        self._models = models
        self._seen: tuple[Metric, ...] = ()

    def collect(self) -> Iterable[Metric]:
        return self._seen

    def read(self, now: Snapshot, circuits: Iterable[Circuit], troubles: Troubles) -> None:
        """Takes up the gateway as it is now."""
        self._seen = (
            *_of_gateway(now),
            *_of_budget(now.budget),
            *_of_caches(now.cache),
            *_of_upstreams(now.providers, troubles),
            self._of_circuits(circuits),
            *_of_local(now.local, self._models),
        )

    def _of_circuits(self, circuits: Iterable[Circuit]) -> Metric:
        worst: dict[tuple[str, ...], int] = {}
        for circuit in circuits:
            labels = self._models.of(circuit.provider, circuit.model)
            worst[labels] = max(worst.get(labels, 0), _CIRCUIT_VALUES[circuit.state])
        return _gauges(
            "llmgw_circuit_state",
            "0 closed, 1 half open, 2 open: whether a model is called.",
            ("provider", "model"),
            worst.items(),
        )


def _of_gateway(now: Snapshot) -> Iterator[Metric]:
    yield _gauge("llmgw_in_flight_requests", "Requests under way.", now.in_flight)
    yield _gauge("llmgw_kill_switch", "1 while the kill switch is on.", now.kill.on)
    states = {(state,): float(now.state == state) for state in STATES}
    yield _gauges("llmgw_state", "1 for the state it is in.", ("state",), states.items())
    forced = {(tier.value,): float(now.forced_tier is tier) for tier in Tier}
    yield _gauges("llmgw_forced_tier", "1 for the tier that is forced.", ("tier",), forced.items())
    yield _gauge("llmgw_saved_today_usd", "Saved today (UTC) against premium.", now.saved_today_microusd / 1e6)


def _of_budget(budget: BudgetStatus) -> Iterator[Metric]:
    for name, text, microusd in (
        ("spent", "Spent today (UTC), from the ledger.", budget.spent_microusd),
        ("reserved", "Reserved for calls under way.", budget.reserved_microusd),
        ("soft_limit", "Daily soft limit; 0 is off.", budget.soft_microusd),
        ("medium_limit", "Daily medium limit; 0 is off.", budget.medium_microusd),
        ("hard_limit", "Daily hard limit; 0 is off.", budget.hard_microusd),
    ):
        yield _gauge(f"llmgw_budget_{name}_usd", text, microusd / 1e6)
    yield from _of_lanes(budget)
    level = LEVELS.index(budget.level)
    yield _gauge("llmgw_budget_level", "Highest limit reached: 0 none, 1 soft, 2 medium, 3 hard.", level)
    yield _gauge("llmgw_budget_resets_timestamp_seconds", "When the day ends.", budget.resets_at)
    yield _gauge("llmgw_ledger_writable", "0 while the ledger cannot be written and paid tiers stop.", budget.ledger_ok)


def _of_lanes(budget: BudgetStatus) -> Iterator[Metric]:
    own, background, interactive = budget.background, (Lane.BACKGROUND.value,), (Lane.INTERACTIVE.value,)
    spent = {background: own.spent_microusd, interactive: budget.spent_microusd - own.spent_microusd}
    held = {background: own.reserved_microusd, interactive: budget.reserved_microusd - own.reserved_microusd}
    for name, text, of_lanes in (
        ("spent", "Spent today (UTC) by who waited, from the ledger.", spent),
        ("reserved", "Reserved for calls under way, by who waits.", held),
        ("limit", "A lane's own daily limit inside the hard one; 0 is off.", {background: own.limit_microusd}),
    ):
        values = {lane: microusd / 1e6 for lane, microusd in of_lanes.items()}
        yield _gauges(f"llmgw_budget_lane_{name}_usd", text, ("lane",), values.items())


def _of_caches(stats: CacheStats) -> Iterator[Metric]:
    """What they hold, and how often a semantic hit is wrong: the rates are of the last 30 days."""
    semantic, recent = stats.semantic, stats.semantic.recent
    entries = {(EXACT,): float(stats.entries), (SEMANTIC,): float(semantic.entries)}
    yield _gauges("llmgw_cache_entries", "Answers kept.", ("kind",), entries.items())
    pairs = {(verdict,): float(getattr(semantic, f"grey_{verdict}")) for verdict in _VERDICTS}
    yield _gauges("llmgw_semantic_pairs", "Pairs of questions for the local judge.", ("verdict",), pairs.items())
    rate = float("nan") if recent.rate is None else recent.rate
    for name, text, value in (
        ("false_hit_rate", "Wrong answers among checked semantic hits, 0-1; NaN while none was checked.", rate),
        ("false_hit_rate_low", "Lower end of its 95 % interval.", recent.low),
        ("false_hit_rate_high", "Upper end of its 95 % interval.", recent.high),
        ("hits_checked", "Semantic hits that were checked.", recent.checked),
        ("hits_marked_wrong", "Semantic hits that the user marked wrong, of all time.", semantic.marked_wrong),
        ("max_error", "SEMANTIC_MAX_ERROR.", semantic.max_error),
    ):
        yield _gauge(f"llmgw_semantic_{name}", text, value)


def _of_upstreams(providers: Iterable[ProviderStatus], troubles: Troubles) -> Iterator[Metric]:
    up = {(one.name,): float(one.state == "ok") for one in providers if one.state in ("ok", "down")}
    yield _gauges("llmgw_provider_up", "1 while a provider answers, 0 while it is down.", ("provider",), up.items())
    text = "Calls of the same model made again."
    yield _counters("llmgw_upstream_retries", text, ("provider",), troubles.retries.items())
    text = "Calls of upstreams that failed: connect, timeout, status, protocol or limit."
    yield _counters("llmgw_upstream_errors", text, ("provider", "kind"), troubles.failures.items())


def _of_local(local: LocalServer, names: Names) -> Iterator[Metric]:
    yield _gauge("llmgw_local_up", "1 while the local server answers.", local.reachable)
    yield _gauge("llmgw_local_models", "Models that the local server has.", len(local.models))
    loaded = [(names.of(local.kind, model.name)[1:], model) for model in local.models if model.loaded]
    vram = {labels: model.size_vram_bytes for labels, model in loaded}
    yield _gauges(
        "llmgw_local_model_loaded", "1 for a loaded model.", ("model",), {labels: 1 for labels, _ in loaded}.items()
    )
    yield _gauges("llmgw_local_model_vram_bytes", "A loaded model's share of the VRAM.", ("model",), vram.items())
    pulls = [(names.of(local.kind, pull.model)[1:], pull) for pull in local.pulls if not (pull.done or pull.error)]
    got = {labels: pull.completed_bytes for labels, pull in pulls}
    size = {labels: pull.total_bytes for labels, pull in pulls}
    yield _gauges("llmgw_local_pull_completed_bytes", "Of a pull's current layer.", ("model",), got.items())
    yield _gauges("llmgw_local_pull_size_bytes", "Of a pull's current layer.", ("model",), size.items())


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for at, value in values:
        family.add_metric(at, value)
    return family


def _counters(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for at, value in values:
        family.add_metric(at, value)
    return family
