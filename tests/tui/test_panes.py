"""The views: pure functions from a frozen snapshot to lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.strip import Strip

from gateway_core.model import (
    BudgetStatus,
    CacheStatus,
    Cost,
    Counted,
    Forecast,
    KillSwitch,
    ProviderStatus,
    PullStatus,
    Reason,
    RequestRow,
    SessionLook,
    Snapshot,
    Status,
    Step,
    Target,
    Tier,
    Timeline,
)
from gateway_core.spending.forecast import Today, forecast
from llmgw_tui.filtering import Typed, matching
from llmgw_tui.panes.cache import cache_view
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.panes.details import CUT_CHARACTERS
from llmgw_tui.panes.draw import Drawn, Look, frame, shares
from llmgw_tui.panes.footer import Hint, action_at, footer_view
from llmgw_tui.panes.header import Link, header_view
from llmgw_tui.panes.local import local_view
from llmgw_tui.panes.requests import Table, request_line, requests_view
from llmgw_tui.panes.spend import budget_bar, spend_view
from llmgw_tui.panes.tiers import tiers_view
from llmgw_tui.text import count, dollars
from llmgw_tui.theme import ASCII, MUTED_STYLE, UNICODE, WARN_STYLE
from llmgw_tui.widgets import chart
from tests.fakes import details, snapshots
from tests.fakes.snapshots import CHEAP
from tests.tui.test_text import is_harmless

LOOK = Look(snapshots.NOW)
View = Callable[[Snapshot, Look, int, int], Drawn]


def _requests(snapshot: Snapshot, look: Look, width: int, height: int) -> Drawn:
    return requests_view(snapshot, Table(), look, width, height)


VIEWS: tuple[View, ...] = (_requests, tiers_view, cache_view, spend_view, local_view)
MOMENTS = (snapshots.busy, snapshots.empty, snapshots.killed, snapshots.over_budget, snapshots.demo, snapshots.hostile)


@pytest.fixture(autouse=True, scope="module")
def plotext_is_there() -> None:
    chart.load()


def text_of(lines: tuple[Strip, ...]) -> str:
    return "\n".join(strip.text for strip in lines)


def pane(view: View, snapshot: Snapshot, width: int = 78, height: int = 12, look: Look = LOOK) -> str:
    return text_of(view(snapshot, look, width, height).lines)


def header(snapshot: Snapshot | None, link: Link | None = None, width: int = 120, height: int = 3) -> str:
    return text_of(header_view(snapshot, link or Link(), LOOK, width, height))


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


# --- header, footer, detail --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("snapshot", "link", "words"),
    [
        (snapshots.busy(), Link(), ["RUNNING", "http://127.0.0.1:8000", "tier auto", "$3.42", "of $50", "1 in flight"]),
        (snapshots.killed(), Link(), ["KILLED", "14:02:40", "by key"]),
        (snapshots.empty(), Link(), ["DEGRADED", "PREMIUM has no key", "the built-in model answers"]),
        (snapshots.demo(), Link(), ["DEMO: paid upstreams are simulated", "forced: premium"]),
        (snapshots.over_budget(), Link(), ["HARD LIMIT"]),
        (snapshots.busy(), Link(attached=True), ["RUNNING", "ATTACHED"]),
        (snapshots.busy(), Link(True, False, snapshots.NOW - 95), ["STALE 1:35", "ATTACHED"]),
        (replace(snapshots.busy(), read_only=True), Link(), ["READ-ONLY"]),
        (None, Link(True, False, None, "nothing listens there"), ["CONNECTING", "nothing listens there"]),
    ],
)
def test_the_header_says_the_state_in_words(snapshot: Snapshot | None, link: Link, words: list[str]) -> None:
    shown = header(snapshot, link)
    assert all(word in shown for word in words), shown


@pytest.mark.parametrize("width", [40, 64, 80, 120, 250])
def test_the_demo_is_labelled_at_every_width(width: int) -> None:
    assert "DEMO" in header(snapshots.demo(), width=width, height=1 if width < 64 else 2)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("width", [24, 40, 63, 80, 120, 250])
def test_the_header_fits(moment: Callable[[], Snapshot], width: int) -> None:
    for height in (1, 2, 3):
        lines = header_view(moment(), Link(True, False, snapshots.NOW - 5), LOOK, width, height)
        assert [strip.cell_length for strip in lines] == [width] * height


def test_the_footer_shows_what_fits_and_knows_what_was_clicked() -> None:
    hints = (Hint("k", "kill", "kill_switch"), Hint("0", "auto", "force_auto"), Hint("q", "quit", "quit"))
    assert footer_view(hints, 20).text == " k kill  0 auto     "
    assert [action_at(hints, 20, x) for x in (1, 9, 18)] == ["kill_switch", "force_auto", ""]


def test_the_detail_holds_everything() -> None:
    shown = text_of(detail_lines(details.detail(), LOOK, 100))
    for word in (
        "hard:design",
        "0.82",
        "main stayed on premium",
        "first token",
        "14,100",
        "$0.048",
        "cheap groq/llama-4-scout",
        "Never touch production.",
        "[image/png, 3 B]",
        "read_file",
        "schema.sql",
        "Größe bitte",
        "One ledger table",
    ):
        assert word in shown


def test_the_detail_says_what_the_money_was_for_and_what_saved_how_much() -> None:
    shown = replace(
        details.detail().row,
        cost_microusd=13_000,
        saved_microusd=-2000,
        premium_microusd=11_000,
        no_prompt_cache_microusd=11_000,
    )
    detail = replace(details.detail(), row=shown, cost=Cost(input=2000, cache_write=10_000, output=1000))
    text = text_of(detail_lines(detail, LOOK, 100))
    assert "input $0.0020  cache write $0.010  output $0.0010" in text
    assert "-$0.0020  by prompt cache -$0.0020" in text
    assert "$0.011  premium would have cost, at its list price" in text
    guessed = replace(detail, remarks=(Reason("price", "No price is known for groq/x."),))
    assert "price unknown" in text_of(detail_lines(guessed, LOOK, 100))
    older = replace(detail, row=replace(shown, premium_microusd=None, no_prompt_cache_microusd=None), cost=Cost())
    assert "against the premium model's list price" in text_of(detail_lines(older, LOOK, 100))


def test_what_a_cut_answer_can_have_used_is_not_told_as_measured() -> None:
    measured = replace(details.detail().row, stream=True, output_tokens=2_210, cost_microusd=13_000)
    cut = replace(measured, status=Status.KILLED, output_counted=Counted.CEILING)
    shown = {
        row.status: text_of(detail_lines(replace(details.detail(), row=row, decision=None), LOOK, 100))
        for row in (measured, cut)
    }
    assert "tokens/s" in shown[Status.OK] and "at most" not in shown[Status.OK]
    assert "tokens/s" not in shown[Status.KILLED]
    assert "at most 2,210" in shown[Status.KILLED] and "at most $0.013" in shown[Status.KILLED]
    assert "at most 4,020" not in shown[Status.KILLED], "the prompt was counted"

    line = request_line(replace(cut, input_tokens=18_420, input_counted=Counted.ESTIMATED), LOOK.now, LOOK, 120).text
    assert "~18k" in line and "≤3k" in line
    ascii_look = replace(LOOK, glyphs=ASCII)
    assert "<3k" in request_line(cut, LOOK.now, ascii_look, 120).text


def test_breakpoints_are_told_quietly_and_a_broken_cache_is_not() -> None:
    remarks = (
        Reason("prompt cache", "Breakpoints at tools[13] (5 min)"),
        Reason("cache break", "Changed by the client"),
    )
    lines = detail_lines(replace(details.detail(), remarks=remarks), LOOK, 100)
    drawn = [segment for line in lines for segment in line]
    assert [part.style for part in drawn if "Breakpoints at tools" in part.text] == [MUTED_STYLE]
    assert [part.style for part in drawn if "Changed by the client" in part.text] == [WARN_STYLE]


def test_big_bodies_are_cut_until_asked_for() -> None:
    cut, whole = (detail_lines(details.detail(), LOOK, 100, whole=whole) for whole in (False, True))
    assert "more characters" in text_of(cut) and "more characters" not in text_of(whole)
    assert len(whole) > len(cut)


def test_a_long_line_is_wrapped_without_losing_a_word() -> None:
    words = " ".join(f"word{n}" for n in range(CUT_CHARACTERS // 20)) + " 日本語" * 40 + "§" * 300
    detail = replace(details.detail(), messages=({"role": "user", "content": words},))
    shown = text_of(detail_lines(detail, LOOK, 60, whole=True))
    assert all(f"word{n}" in shown for n in range(CUT_CHARACTERS // 20)) and shown.count("§") == 300


def test_a_running_request_has_no_answer_yet() -> None:
    running: RequestRow = snapshots.busy().requests[0]
    assert running.tier is Tier.PREMIUM and running.cache is CacheStatus.MISS
    assert "none yet" in text_of(detail_lines(replace(details.detail(running), answer=None), LOOK, 80))


def test_a_provider_that_is_down_is_named_in_the_header_and_explained_beside_its_tier() -> None:
    moment = snapshots.busy()
    why = "llama-4-scout: circuit open after 5 failures, next try in 12 s"
    down = tuple(replace(p, state="down", detail=why) if p.name == "groq" else p for p in moment.providers)
    moment = replace(moment, providers=down)
    assert "groq down" in header(moment)
    assert f"groq/llama-4-scout  down: {why}" in pane(tiers_view, moment, width=118)
    assert "down" not in header(snapshots.busy()) + pane(tiers_view, snapshots.busy(), width=118)


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


LINKS = st.builds(
    Link,
    attached=st.booleans(),
    connected=st.booleans(),
    stale_since=st.one_of(st.none(), st.just(snapshots.NOW - 75)),
)


@settings(deadline=None)
@given(
    link=LINKS,
    killed=st.booleans(),
    state=st.sampled_from(["running", "degraded"]),
    read_only=st.booleans(),
    forced=st.sampled_from([None, *Tier]),
    down=st.booleans(),
    simulated=st.booleans(),
    spent=st.sampled_from([0, 6_000_000, 16_000_000, 51_000_000]),
    size=st.one_of(st.tuples(st.integers(80, 220), st.integers(2, 3)), st.tuples(st.integers(100, 220), st.just(1))),
)
def test_the_header_says_all_that_is_true_and_nothing_else(
    link: Link,
    killed: bool,
    state: str,
    read_only: bool,
    forced: Tier | None,
    down: bool,
    simulated: bool,
    spent: int,
    size: tuple[int, int],
) -> None:
    busy = snapshots.busy()
    status = ProviderStatus("groq", "openai", "https://api.groq.com", "down" if down else "ok", "")
    snapshot = replace(
        busy,
        state="killed" if killed else state,
        state_detail="no premium" if state == "degraded" and not killed else "",
        kill=KillSwitch(killed, snapshots.NOW if killed else None, "key"),
        read_only=read_only,
        forced_tier=forced,
        providers=(status,),
        simulated=simulated,
        budget=replace(
            busy.budget,
            spent_microusd=spent,
            soft_microusd=5_000_000,
            medium_microusd=15_000_000,
            hard_microusd=50_000_000,
        ),
    )
    text = header(snapshot, link, *size)
    assert ("KILLED" in text) == killed
    assert ("DEGRADED" in text) == (state == "degraded" and not killed)
    assert ("RUNNING" in text) == (state == "running" and not killed and link.connected)
    assert ("STALE" in text) == (not link.connected)
    assert ("ATTACHED" in text) == link.attached and ("READ-ONLY" in text) == read_only
    assert ("DEMO" in text) == simulated
    assert ("forced: " in text) == (forced is not None) and (forced is None or f"forced: {forced.value}" in text)
    assert ("groq down" in text) == down
    over = {0: "", 6_000_000: "OVER SOFT", 16_000_000: "OVER MEDIUM", 51_000_000: "HARD LIMIT"}
    assert [words for words in filter(None, over.values()) if words in text] == [over[spent]] * bool(over[spent])


def test_the_decision_says_what_was_measured_of_this_request_and_what_is_usual() -> None:
    """Nobody waits for "about 0:00"; and what a provider takes as a rule is no estimate for this prompt."""
    shown = details.detail()
    decision, record = shown.decision, details.record()
    assert decision is not None
    local, cheap, premium = record.considered
    timed = (
        replace(local, answer_tokens=300),
        replace(cheap, seconds=0.45, passed_over="it would push out llama"),
        premium,
    )
    look = SessionLook(Target(Tier.CHEAP, *CHEAP, False), cached_tokens=12_000, warm_s=200, asked_again=0.43)
    record = replace(record, considered=timed, session=look)
    text = text_of(detail_lines(replace(shown, decision=replace(decision, record=record)), LOOK, 120))
    assert "about 41.0s" in text and "usually 450ms" in text and "it would push out llama" in text
    assert f"{CHEAP[1]} answered last; 12,000 tokens in its prompt cache, warm for 3:20; 0.43 alike" in text


def test_a_request_that_the_router_refused_does_not_say_that_it_was_not_asked() -> None:
    shown = replace(details.detail(), decision=None, row=replace(details.detail().row, route=""))
    asked = replace(shown, timeline=Timeline((Step("router", 1.0, 0.5, "context_length_exceeded"),)))
    assert "nowhere: nobody could take it" in text_of(detail_lines(asked, LOOK, 100))
    assert "the router was not asked" in text_of(detail_lines(replace(shown, timeline=Timeline()), LOOK, 100))
