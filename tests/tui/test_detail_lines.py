"""The lines of one request's detail."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.model import (
    CacheStatus,
    Cost,
    Counted,
    Reason,
    RequestRow,
    SessionLook,
    Status,
    Step,
    Target,
    Tier,
    Timeline,
)
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.panes.details import CUT_CHARACTERS
from llmgw_tui.panes.requests import request_line
from llmgw_tui.theme import ASCII, MUTED_STYLE, WARN_STYLE
from tests.fakes import details, snapshots
from tests.fakes.snapshots import CHEAP
from tests.tui.drawn import LOOK, text_of


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
