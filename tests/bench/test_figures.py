"""Quantiles, medians, and which rounds count."""

from __future__ import annotations

from tests.bench.figures import middle, quantiles, quietest


def test_quantiles_are_values_that_were_measured() -> None:
    assert quantiles(range(101)) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def test_quantiles_do_not_ask_for_an_order() -> None:
    assert quantiles([3.0, 1.0, 2.0])["p50"] == 2.0


def test_a_single_value_is_all_its_quantiles() -> None:
    assert set(quantiles([4.0]).values()) == {4.0}


def test_nothing_has_no_quantiles() -> None:
    assert quantiles([]) == {}


def test_the_middle_leaves_out_what_is_not_there() -> None:
    assert middle([None, 3.0, 1.0, None, 2.0]) == 2.0
    assert middle([None]) is None


def test_only_quiet_rounds_count_where_there_are_enough() -> None:
    assert quietest([(0.1, "a"), (0.9, "b"), (0.2, "c"), (0.0, "d")]) == ["a", "c", "d"]


def test_the_quietest_count_where_few_are_quiet() -> None:
    assert quietest([(0.9, "a"), (0.5, "b"), (0.1, "c"), (0.7, "d"), (0.8, "e")]) == ["c", "b", "d"]


def test_two_rounds_both_count_however_loud() -> None:
    assert sorted(quietest([(0.9, "a"), (0.5, "b")])) == ["a", "b"]
