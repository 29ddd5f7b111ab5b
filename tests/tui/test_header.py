"""The header says all that is true and nothing else; the footer what can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.model import (
    KillSwitch,
    ProviderStatus,
    Snapshot,
    Tier,
)
from llmgw_tui.panes.footer import Hint, action_at, footer_view
from llmgw_tui.panes.header import Link, header_view
from llmgw_tui.panes.tiers import tiers_view
from tests.fakes import snapshots
from tests.tui.drawn import LOOK, MOMENTS, header, pane

LINKS = st.builds(
    Link,
    attached=st.booleans(),
    connected=st.booleans(),
    stale_since=st.one_of(st.none(), st.just(snapshots.NOW - 75)),
)


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


def test_a_provider_that_is_down_is_named_in_the_header_and_explained_beside_its_tier() -> None:
    moment = snapshots.busy()
    why = "llama-4-scout: circuit open after 5 failures, next try in 12 s"
    down = tuple(replace(p, state="down", detail=why) if p.name == "groq" else p for p in moment.providers)
    moment = replace(moment, providers=down)
    assert "groq down" in header(moment)
    assert f"groq/llama-4-scout  down: {why}" in pane(tiers_view, moment, width=118)
    assert "down" not in header(snapshots.busy()) + pane(tiers_view, snapshots.busy(), width=118)


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
