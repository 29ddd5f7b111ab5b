"""How long models take, from requests as they end."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.events import RequestFinished, RequestStarted
from gateway_core.model import CacheStatus, RequestRow, Status
from gateway_core.store.days import day_of
from gateway_core.tallies import ModelUse
from gateway_core.target_times import MAX_TARGETS, SAMPLES, TargetTimes, Times
from tests.fakes.snapshots import busy
from tests.store.support import NOON

ROW = replace(
    busy().requests[3], at=NOON, status=Status.OK, cache=CacheStatus.MISS, provider="p", model="m", first_token_ms=5.0
)


def row(latency_ms: float, **more: object) -> RequestRow:
    return replace(ROW, latency_ms=latency_ms, **more)  # type: ignore[arg-type]


def test_quantiles_are_of_the_newest_answers() -> None:
    times = TargetTimes()
    times.restore([ModelUse("p", "m", 50, ((99_000.0, 5.0),) * 50)], day_of(NOON))
    for number in range(SAMPLES):
        times.hear(RequestFinished(NOON, row(float(number))))
    assert times.of("p", "m") == Times(SAMPLES, 100.0, 190.0, 5.0)
    assert times.requests_today("p", "m", NOON) == SAMPLES + 50
    assert times.requests_today("p", "m", NOON + 86_400) == 0


def test_what_failed_or_a_cache_answered_has_no_time() -> None:
    times = TargetTimes()
    for one in (
        row(1.0, status=Status.FAILED),
        row(2.0, cache=CacheStatus.EXACT),
        row(3.0, provider=None),
        row(4.0, status=Status.RUNNING),
    ):
        times.hear(RequestStarted(NOON, one))
        times.hear(RequestFinished(NOON, one))
    assert times.of("p", "m") == Times() == times.of("p", "other")
    assert times.requests_today("p", "m", NOON) == 0


def test_callers_who_name_any_model_do_not_fill_the_memory() -> None:
    times = TargetTimes()
    for number in range(3 * MAX_TARGETS):
        times.note(row(1.0, model=f"m{number}"))
    assert len(vars(times)["_targets"]) == MAX_TARGETS and times.of("p", f"m{3 * MAX_TARGETS - 1}").samples == 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=3 * SAMPLES))
@settings(max_examples=30)
def test_quantiles_are_those_of_the_newest_in_order(latencies_ms: list[float]) -> None:
    times = TargetTimes()
    for latency_ms in latencies_ms:
        times.note(row(latency_ms))
    newest = sorted(latencies_ms[-SAMPLES:])
    found = times.of("p", "m")
    assert found.samples == len(newest)
    assert found.latency_p50_ms == newest[int(len(newest) * 0.5)] == times.usual_ms("p", "m")
    assert found.latency_p95_ms == newest[min(len(newest) - 1, int(len(newest) * 0.95))]
