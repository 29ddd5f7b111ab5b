"""Today's counts: fed with rows, right over midnight and a restart."""

from __future__ import annotations

from gateway_core.activity import MINUTES, RECENT_ROWS, Activity
from gateway_core.model import CacheStatus, Lane, RequestRow, Status, Tier, Usage
from gateway_core.tallies import Day, Tallies

NOON = 1_795_435_200.0
"""2026-11-23 12:00 UTC."""
DAY = 86_400


def row(name: str = "req_1", at: float = NOON, **more: object) -> RequestRow:
    fields: dict[str, object] = {
        "id": name,
        "at": at,
        "status": Status.OK,
        "client": "test",
        "lane": Lane.INTERACTIVE,
        "purpose": "chat",
        "session": None,
        "asked_model": "gateway-auto",
        "preview": "Hello",
        "input_tokens": 100,
        "output_tokens": 10,
        "tools": 0,
        "stream": False,
        "tier": Tier.PREMIUM,
        "cost_microusd": 500,
        **more,
    }
    return RequestRow(**fields)  # type: ignore[arg-type]


def test_requests_count_when_they_end() -> None:
    activity = Activity(NOON)
    activity.update(row(status=Status.RUNNING))
    assert activity.requests_today(NOON) == 0
    activity.update(row())
    assert activity.requests_today(NOON) == 1
    premium = next(tier for tier in activity.tiers(NOON, {}, {}) if tier.name == "premium")
    assert (premium.requests, premium.input_tokens, premium.output_tokens, premium.cost_microusd) == (1, 100, 10, 500)


def test_a_request_is_one_row_however_often_it_changes() -> None:
    activity = Activity(NOON)
    for status in (Status.RUNNING, Status.RUNNING, Status.OK):
        activity.update(row(status=status))
    assert [found.status for found in activity.rows(10)] == [Status.OK]


def test_midnight_begins_a_new_day_once() -> None:
    activity = Activity(NOON)
    activity.update(row())
    tomorrow = NOON + DAY
    assert activity.requests_today(tomorrow) == 0
    activity.update(row("late", at=NOON))
    assert activity.requests_today(tomorrow) == 0
    assert activity.requests_today(NOON) == 0


def test_a_request_counts_for_the_day_that_paid_for_it() -> None:
    before = NOON + DAY / 2 - 1
    activity = Activity(before)
    activity.update(row("paid_after", at=before), paid_on="2026-11-24")
    activity.update(row("paid_before", at=before), paid_on="2026-11-23")
    after = before + 61
    assert activity.requests_today(after) == 1


def test_hits_count_for_the_cache_and_misses_for_their_tier() -> None:
    activity = Activity(NOON)
    activity.update(row("a"), Usage(cache_read_tokens=7))
    activity.update(row("b", cache=CacheStatus.EXACT, cost_microusd=0, no_answer_cache_microusd=400))
    activity.update(row("c", cache=CacheStatus.SEMANTIC, cost_microusd=0, no_answer_cache_microusd=100))
    activity.update(row("d", cache=CacheStatus.BYPASS))
    activity.update(row("e", status=Status.REFUSED, tier=None, cost_microusd=0))
    stats = activity.cache(NOON, entries=3)
    assert (stats.exact_hits, stats.semantic_hits, stats.misses, stats.bypassed) == (1, 1, 1, 1)
    assert (stats.saved_microusd, stats.prompt_cache_read_tokens, stats.entries) == (500, 7, 3)
    assert stats.hit_rate == 2 / 3
    assert {tier.name: tier.requests for tier in activity.tiers(NOON, {}, {})} == {
        "local": 0,
        "cheap": 0,
        "premium": 2,
        "cache": 2,
    }


def test_charts_have_one_value_a_step() -> None:
    activity = Activity(NOON)
    activity.update(row("a", at=NOON - 3600))
    activity.update(row("b", at=NOON, cache=CacheStatus.EXACT))
    rates = activity.cache_rate_by_minute(NOON)
    assert (len(rates.values), rates.values[-1]) == (60, 1.0)


def test_a_restart_takes_up_where_the_log_ends() -> None:
    activity = Activity(NOON)
    activity.restore([row("b", at=NOON), row("a", at=NOON - 60)], Tallies(Day("2026-11-23", requests=2)))
    assert [found.id for found in activity.rows(10)] == ["b", "a"]
    assert activity.requests_today(NOON) == 2
    activity.update(row("c"))
    assert activity.requests_today(NOON) == 3


def test_a_request_counts_in_the_minute_it_ended_in_also_when_it_came_long_before() -> None:
    activity = Activity(NOON)
    activity.update(row("quick", at=NOON + 600, latency_ms=1.0))
    activity.update(row("slow", at=NOON, latency_ms=605_000.0, cache=CacheStatus.EXACT))
    assert activity.requests_per_minute(NOON + 610) == 2 / 5
    assert activity.cache_rate_by_minute(NOON + 610).values[-1] == 0.5


def test_minutes_are_forgotten_after_an_hour_also_when_the_clock_was_ahead() -> None:
    activity = Activity(NOON)
    activity.update(row("ahead", at=NOON + 400 * DAY))
    for number in range(500):
        activity.update(row(f"req_{number}", at=NOON + 60 * number))
    now = NOON + 60 * 499
    assert len(vars(activity)["_minutes"]) <= 2 * MINUTES and activity.requests_per_minute(now) >= 1.0


def test_memory_is_bounded() -> None:
    activity = Activity(NOON)
    for number in range(RECENT_ROWS + 10):
        activity.update(row(f"req_{number}"))
    rows = activity.rows(RECENT_ROWS * 2)
    assert len(rows) == RECENT_ROWS
    assert rows[0].id == f"req_{RECENT_ROWS + 9}"


def test_a_tier_has_served_what_it_answered_and_cost_what_it_did_not() -> None:
    activity = Activity(NOON)
    activity.update(row("answered"))
    for status in (Status.FAILED, Status.CANCELLED, Status.KILLED, Status.REFUSED):
        activity.update(row(f"{status}", status=status))
    activity.update(row("left", status=Status.CANCELLED, cache=CacheStatus.EXACT, cost_microusd=0))
    tiers = {tier.name: (tier.requests, tier.cost_microusd) for tier in activity.tiers(NOON, {}, {})}
    assert tiers["premium"] == (1, 5 * 500) and tiers["cache"] == (0, 0)
    assert activity.requests_today(NOON) == 6
