"""A limit is a ratio of one run, or a figure; where the other was not in the run, what is known of it holds."""

from __future__ import annotations

import pytest

from tests.bench.bodies import BODIES, LARGE_BYTES
from tests.bench.limits import Limit, least, most
from tests.bench.rows import CELLS, ROWS, chosen
from tests.bench.servers import LLMGW, PLAIN

ROW = "a row"


@pytest.mark.parametrize(
    ("limit", "mine", "is_passed"),
    [
        (most(3.0, PLAIN), 6.0, False),
        (most(3.0, PLAIN), 6.1, True),
        (least(0.5, PLAIN), 1.0, False),
        (least(0.5, PLAIN), 0.9, True),
        (most(10.0), 10.0, False),
        (most(10.0), 10.1, True),
    ],
)
def test_a_limit_holds_as_far_as_it_says(limit: Limit, mine: float, is_passed: bool) -> None:
    figures = {(ROW, PLAIN): 2.0, (ROW, LLMGW): mine}
    assert bool(limit.passed(ROW, figures)) is is_passed


def test_a_peer_in_the_run_is_what_a_limit_is_relative_to() -> None:
    figures = {(ROW, PLAIN): 2.0, (ROW, "Portkey"): 10.0, (ROW, LLMGW): 10.5}
    assert "<= 1x Portkey (10)" in most(1.0, "Portkey", known=100.0).passed(ROW, figures)


def test_without_the_peer_its_known_ratio_to_the_plain_proxy_is_taken() -> None:
    figures = {(ROW, PLAIN): 4651.0, (ROW, LLMGW): 900.0}
    told = least(1.5, "Portkey", known=653 / 4651).passed(ROW, figures)
    assert ">= 1.5x Portkey (979, as it was in November 2026)" in told


def test_a_limit_that_nothing_is_known_for_is_not_passed() -> None:
    assert most(1.0, "Portkey").passed(ROW, {(ROW, LLMGW): 5.0}) == ""


def test_a_limit_may_look_at_another_row() -> None:
    figures = {("another", LLMGW): 3.0, (ROW, LLMGW): 4.0}
    assert "<= another (3)" in most(1.0, LLMGW, row="another").passed(ROW, figures)


def test_what_was_not_measured_passes_no_limit() -> None:
    assert all(limit.passed(row.name, {}) == "" for row in ROWS for limit in row.limits)


def test_each_row_has_a_cell_and_each_cell_a_row() -> None:
    assert {row.cell for row in ROWS} == set(CELLS)


def test_choosing_a_row_brings_those_that_its_limits_look_at() -> None:
    names = [row.name for row in chosen("exact hit, small")]
    assert "pass-through, small body: added p50, ms" in names
    assert not any("OpenClaw" in name for name in names)


def test_the_body_of_openclaw_is_as_large_as_it_is_said_to_be() -> None:
    text = BODIES["OpenClaw"]().text("gateway-cheap", stream=False)
    assert abs(len(text.encode()) - LARGE_BYTES) < 200
