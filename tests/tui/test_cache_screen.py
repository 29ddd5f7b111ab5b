"""The cache screen: every key, typed into the app, and its lists as functions of frozen values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.model import CacheEntry, CacheHit, CachePage, CacheStatus, Reuse
from llmgw_tui.keymap import Keys
from llmgw_tui.panes.cached_answer import cached_answer_lines
from llmgw_tui.panes.caches import entries_list, hits_list, summary
from llmgw_tui.panes.detail import detail_lines
from llmgw_tui.screens.cache import CacheScreen
from llmgw_tui.screens.cached_answer import CachedAnswerScreen
from llmgw_tui.screens.detail import DetailScreen
from llmgw_tui.screens.questions import Confirm
from llmgw_tui.theme import ASCII
from tests.fakes import details, snapshots
from tests.tui.conftest import Stage, Staging
from tests.tui.drawn import LOOK, text_of
from tests.tui.test_text import is_harmless

ENTRIES, HITS = snapshots.cache_entries(), snapshots.cache_hits()


def page(*entries: CacheEntry, problem: str = "") -> CachePage:
    return CachePage(entries or ENTRIES, len(entries or ENTRIES), "", problem)


async def press(stage: Stage, *keys: str) -> None:
    for key in keys:
        await stage.press(key)
    if reading := [worker for worker in stage.app.workers if worker.name == "read"]:
        await stage.app.workers.wait_for_complete(reading)
    await stage.settle()


def _on_dashboard(stage: Stage) -> bool:
    return stage.app.screen is stage.app.dashboard


async def test_c_shows_what_is_kept_and_tab_what_was_answered(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c")
        assert isinstance(stage.app.screen, CacheScreen)
        for words in ("5 kept, newest first", "saved today $0.812", "How do I undo", "wrong hits 0.5 %", "$0.402"):
            assert words in stage.text
        await press(stage, "tab")
        for words in ("question answered", "the same", "0.971", "words", "Please tell me"):
            assert words in stage.text
        await press(stage, "tab", "c")
        assert _on_dashboard(stage)


async def test_enter_shows_the_answer_and_its_wordings_or_the_request(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c", "down", "enter")
        assert isinstance(stage.app.screen, CachedAnswerScreen)
        assert "It is Canberra." in stage.text and "Also asked as (1)" in stage.text and "5 times" in stage.text
        await press(stage, "y")
        assert stage.app.clipboard == "It is Canberra.\n\nNot Sydney."
        await press(stage, "escape", "tab", "enter")
        assert stage.toasts[-1] == "This request is no longer kept."
        row = replace(snapshots.busy().requests[1], id="req_1")
        stage.source.details["req_1"] = details.detail(row)
        await press(stage, "enter")
        assert isinstance(stage.app.screen, DetailScreen)


async def test_d_asks_with_another_key_and_then_forgets(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c", "down", "down", "d")
        assert isinstance(stage.app.screen, Confirm) and "How do I undo" in stage.text
        await press(stage, "d", "enter", "n")
        assert stage.ran == []
        await press(stage, "d", "y")
        assert stage.ran == [("forget_answer", {"entry": ENTRIES[2].id})]
        assert "4 kept" in stage.text and "How do I undo" not in stage.text
        await press(stage, "tab", "d")
        assert len(stage.ran) == 1


async def test_w_marks_the_hit_under_the_cursor_wrong(staging: Staging) -> None:
    async with staging(snapshots.busy(), keys=Keys({"mark_wrong": "f5"})) as stage:
        await press(stage, "c", "f5")
        assert stage.ran == [] and "Only a cached answer" in stage.toasts[0]
        await press(stage, "tab", "down", "f5")
        assert stage.ran == [("mark_wrong", {"request_id": "req_2"})]


async def test_slash_searches_and_escape_clears_before_it_leaves(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c", "slash", *"git")
        assert "1 kept" in stage.text and "/git" in stage.text and "Australia" not in stage.text
        await press(stage, "enter", "escape")
        assert "5 kept" in stage.text and isinstance(stage.app.screen, CacheScreen)
        await press(stage, "escape")
        assert _on_dashboard(stage)


async def test_o_orders_by_each_in_turn(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await press(stage, "c", "o", "o", "o", "o")
        assert [order for _, order in stage.source.looks] == ["newest", "hits", "saved", "largest", "newest"]
        await press(stage, "o")
        first = stage.text.split("\n")[5]
        assert "How do I undo" in first and "hits first" in stage.text


async def test_what_cannot_be_seen_is_said_and_what_can_is_shown(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        stage.source.problem, stage.source.hits = "The semantic cache's process is starting.", None
        await press(stage, "c")
        assert "process is starting" in stage.text and "Schreib eine" in stage.text
        stage.source.entries = ()
        await press(stage, "ctrl+r")
        assert "No cached answers match" not in stage.text
        await press(stage, "tab")
        assert "does not report hits" in stage.text


async def test_nothing_kept_is_said_and_no_key_breaks_it(staging: Staging) -> None:
    async with staging(snapshots.empty()) as stage:
        stage.source.entries, stage.source.hits = (), ()
        for _ in range(2):
            await press(
                stage, "c", "enter", "d", "w", "y", "end", "home", "pagedown", "tab", "enter", "d", "y", "escape"
            )
        await press(stage, "c")
        assert "No cached answers match" in stage.text and not any(name == "forget_answer" for name, _ in stage.ran)


@pytest.mark.parametrize("size", [(10, 3), (24, 6), (40, 10), (80, 24), (120, 40), (250, 70)])
async def test_no_size_and_no_text_breaks_it(staging: Staging, size: tuple[int, int]) -> None:
    async with staging(snapshots.hostile(), size=size) as stage:
        stage.source.entries = tuple(replace(one, question=snapshots.EVIL, model=snapshots.EVIL) for one in ENTRIES)
        stage.source.hits = tuple(
            replace(one, asked=snapshots.EVIL, answered=snapshots.EVIL, verdict=snapshots.EVIL) for one in HITS
        )
        stage.source.problem = snapshots.EVIL
        await press(stage, "c")
        assert all(is_harmless(line) for line in stage.text.split("\n"))
        await press(stage, "enter")
        assert all(is_harmless(line) for line in stage.text.split("\n"))
        await press(stage, "escape", "tab")
        assert all(is_harmless(line) for line in stage.text.split("\n"))


# --- the lists ---------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.text(), st.integers(min_value=8, max_value=160), st.integers(min_value=1, max_value=12))
def test_any_question_makes_harmless_lines_of_the_right_width(text: str, width: int, height: int) -> None:
    entries = tuple(replace(one, question=text, model=text) for one in ENTRIES)
    hits = tuple(replace(one, asked=text, answered=text + "x", verdict=text) for one in HITS)
    for lines in (
        entries_list(page(*entries, problem=text), LOOK, width).lines(0, 0, height),
        hits_list(hits, LOOK, width).lines(1, 0, height),
        summary(snapshots.busy().cache, LOOK, width),
        cached_answer_lines(snapshots.cached_answer(entries[1]), LOOK, width),
    ):
        assert all(strip.cell_length == width and is_harmless(strip.text) for strip in lines)
    assert len(entries_list(page(*entries), LOOK, width).lines(0, 0, height)) <= height


def test_in_ascii_nothing_of_ours_is_beyond_ascii() -> None:
    look = replace(LOOK, glyphs=ASCII)
    plain = tuple(one for one in ENTRIES if one.question.isascii())
    shown = text_of(entries_list(page(*plain), look, 80).lines(0, 0, 20)) + text_of(
        hits_list(HITS, look, 80).lines(0, 0, 20)
    )
    assert (shown + text_of(summary(snapshots.busy().cache, look, 120))).isascii()


def test_the_kinds_differ_without_colour() -> None:
    shown = text_of(entries_list(page(), LOOK, 80).lines(-1, 0, 20)).split("\n")
    assert [line[1] for line in shown[1:4]] == ["=", "~", "~"]


def test_hits_that_are_logged_without_their_question_are_shown(staging: Staging) -> None:
    old = CacheHit("req_9", snapshots.NOW, "semantic", "asked", "", "", None, 0.0, "", "", 0, 0.0)
    assert "asked" in text_of(hits_list((old,), LOOK, 100).lines(0, 0, 5))


# --- a request's detail ------------------------------------------------------------------------------------------


def test_the_detail_of_a_hit_says_which_answer_it_got_and_why() -> None:
    row = replace(snapshots.busy().requests[2], cache=CacheStatus.SEMANTIC, saved_ms=1_840.0)
    reuse = Reuse("What is the capital of Australia?", snapshots.NOW - 400, 400.0, "learned", 0.9412, asked="And its?")
    shown = text_of(detail_lines(replace(details.detail(row), reuse=reuse), LOOK, 100))
    for words in ("Answered again", "capital of Australia?", "And its?", "learned  cosine 0.941", "6:40", "1.84s"):
        assert words in shown
    same = replace(reuse, question="", cosine=None, verdict="same request")
    shown = text_of(detail_lines(replace(details.detail(row), reuse=same, decision=None), LOOK, 100))
    assert "this very request" in shown and "cosine" not in shown
    evil = replace(reuse, question=snapshots.EVIL, verdict=snapshots.EVIL, asked=snapshots.EVIL)
    lines = detail_lines(replace(details.detail(row), reuse=evil), LOOK, 60)
    assert all(is_harmless(strip.text) for strip in lines)
