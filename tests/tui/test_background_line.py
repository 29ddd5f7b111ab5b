"""What nobody waited for, on a line of its own: in the dashboard, on the spend screen, in ``llmgw status``."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway_core.http.status import status_json
from gateway_core.model import LaneSpend, Snapshot
from llmgw_tui.panes.spend import spend_view
from llmgw_tui.panes.spending import spend_summary
from llmgw_tui.status import fields_of, line_of
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.tui.drawn import LOOK, pane, text_of


def spent(own: LaneSpend, of: Snapshot | None = None) -> Snapshot:
    before = of or snapshots.busy()
    return replace(before, budget=replace(before.budget, background=own))


PART = LaneSpend(120_000, 30_000, 500_000)
ALL = LaneSpend(500_000, 0, 500_000)


@pytest.mark.parametrize(("width", "height"), [(38, 4), (38, 8), (58, 5), (58, 9), (78, 12), (118, 40)])
def test_it_has_a_line_of_its_own_at_every_size_of_the_dashboard(width: int, height: int) -> None:
    rows = [row.strip() for row in pane(spend_view, spent(PART), width, height).split("\n")]
    (own,) = [row for row in rows if row.startswith("background")]
    assert own.startswith("background $0.120 of $0.50")
    assert any("S $5" in row or "S soft $5" in row for row in rows)
    assert any("soft ~19:24" in row or "soft limit at about 19:24" in row for row in rows), "nothing graver gives way"


@pytest.mark.parametrize("height", [9, 12])
def test_the_chart_and_the_forecast_keep_their_place(height: int) -> None:
    chart.load()
    shown = pane(spend_view, spent(PART), 58, height)
    assert "dollars per hour" in shown and "$0.80" in shown and "about $5.76 by midnight" in shown
    assert "+ $0.030 reserved" in shown


def test_a_limit_that_is_passed_goes_before_it_where_there_is_no_room_for_both() -> None:
    over = spent(PART, snapshots.over_budget())
    assert "hard limit reached" in pane(spend_view, over, 38, 4)
    assert "background" not in pane(spend_view, over, 38, 4) and "background" in pane(spend_view, over, 38, 5)


def test_a_spent_limit_says_what_that_means() -> None:
    shown = pane(spend_view, spent(ALL), 38, 4)
    assert "background $0.500 spent: free only" in shown
    summary = text_of(spend_summary(spent(ALL), LOOK, 120))
    assert "$0.500 of $0.50 spent: free tiers only" in summary and "nobody waits for, until midnight UTC" in summary


def test_without_a_limit_and_without_spend_there_is_no_line_and_with_either_there_is() -> None:
    assert "background" not in pane(spend_view, spent(LaneSpend()), 58, 12)
    assert len(spend_summary(spent(LaneSpend()), LOOK, 120)) == 3
    assert "background $0.00 of $0.50" in pane(spend_view, spent(LaneSpend(0, 0, 500_000)), 58, 12)
    assert "background $0.120, no limit" in pane(spend_view, spent(LaneSpend(120_000)), 58, 12)


def test_the_spend_screen_says_what_it_is() -> None:
    last = text_of(spend_summary(spent(PART), LOOK, 120)).split("\n")[3]
    assert "background $0.120 of $0.50  + $0.030 reserved" in last and "heartbeats, cron jobs, recaps, titles" in last


def told(own: LaneSpend) -> dict[str, str]:
    return fields_of(json.loads(json.dumps(status_json(spent(own)), default=str)), "http://127.0.0.1:8000")


def test_the_status_line_has_its_spend_and_says_when_it_is_spent() -> None:
    part, everything, nothing = told(PART), told(ALL), told(LaneSpend())
    assert (part["background"], part["background_limit"]) == ("0.12", "0.50")
    assert "USD today  background 0.12 of 0.50  saved" in line_of(part) and "background limit" not in line_of(part)
    assert "! background limit reached" in line_of(everything)
    assert (nothing["background"], nothing["background_limit"]) == ("0.00", "-") and "background" not in line_of(
        nothing
    )


def test_an_older_gateways_status_is_read_without_it() -> None:
    found = json.loads(json.dumps(status_json(snapshots.busy()), default=str))
    del found["budget"]["background"]
    assert fields_of(found, "http://127.0.0.1:8000")["background_limit"] == "-"
