"""SEMANTIC_MAX_ERROR: what may be served before anything was measured, and what measured errors stop."""

from __future__ import annotations

import pytest

from gateway_core.cache.review.counts import LOOKUPS, MARKED, WINDOW_DAYS, Counts, Kind
from gateway_core.cache.review.dial import Dial, bar_for, off_reason
from gateway_core.cache.review.interval import limits
from gateway_core.cache.review.measure import error_rate, of_lookups
from gateway_core.store.reuse_review import ReuseReviewStore
from tests.cache.review.support import Parts


@pytest.fixture
def counts(parts: Parts) -> Counts:
    return Counts(ReuseReviewStore(parts.database), parts.clock)


def count(counts: Counts, lookups: int = 0, marked: int = 0, **kinds: tuple[int, int, int]) -> None:
    """Hits, checked and wrong of each kind."""
    counts.add(LOOKUPS, lookups)
    counts.add(MARKED, marked)
    for name, values in kinds.items():
        for what, value in zip(("hits", "checked", "wrong"), values, strict=True):
            counts.add(f"{name}.{what}", value)


@pytest.mark.parametrize(("accepted", "bar"), [(0.2, "strict"), (0.002, "strict"), (0.0019, ""), (0.000001, "")])
def test_the_guards_serve_whoever_accepts_what_they_hold(accepted: float, bar: str) -> None:
    assert bar_for(accepted) == bar
    assert bool(off_reason(accepted)) is not bool(bar)
    assert Dial(accepted).allows("words") is bool(bar)


def test_one_kind_alone_has_the_exact_interval() -> None:
    rate = error_rate([Kind(hits=500, sampled=20, checked=20, wrong=1), Kind(0, 0, 0, 0)])
    assert (rate.checked, rate.wrong, rate.rate) == (20, 1, 0.05)
    assert (rate.low, rate.high) == limits(1, 20)


def test_kinds_count_as_often_as_they_are_served() -> None:
    words, learned = Kind(900, 27, 20, 0), Kind(100, 50, 50, 10)
    rate = error_rate([words, learned])
    assert rate.rate == pytest.approx(0.1 * 10 / 50), "not 10 of 70: learned hits are checked more often"
    (low_words, high_words), (low_learned, high_learned) = limits(0, 20, 0.025), limits(10, 50, 0.025)
    assert rate.low == pytest.approx(0.9 * low_words + 0.1 * low_learned)
    assert rate.high == pytest.approx(0.9 * high_words + 0.1 * high_learned)


def test_a_kind_nobody_checked_may_be_anything() -> None:
    rate = error_rate([Kind(50, 0, 0, 0), Kind(50, 25, 25, 0)])
    assert rate.rate == 0.0 and rate.low == 0.0 and rate.high > 0.5
    assert error_rate([Kind(50, 1, 0, 0)]).rate is None


async def test_the_measured_error_is_of_all_questions_looked_up(counts: Counts) -> None:
    count(counts, 1000, words=(100, 50, 5))
    error = of_lookups(counts)
    assert error.rate == pytest.approx(0.1 * 0.1)
    assert (error.low, error.high) == pytest.approx([limits(5, 50)[0] * 0.1, limits(5, 50)[1] * 0.1])


@pytest.mark.parametrize(
    ("accepted", "checked", "wrong", "serves"),
    [
        (0.01, 10, 0, True),
        (0.01, 10, 1, True),  # might be bad luck
        (0.002, 1, 1, True),
        (0.01, 2, 2, False),
        (0.01, 50, 15, False),
        (0.05, 50, 15, True),  # 30 % of the hits, which are a tenth of the questions
        (0.2, 50, 50, True),
    ],
)
async def test_serving_stops_when_the_error_is_above_the_setting_beyond_doubt(
    counts: Counts, accepted: float, checked: int, wrong: int, serves: bool
) -> None:
    count(counts, 1000, words=(100, checked, wrong))
    dial = Dial(accepted)
    assert bool(dial.turn(counts)) is not serves
    assert dial.allows("words") is serves
    assert bool(dial.paused(counts)) is not serves


async def test_it_comes_back_when_the_rate_itself_is_accepted_and_not_before(counts: Counts) -> None:
    dial = Dial(0.01)
    count(counts, 1000, words=(100, 2, 2))
    dial.turn(counts)
    for _ in range(18):
        count(counts, words=(0, 1, 0))
        assert dial.turn(counts) == frozenset() and not dial.allows("words")
        assert "2 of" in dial.paused(counts) and "SEMANTIC_MAX_ERROR" in dial.paused(counts)
    count(counts, words=(0, 1, 0))  # 2 of 21, a tenth of the questions: less than 1 %
    dial.turn(counts)
    assert dial.allows("words") and dial.paused(counts) == ""


async def test_learned_hits_stop_by_themselves(counts: Counts) -> None:
    count(counts, 1000, words=(100, 50, 0), learned=(100, 10, 8))
    dial = Dial(0.01)
    assert dial.turn(counts) == {"learned"}
    assert (dial.allows("words"), dial.allows("learned"), dial.allows("alias")) == (True, False, False)
    assert dial.paused(counts).startswith("Answers by what was learned are paused: 8 of 10")


async def test_where_kinds_hold_the_setting_alone_and_not_together_the_learned_one_stops(counts: Counts) -> None:
    count(counts, 2000, words=(1000, 1000, 25), learned=(1000, 1000, 25))
    dial = Dial(0.012)
    assert dial.turn(counts) == {"learned"}
    assert dial.allows("words")
    assert Dial(0.03).turn(counts) == frozenset()


async def test_marks_stop_serving_though_they_are_no_sample(counts: Counts) -> None:
    count(counts, 300, marked=1)
    dial = Dial(0.002)
    assert dial.turn(counts) == frozenset()
    count(counts, marked=2)
    dial = Dial(0.01)
    assert dial.turn(counts) == frozenset()
    count(counts, marked=10)
    assert dial.turn(counts) == {"marked"}
    assert not dial.allows("words") and "you marked 13 of its answers wrong in 300 questions" in dial.paused(counts)
    count(counts, 1000)
    dial.turn(counts)
    assert dial.allows("words")


async def test_what_was_counted_a_month_ago_no_longer_decides(counts: Counts, parts: Parts) -> None:
    count(counts, 1000, words=(100, 20, 20))
    dial = Dial(0.01)
    dial.turn(counts)
    parts.clock.at += (WINDOW_DAYS - 1) * 86_400
    assert not dial.turn(counts) and not dial.allows("words")
    parts.clock.at += 86_400
    dial.turn(counts)
    assert dial.allows("words")
    assert counts.kind("words", recent=False).wrong == 20 and counts.kind("words", recent=True).wrong == 0


async def test_counts_survive_a_restart_and_a_disk_that_fails(counts: Counts, parts: Parts) -> None:
    count(counts, 7)
    await counts.flush()
    count(counts, 3)
    await counts.flush()
    again = Counts(ReuseReviewStore(parts.database), parts.clock)
    await again.load()
    assert again.total(LOOKUPS) == 10
