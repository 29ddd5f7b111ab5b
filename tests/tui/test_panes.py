"""The views: pure functions from a frozen snapshot to lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from gateway_core.model import (
    BudgetStatus,
    CacheStatus,
    Forecast,
    ProviderStatus,
    PullStatus,
    RequestRow,
    Snapshot,
    Status,
)
from gateway_core.spending.forecast import Today, forecast
from llmgw_tui.filtering import Typed, matching
from llmgw_tui.panes.cache import cache_view
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.panes.draw import Drawn, Look, frame, shares
from llmgw_tui.panes.header import Link, header_view
from llmgw_tui.panes.local import local_view
from llmgw_tui.panes.requests import Table, requests_view
from llmgw_tui.panes.spend import budget_bar, spend_view
from llmgw_tui.panes.tiers import tiers_view
from llmgw_tui.text import count, dollars
from llmgw_tui.theme import ASCII, MUTED_STYLE, UNICODE
from llmgw_tui.widgets import chart
from tests.fakes import details, snapshots
from tests.tui.drawn import LOOK, MOMENTS, View, header, pane, text_of
from tests.tui.test_text import is_harmless


def _requests(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    return requests_view(snapshot, Table(), look, width, height)


VIEWS: tuple[View, ...] = (_requests, tiers_view, cache_view, spend_view, local_view)


@pytest.fixture(autouse=True, scope="module")
def plotext_is_there() -> None:
    chart.load()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [(8, 1), (18, 4), (38, 4), (38, 8), (58, 10), (78, 6), (118, 20), (248, 64)])
def test_every_view_fits_its_pane(view: View, moment: Callable[[], Snapshot], size: tuple[int, int]) -> None:
    width, height = size
    drawn = view(moment(), LOOK, width, height)
    assert len(drawn.lines) <= height
    framed = frame(drawn, width + 2, height + 2, LOOK)
    assert [cell_len(strip.text) for strip in framed] == [width + 2] * (height + 2)
    assert all(segment.style is not None for strip in framed for segment in strip)


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_names_never_reach_a_strip(view: View) -> None:
    framed = frame(view(snapshots.hostile(), LOOK, 160, 40), 162, 42, LOOK)
    assert all(is_harmless(segment.text) and "\n" not in segment.text for strip in framed for segment in strip)


def test_a_hostile_header_and_detail_are_harmless() -> None:
    lines = header_view(snapshots.hostile(), Link(False, False, 0.0, snapshots.EVIL), LOOK, 200, 3)
    lines += detail_lines(details.hostile_detail(), LOOK, 100)
    lines += requests_view(
        snapshots.busy(), Table(filter=Typed(snapshots.EVIL, snapshots.EVIL, snapshots.EVIL)), LOOK, 100, 10
    ).lines
    assert all(is_harmless(segment.text) and "\n" not in segment.text for strip in lines for segment in strip)


@settings(max_examples=50)
@given(st.text(alphabet=st.characters()), st.integers(min_value=8, max_value=120))
def test_any_prompt_makes_harmless_lines_of_the_right_width(prompt: str, width: int) -> None:
    row = replace(snapshots.busy().requests[1], preview=prompt, model=prompt, route=prompt)
    drawn = _requests(replace(snapshots.busy(), requests=(row,)), LOOK, width, 3)
    assert all(strip.cell_length == width and is_harmless(strip.text) for strip in drawn.lines)


def test_in_ascii_nothing_of_ours_is_beyond_ascii() -> None:
    look = replace(LOOK, glyphs=ASCII)
    plain = replace(snapshots.busy(), requests=tuple(row for row in snapshots.busy().requests if row.preview.isascii()))
    for view in VIEWS:
        assert text_of(frame(view(plain, look, 118, 20), 120, 22, look)).isascii()
    assert text_of(header_view(plain, Link(), look, 120, 3)).isascii()


# --- requests ----------------------------------------------------------------------------------------------------


def test_a_request_says_where_it_went_and_what_it_cost() -> None:
    line = pane(_requests, snapshots.busy(), 140).split("\n")[6]
    for word in (
        "14:02:47",
        "premium",
        "claude-sonnet-5-5",
        "18.4k",
        "2.2k",
        "$0.048",
        "21.4s",
        "hard:design",
        "Design a schema",
    ):
        assert word in line


def test_a_cache_hit_says_which_kind_and_a_refusal_says_why() -> None:
    shown = pane(_requests, snapshots.busy(), 140)
    assert (
        "exact match" in shown
        and "semantic match" in shown
        and "policy_violation" in shown
        and "upstream_error" in shown
    )


def test_what_is_free_says_so_only_where_nothing_is_paid() -> None:
    paid_nothing = replace(snapshots.busy().requests[3], cost_microusd=0)
    shown = pane(_requests, replace(snapshots.busy(), requests=(paid_nothing,)), 140)
    assert "free" not in shown and "$0.00" in shown


def test_a_target_without_a_known_price_is_marked() -> None:
    snapshot = snapshots.busy()
    tiers = tuple(replace(tier, price_known=tier.name != "cheap") for tier in snapshot.tiers)
    assert pane(tiers_view, replace(snapshot, tiers=tiers), 58, 8).count("price unknown") == 1


def test_narrow_panes_keep_the_mark_the_tier_the_cost_and_the_question() -> None:
    line = pane(_requests, snapshots.busy(), 40).split("\n")[4]
    assert line.split()[:3] == ["✓", "C", "$0.0004"] and "Summ" in line


def _matching(rows: Sequence[RequestRow], text: str) -> Sequence[RequestRow]:
    return matching(rows, Typed().retyped(text, snapshots.NOW, typing=False), snapshots.NOW)


def test_the_filter_looks_at_text_model_tier_route_and_status() -> None:
    rows = snapshots.busy().requests
    assert {row.served_by for row in _matching(rows, "cache")} == {"cache"}
    assert {row.status for row in _matching(rows, "refused")} == {Status.REFUSED}
    assert [row.preview for row in _matching(rows, "MÜLLER qwen")] == ["Schreib eine höfliche Absage an Frau Müller"]
    assert len(_matching(rows, "hard:design")) == 1 and _matching(rows, "") is rows


def test_an_empty_table_says_what_to_do() -> None:
    assert "llmgw connect openclaw" in pane(_requests, snapshots.empty())


# --- the other panes ---------------------------------------------------------------------------------------------


def test_tiers_show_shares_costs_and_targets() -> None:
    shown = pane(tiers_view, snapshots.busy(), 58, 8)
    for word in ("46 %", "214", "$3.33", "anthropic/claude-sonnet-5-5", "◆ cache"):
        assert word in shown
    assert "no provider" in pane(tiers_view, snapshots.empty(), 58, 8)
    assert "all requests go here" in pane(tiers_view, snapshots.demo(), 78, 8) and "simulated" in pane(
        tiers_view, snapshots.demo(), 78, 8
    )


def test_cache_shows_rates_of_today_and_of_now() -> None:
    shown = pane(cache_view, snapshots.busy(), 58, 10)
    for word in ("42 % hit today", "118 exact", "31 semantic", "203 missed", "1.2M read", "now 60 %", "saved $0.812"):
        assert word in shown
    assert "no look-ups yet" in pane(cache_view, snapshots.empty())


def test_one_answer_kept_is_no_plural() -> None:
    busy = snapshots.busy()
    one = replace(busy, cache=replace(busy.cache, entries=1))
    assert cache_view(one, LOOK, 58, 10).info == "1 answer kept"


def test_why_a_tier_is_down_is_cut_with_an_ellipsis() -> None:
    busy = snapshots.busy()
    long = replace(busy.providers[0], state="down", detail="circuit open after 5 failures, " * 5)
    down = replace(busy, providers=(long, *busy.providers[1:]))
    cut = [text for text in pane(tiers_view, down, 58, 10).split("\n") if "down:" in text]
    assert cut and all("…" in text for text in cut)


def test_parts_of_a_bar_differ_without_colour_and_none_is_lost() -> None:
    bar = "".join(
        segment.text for segment in shares(20, ((1000, MUTED_STYLE), (1, MUTED_STYLE), (1000, MUTED_STYLE)), UNICODE)
    )
    assert len(bar) == 20 and set(bar) == set("█▓░")


def test_spend_shows_the_limits_on_the_bar_and_in_words() -> None:
    shown = pane(spend_view, snapshots.busy(), 58, 11)
    for word in (
        "$3.42 today",
        "$0.150 reserved",
        "saved $2.31",
        "S soft $5",
        "M medium $15",
        "H hard $50",
        "within the limits",
    ):
        assert word in shown
    assert "▄" in shown and "$0.80" in shown and "06:00" in shown
    assert "hard limit reached" in pane(spend_view, snapshots.over_budget())


@pytest.mark.parametrize("width", [36, 58, 62, 78])
def test_why_there_is_no_forecast_is_read_to_its_end(width: int) -> None:
    for basis in (forecast(Today("2026-11-23", 0.0, ()), {}, None).basis, "the ledger is being read", "so it is " * 12):
        moment = replace(snapshots.empty(), forecast=Forecast(basis=basis))
        words = " ".join(pane(spend_view, moment, width, 12).split())
        assert f"no forecast: {basis.strip()}" in words and "…" not in words


def test_the_reason_for_no_forecast_takes_one_row_in_the_dashboard() -> None:
    assert "no forecast: it takes 2 hours or 3 days with spend" in pane(spend_view, snapshots.empty(), 58, 9)


@pytest.mark.parametrize("width", [38, 58, 62, 118])
def test_the_smallest_costs_and_largest_counts_stand_apart(width: int) -> None:
    for cost, requests in ((49, 2), (49, 99_940), (999_000_000, 2), (123_456_000_000, 999_949)):
        tiers = tuple(replace(tier, cost_microusd=cost, requests=requests) for tier in snapshots.busy().tiers)
        for height in (4, 8):
            rows = pane(tiers_view, replace(snapshots.busy(), tiers=tiers), width, height).split("\n")
            for row in (row for row in rows if "$" in row):
                assert f" {count(requests)} " in row and f" {dollars(cost)}" in row, row


@given(
    st.integers(min_value=0, max_value=100_000_000),
    st.integers(min_value=0, max_value=10_000_000),
    st.lists(st.integers(min_value=0, max_value=60_000_000), min_size=3, max_size=3),
    st.integers(min_value=1, max_value=120),
)
def test_the_budget_bar_fills_its_width(spent: int, reserved: int, limits: list[int], width: int) -> None:
    budget = BudgetStatus("2026-11-23", spent, reserved, limits[0], limits[1], limits[2], 0.0)
    assert sum(segment.cell_length for segment in budget_bar(budget, width, UNICODE)) == width


def lost(by_prompt_microusd: int) -> Snapshot:
    """A day that has saved less than nothing."""
    cache = replace(snapshots.busy().cache, prompt_cache_saved_microusd=by_prompt_microusd)
    return replace(snapshots.busy(), saved_today_microusd=-56_000, cache=cache)


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (80, "saved -$0.056: prompt-cache writes not yet repaid"),
        (60, "saved -$0.056: cache writes not yet repaid"),
        (44, "saved -$0.056: cache writes"),
        (30, "saved -$0.056"),
    ],
)
def test_less_than_nothing_saved_is_explained_beside_it(width: int, words: str) -> None:
    assert text_of(spend_view(lost(-60_000), LOOK, width, 9).lines).splitlines()[0].rstrip().endswith(words)
    assert "saved -$0.056: dearer models" in pane(spend_view, lost(0), 80)
    assert "saved -$0.056: cache writes" in header(lost(-60_000)) and "saved" not in header(lost(-60_000), width=80)


def test_a_chart_without_spend_says_so() -> None:
    assert "nothing spent today" in pane(spend_view, snapshots.empty(), 58, 11)


def test_a_failed_pull_says_why() -> None:
    failed = replace(snapshots.busy().local, pulls=(PullStatus("nope", "", error="file does not exist"),))
    assert "nope  failed: file does not exist" in pane(local_view, replace(snapshots.busy(), local=failed))


def test_a_repaired_request_is_marked_and_can_be_filtered_for() -> None:
    moment = snapshots.busy()
    row = replace(moment.requests[0], status=Status.OK, cache=CacheStatus.MISS, route="simple>cheap", repaired=True)
    moment = replace(moment, requests=(row, *(replace(other, repaired=False) for other in moment.requests[1:])))
    assert "~ simple>cheap" in pane(_requests, moment, width=118)
    assert _matching(moment.requests, "repaired") == [row]


def test_a_maximised_pane_tells_more() -> None:
    providers = (ProviderStatus("anthropic", "anthropic", "https://api.anthropic.com", "down", "the key is refused"),)
    snapshot = replace(snapshots.busy(), providers=providers)
    assert "the key is refused" in pane(tiers_view, snapshot, 118, 30).split("cache")[-1]
    assert "in all" in pane(cache_view, snapshot, 118, 30) and "in all" not in pane(cache_view, snapshot, 118, 10)


def test_the_prompt_caches_share_is_of_what_paid_tiers_were_sent() -> None:
    tiers = tuple(replace(tier, input_tokens=1_000) for tier in snapshots.busy().tiers)
    cache = replace(snapshots.busy().cache, prompt_cache_read_tokens=500)
    assert "500 read  25 % of paid input" in pane(cache_view, replace(snapshots.busy(), tiers=tiers, cache=cache))


def test_a_focused_frame_differs_without_colour() -> None:
    drawn = Drawn("Cache", "", ())
    plain, focused = (text_of(frame(drawn, 30, 4, replace(LOOK, focused=on))) for on in (False, True))
    assert plain != focused and "Cache" in focused
