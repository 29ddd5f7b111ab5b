"""What is shown of today is the same before a restart and after it: counted as requests end, or read from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway_core.activity import RECENT_ROWS, Activity
from gateway_core.events import RequestFinished
from gateway_core.gates.account import Reservation
from gateway_core.gates.budget import Budget
from gateway_core.model import (
    BudgetStatus,
    CacheStats,
    CacheStatus,
    RequestRow,
    Savings,
    Series,
    Status,
    Target,
    Tier,
    TierStats,
    Usage,
)
from gateway_core.spending.reading import read_report
from gateway_core.store.database import Database
from gateway_core.store.days import DAY_S, day_of, start_of
from gateway_core.store.ledger import Ledger
from gateway_core.target_times import SAMPLES, TargetTimes, Times
from tests.store.searching import InMemory
from tests.store.support import CHEAP, NEXT_DAY, PAID, request_detail, request_row

LOCAL = Target(Tier.LOCAL, "ollama", "qwen", free=True)
MIDNIGHT = start_of(NEXT_DAY)


@dataclass(frozen=True)
class Asked:
    """A request: when it came, counted from midnight, how long all took, and the share of that before its paid call."""

    came_s: float = 0.0
    took_s: float = 1.0
    waited: float = 0.5
    target: Target | None = PAID
    cache: CacheStatus = CacheStatus.MISS
    status: Status = Status.OK
    charged: int | None = 100
    """Micro-dollars; None for a call that was reserved and released."""

    @property
    def ended_at(self) -> float:
        return MIDNIGHT + self.came_s + self.took_s

    @property
    def is_paid(self) -> bool:
        return self.target is not None and not self.target.free and not self.cache.is_hit

    def row(self, number: int) -> RequestRow:
        target, cost = self.target, (self.charged or 0) if self.is_paid else 0
        return replace(
            request_row(
                f"req_{number:03}",
                at=MIDNIGHT + self.came_s,
                status=self.status,
                cache=self.cache,
                tier=target.tier if target else None,
                provider=target.provider if target else None,
                model=target.model if target else None,
                input_tokens=7 * number,
                saved_microusd=13 * number - cost,
            ),
            cost_microusd=cost,
            latency_ms=self.took_s * 1000,
            first_token_ms=self.took_s * 500 if number % 3 else None,
            no_prompt_cache_microusd=12 * number if number % 4 else None,
            no_answer_cache_microusd=11 * number if self.cache.is_hit else None,
            saved_ms=0.25 * number if self.cache.is_hit else 0.0,
        )


_asked = st.builds(
    Asked,
    came_s=st.one_of(
        st.floats(-7_000, 7_000),
        st.floats(-DAY_S, DAY_S - 1),
        st.sampled_from((-60.0, -59.9996, -0.0004, -0.0006, 0.0, 59.999, 60.0, 3_600.0)),
    ),
    took_s=st.one_of(st.floats(0, 90), st.floats(0, 7_000)),
    waited=st.floats(0, 1),
    target=st.sampled_from((None, LOCAL, CHEAP, PAID)),
    cache=st.sampled_from(CacheStatus),
    status=st.sampled_from([status for status in Status if status is not Status.RUNNING]),
    charged=st.one_of(st.none(), st.integers(0, 90_000)),
)


@dataclass(frozen=True)
class Shown:
    """All that screens, HTTP and Prometheus tell of today and of the last hour."""

    requests: int
    saved_microusd: int
    per_minute: float
    cache_rate: Series
    cache: CacheStats
    waited_less_ms: tuple[float, float]
    tiers: tuple[TierStats, ...]
    budget: BudgetStatus
    by_hour: tuple[int, ...]
    models: tuple[tuple[Times, int, int], ...]


class Running:
    """What a gateway holds in memory of today, on a store that outlives it."""

    def __init__(self, store: InMemory) -> None:
        self._clock, self._log = store.clock, store.log
        self._ledger = Ledger(cast(Database, store), store.clock)
        self.activity, self.times = Activity(store.clock.now()), TargetTimes()

    async def start(self) -> None:
        now = self._clock.now()
        self.budget = await Budget.open(self._ledger, self._clock, 0, 0, 0)
        self.times.restore(await self._log.models(now, SAMPLES), day_of(now))
        self.activity.restore(await self._log.recent(RECENT_ROWS), await self._log.tallies(now))

    async def serve(self, number: int, asked: Asked) -> None:
        """Reserves, settles, logs and counts a request as the pipeline does; the clock moves to its end."""
        row, paid_on, usage = asked.row(number), None, Usage(number, 2, 3 * number, number, number + 5)
        await self._log.add(replace(row, status=Status.RUNNING), request_detail(row, usage=usage))
        if asked.target is not None and asked.is_paid:
            self._clock.at = max(self._clock.at, row.at + asked.waited * asked.took_s)
            reserved = await self.budget.reserve(row.id, 1, asked.target, 100_000)
            assert isinstance(reserved, Reservation)
            if asked.charged is None:
                await self.budget.release(reserved)
            else:
                paid_on = reserved.day
                await self.budget.settle(reserved, asked.charged, usage)
        self._clock.at = max(self._clock.at, asked.ended_at)
        await self._log.add(row, request_detail(row, usage=usage), paid_on=paid_on)
        self.activity.update(row, usage, paid_on)
        self.times.hear(RequestFinished(self._clock.now(), row, usage))

    def shown(self) -> Shown:
        now, activity, cache = self._clock.now(), self.activity, self.activity.cache(self._clock.now(), 0)
        return Shown(
            activity.requests_today(now),
            activity.saved_microusd(now),
            activity.requests_per_minute(now),
            activity.cache_rate_by_minute(now),
            replace(cache, today=_but_ms(cache.today), ever=_but_ms(cache.ever)),
            (round(cache.today.total.ms, 6), round(cache.ever.total.ms, 6)),
            activity.tiers(now, {}, {}),
            self.budget.status(),
            self.budget.spent_by_hour(),
            tuple(self._model(target, now) for target in (LOCAL, CHEAP, PAID)),
        )

    def _model(self, target: Target, now: float) -> tuple[Times, int, int]:
        name = (target.provider, target.model)
        return self.times.of(*name), self.times.requests_today(*name, now), self.budget.committed_to(target.provider)


def _but_ms(savings: Savings) -> Savings:
    """Sums of floats differ in the last digit by the order that they are added up in."""
    return Savings(replace(savings.exact, ms=0.0), replace(savings.semantic, ms=0.0))


async def before_and_after(asked: Sequence[Asked]) -> tuple[Shown, Shown, InMemory]:
    store = InMemory()
    store.clock.at = MIDNIGHT - DAY_S
    before, after = Running(store), Running(store)
    await before.start()
    for number, one in enumerate(sorted(asked, key=lambda one: one.ended_at)):
        await before.serve(number, one)
    await after.start()
    return before.shown(), after.shown(), store


@settings(max_examples=60)
@given(st.lists(_asked, max_size=12))
@example([Asked(came_s=-0.0004, took_s=0.0, target=LOCAL)])
@example([Asked(came_s=-1.0, took_s=2.0, waited=0.9)])
@example([Asked(came_s=-1.0, took_s=2.0, waited=0.9, charged=None)])
@example([Asked(came_s=100.0, took_s=200.0), Asked(came_s=200.0, took_s=1.0, cache=CacheStatus.EXACT)])
@example([Asked(took_s=0.0), Asked(took_s=0.0, charged=None)])
@example([Asked(came_s=-1.2e-07, took_s=0.0), Asked(), Asked()])
def test_a_restart_shows_of_today_what_was_shown_before_it(asked: list[Asked]) -> None:
    before, after, store = asyncio.run(before_and_after(asked))
    assert after == before
    total = read_report(store.connection, "today", "tier", before.budget.day, lambda *_: True).total
    assert (total.requests, total.saved_microusd) == (before.requests, before.saved_microusd)
    assert total.saved_by_prompt_cache_microusd == before.cache.prompt_cache_saved_microusd
    assert total.cost_microusd == before.budget.spent_microusd == sum(before.by_hour)


def test_thousands_of_requests_of_today_are_added_up_from_an_index_alone() -> None:
    """The rows themselves are ten times as large: 100,000 of them took half a minute."""
    store = InMemory()
    seen: list[str] = []
    store.connection.set_trace_callback(seen.append)
    asyncio.run(Running(store).start())
    store.connection.set_trace_callback(None)
    grouped = [query for query in seen if "FROM requests" in query and "GROUP BY" in query]
    assert len(grouped) == 4
    for query in grouped:
        plan = str(store.connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
        assert "requests USING COVERING INDEX" in plan, plan
