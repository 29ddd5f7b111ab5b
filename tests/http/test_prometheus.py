"""``/metrics``: what is counted, what is read, and that nobody can make it grow without end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway_core.events import RequestFinished
from gateway_core.http.prometheus_labels import MOST_NAMES, Names
from gateway_core.http.prometheus_page import Counted
from gateway_core.http.prometheus_requests import RequestMetrics
from gateway_core.http.prometheus_state import StateMetrics
from gateway_core.model import BudgetStatus, CacheStatus, KillSwitch, PullStatus, RequestRow, Status, Tier, Usage
from gateway_core.providers.breaker import CircuitState
from gateway_core.providers.health import Circuit, Troubles
from gateway_core.routing.lineup import DEFAULT_CHEAP_MODELS
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure
from tests.fakes.snapshots import busy, row
from tests.http.inside import client, with_groq

NOTHING = Usage()
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    return sum(number for (at, has), number in found.items() if at == name and labels.items() <= set(has))


def counted(*events: RequestFinished) -> Samples:
    registry = CollectorRegistry()
    metrics = RequestMetrics(Names(), Names())
    registry.register(Counted([metrics.families]))
    for event in events:
        metrics.count(event)
    return samples(generate_latest(registry).decode())


def ended(usage: Usage = NOTHING, **changes: object) -> RequestFinished:
    made: RequestRow = row(1, "Hello?", Tier.PREMIUM, **changes)
    return RequestFinished(0.0, made, usage)


def test_tokens_are_told_by_kind_and_those_of_a_cache_are_no_prompt_cache() -> None:
    usage = Usage(10, 20, cache_read_tokens=300, cache_write_5m_tokens=40, cache_write_1h_tokens=2, reasoning_tokens=5)
    found = counted(
        ended(usage, input_tokens=352, output_tokens=20),
        ended(usage, input_tokens=352, output_tokens=20, cache=CacheStatus.EXACT),
    )
    kinds = {
        kind: value(found, "llmgw_tokens_total", kind=kind, tier="premium")
        for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
    }
    assert kinds == {"input": 352, "output": 20, "cache_read": 300, "cache_write": 42, "reasoning": 5}
    assert value(found, "llmgw_tokens_total", kind="cache_read", tier="cache") == 0
    assert value(found, "gen_ai_client_token_usage_sum", gen_ai_token_type="output") == 20


def test_errors_fallbacks_and_speed_are_counted() -> None:
    found = counted(
        ended(status=Status.FAILED, error_code="upstream_error"),
        ended(status=Status.REFUSED, error_code="budget_exceeded", route="default"),
        ended(
            route="default>cheap",
            stream=True,
            output_tokens=100,
            first_token_ms=500.0,
            latency_ms=2500.0,
            model="m",
        ),
        ended(stream=False, output_tokens=100, first_token_ms=500.0, latency_ms=2500.0),
    )
    assert value(found, "llmgw_request_errors_total", code="budget_exceeded") == 1
    assert value(found, "llmgw_fallbacks_total") == 1
    assert value(found, "llmgw_requests_total", status="failed") == 1
    assert value(found, "llmgw_output_tokens_per_second_sum", model="m") == 50
    assert value(found, "llmgw_output_tokens_per_second_count") == 1


def test_models_that_callers_make_up_are_folded() -> None:
    names = [f"model-{number}" for number in range(MOST_NAMES * 2)]
    found = counted(*(ended(model=name, provider="groq", cost_microusd=1_000_000) for name in names * 2))
    assert len({dict(labels)["model"] for at, labels in found if at == "llmgw_requests_total"}) == MOST_NAMES + 1
    assert value(found, "llmgw_requests_total", model="other") == MOST_NAMES * 2
    assert value(found, "llmgw_cost_usd_total") == MOST_NAMES * 4


def test_a_label_is_one_short_printable_line() -> None:
    assert Names().of("evil\n\x1b[31m\u202ename" + "x" * 500)[0].startswith("evil[31mname")
    assert len(Names().of("x" * 500)[0]) == 120


def test_the_state_is_read_whole() -> None:
    shown = busy()
    now = replace(
        shown,
        kill=KillSwitch(True, 1.0, "key"),
        state="killed",
        forced_tier=Tier.LOCAL,
        budget=BudgetStatus("2026-11-28", 16_000_000, 0, 5_000_000, 15_000_000, 50_000_000, 0.0, ledger_ok=False),
        local=replace(
            shown.local,
            pulls=(PullStatus("qwen3:8b", "pulling", 40, 100), PullStatus("done", "success", 5, 5, done=True)),
        ),
    )
    registry = CollectorRegistry()
    state = StateMetrics(Names())
    registry.register(state)
    assert generate_latest(registry) == b""
    circuits = (Circuit("groq", "m", CircuitState.OPEN),)
    state.read(now, circuits, Troubles({("groq",): 3}, {("groq", "timeout"): 2}))
    found = samples(generate_latest(registry).decode())
    assert value(found, "llmgw_kill_switch") == 1 and value(found, "llmgw_state", state="killed") == 1
    assert value(found, "llmgw_state") == 1 and value(found, "llmgw_forced_tier", tier="local") == 1
    assert (value(found, "llmgw_budget_level"), value(found, "llmgw_ledger_writable")) == (2, 0)
    assert value(found, "llmgw_circuit_state", provider="groq", model="m") == 2
    assert value(found, "llmgw_upstream_retries_total", provider="groq") == 3
    assert value(found, "llmgw_upstream_errors_total", kind="timeout") == 2
    assert value(found, "llmgw_local_pull_completed_bytes") == 40 and value(found, "llmgw_local_pull_size_bytes") == 100
    loaded = [model for model in now.local.models if model.loaded]
    assert value(found, "llmgw_local_model_loaded") == len(loaded) > 0
    assert value(found, "llmgw_local_model_vram_bytes") == sum(model.size_vram_bytes for model in loaded)


async def test_a_retry_shows_in_a_running_gateway(tmp_path: Path) -> None:
    async with (
        FakeOpenAI(kind="groq", key="gsk-fake", models=(DEFAULT_CHEAP_MODELS["groq"],)) as groq,
        client(tmp_path, **with_groq(groq)) as llmgw,
    ):
        groq.script(Failure(503))
        status, _, _ = await llmgw.chat("Hello?", model="gateway-cheap")
        found = samples(await (await llmgw.http.get("/metrics")).text())
    assert status == 200
    assert value(found, "llmgw_upstream_retries_total", provider="groq") == 1
    assert value(found, "llmgw_upstream_errors_total", provider="groq", kind="status") == 1
    assert value(found, "llmgw_requests_total", provider="groq", lane="interactive", status="ok") == 1
    assert value(found, "process_start_time_seconds") > 0
