"""The views of local models: pure functions of frozen values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.strip import Strip

from gateway_core.model import (
    Fit,
    FitVerdict,
    LayerState,
    LocalModel,
    LocalServer,
    Machine,
    ModelSpeed,
    PullLayer,
    PullStatus,
    UpdateCheck,
)
from llmgw_tui.panes.local import local_view
from llmgw_tui.panes.model_info import about_model, absent_lines, cannot_lines, context_allowed, fit_words, no_models
from llmgw_tui.panes.models import legend, letters_of, models_list, ordered, stale_words, summary
from llmgw_tui.panes.pulls import percent_done, pull_line, pull_lines
from llmgw_tui.screens.model_questions import context_choices, parsed_context
from llmgw_tui.screens.models_layout import AROUND, arranged
from llmgw_tui.theme import ASCII
from tests.fakes import local, snapshots
from tests.tui.drawn import LOOK, text_of
from tests.tui.test_text import is_harmless

NOW = snapshots.NOW
SERVER = local.ollama(NOW)
QWEN, NOMIC, LLAMA, ALIAS, GEMMA = local.models(NOW)
KEYS = "p goes on, x forgets"


def all_lines(server: LocalServer, width: int) -> tuple[Strip, ...]:
    """Everything there is to draw of a server."""
    snapshot = replace(snapshots.busy(), local=server)
    out: tuple[Strip, ...] = (*summary(server, LOOK, width), legend(width), *absent_lines(server, LOOK, width))
    out += models_list(snapshot, server.models, LOOK, width, ()).lines(0, 0, 60)
    out += no_models(server, LOOK, width, searched="x", pull_key="p")
    out += pull_lines(server.pulls, LOOK, width, KEYS).lines
    out += cannot_lines(server, LOOK, width)
    for model in server.models:
        out += about_model(model, server, ("local", "cheap"), local.fits(model.name), LOOK, width, full=True)
    return out


@settings(max_examples=40)
@given(st.text(), st.integers(min_value=8, max_value=200))
def test_any_text_makes_harmless_lines_of_the_right_width(text: str, width: int) -> None:
    for server in (replace(SERVER, pulls=local.pulls(NOW)), local.absent(NOW), local.lm_studio(NOW)):
        lines = all_lines(local.hostile(server, text), width)
        assert all(strip.cell_length == width and is_harmless(strip.text) for strip in lines)


@settings(max_examples=60)
@given(
    st.integers(min_value=0, max_value=2**60),
    st.integers(min_value=0, max_value=2**60),
    st.floats(min_value=0, max_value=1),
    st.one_of(st.none(), st.floats(min_value=0, max_value=1e12)),
    st.integers(min_value=6, max_value=140),
)
def test_any_figures_of_a_pull_can_be_drawn(
    done: int, total: int, share: float, eta_s: float | None, width: int
) -> None:
    layers = (PullLayer("sha256:x", total, done), PullLayer("", 0, 0, LayerState.WAITING))
    pull = PullStatus("m", "pulling x", done, total, layers=layers, share=share, eta_s=eta_s, bytes_per_s=eta_s)
    assert pull_line(pull, LOOK, width).cell_length == width
    assert all(strip.cell_length == width for strip in pull_lines((pull,), LOOK, width, KEYS).lines)


def test_in_ascii_nothing_of_ours_is_beyond_ascii() -> None:
    look = replace(LOOK, glyphs=ASCII)
    snapshot = replace(snapshots.busy(), local=replace(SERVER, pulls=local.pulls(NOW)))
    shown = text_of(models_list(snapshot, SERVER.models, look, 160, ()).lines(0, 0, 20))
    shown += text_of(pull_lines(local.pulls(NOW), look, 100, KEYS).lines) + text_of(summary(SERVER, look, 160))
    shown += text_of(about_model(QWEN, SERVER, ("local",), local.fits("m"), look, 100))
    shown += text_of(absent_lines(local.absent(NOW), look, 100)) + text_of(local_view(snapshot, look, 100, 20).lines)
    assert shown.isascii()


def test_a_pull_is_whole_only_when_it_is_done() -> None:
    assert percent_done(PullStatus("m", "pulling", share=0.9999)) == "99 %"
    assert percent_done(PullStatus("m", "success", share=1.0, done=True)) == "100 %"


def test_states_of_pulls_differ_without_colour() -> None:
    running, _, failed, interrupted = local.pulls(NOW)
    cancelled = replace(running, cancelled=True, done=True)
    done = replace(running, done=True, share=1.0)
    shown = [pull_line(pull, LOOK, 60).text for pull in (running, failed, interrupted, cancelled, done)]
    assert [line[0] for line in shown] == ["▸", "✗", "■", "–", "✓"]
    for line, word in zip(shown[1:], ("failed", "interrupted at 51 %", "cancelled at 42 %", "done"), strict=True):
        assert word in line


def test_the_small_pane_shows_speed_and_time_left_before_sizes() -> None:
    shown = local_view(snapshots.busy(), LOOK, 58, 6).lines[1].text
    assert "42 %  7:17 left  12.3 MB/s" in shown
    stalled = replace(SERVER, pulls=(local.pulls(NOW)[1],))
    assert "stalled 12 s" in text_of(local_view(replace(snapshots.busy(), local=stalled), LOOK, 58, 6).lines)


def test_the_dashboard_pane_leaves_room_for_models_beside_many_pulls() -> None:
    many = tuple(replace(local.pulls(NOW)[0], model=f"m{number}") for number in range(9))
    shown = text_of(local_view(replace(snapshots.busy(), local=replace(SERVER, pulls=many)), LOOK, 58, 8).lines)
    assert "qwen3:8b" in shown and "and 4 more" in shown


def test_what_is_stale_is_said_in_letters_and_words() -> None:
    assert [stale_words(model) for model in (QWEN, LLAMA, GEMMA)] == ["", "N", "N 63d"]
    shown = text_of(about_model(GEMMA, SERVER, (), None, LOOK, 100))
    assert "stale: unused for 63 days" in shown and "stale: the registry has a newer one" in shown
    unknown = replace(QWEN, update=UpdateCheck(None, None, "LOCAL_REGISTRY is off."))
    assert "LOCAL_REGISTRY is off." in text_of(about_model(unknown, SERVER, (), None, LOOK, 100))


def test_capabilities_are_letters_and_unknown_ones_a_plus() -> None:
    assert letters_of(LocalModel("m", capabilities=("vision", "completion", "audio"))) == "CV+"
    assert letters_of(LocalModel("m")) == ""
    shown = text_of(about_model(LocalModel("m", capabilities=("tools", "audio")), SERVER, (), None, LOOK, 100))
    assert "T tools, audio" in shown


def test_speed_is_told_with_what_it_was_measured_on() -> None:
    model = replace(QWEN, speed=ModelSpeed(41.34, 1, 912.7, 3, NOW - 90))
    shown = text_of(about_model(model, SERVER, (), None, LOOK, 140))
    assert "41.3 tokens/s over 1 answer, reads prompts at 913 tokens/s, measured 1:30 ago" in shown
    assert "not measured yet" in text_of(about_model(replace(QWEN, speed=ModelSpeed()), SERVER, (), None, LOOK, 100))


@pytest.mark.parametrize("query", ["qwen", "gemma3 q4", "NEWER vision", "loaded embedding", "unused", "nomic-bert"])
def test_the_filter_finds_by_name_family_quantisation_ability_and_state(query: str) -> None:
    found = [model.name for model in ordered(SERVER.models, "name", query)]
    expected = {
        "qwen": ["qwen3:8b"],
        "gemma3 q4": ["gemma3:12b"],
        "NEWER vision": ["gemma3:12b"],
        "loaded embedding": ["nomic-embed-text:latest"],
        "unused": ["gemma3:12b"],
        "nomic-bert": ["nomic-embed-text:latest"],
    }
    assert found == expected[query]


def test_a_pinned_model_that_is_not_loaded_says_so() -> None:
    shown = text_of(about_model(replace(GEMMA, pinned=True), SERVER, (), None, LOOK, 100))
    assert "no; it is pinned" in shown


def test_a_model_past_its_time_is_ending_not_negative() -> None:
    late = replace(QWEN, expires_at=NOW - 20)
    shown = text_of(models_list(snapshots.busy(), (late,), LOOK, 100, ()).lines(0, 0, 5))
    assert "ending" in shown


def test_memory_of_apple_silicon_is_one() -> None:
    apple = Machine(32_000_000_000, 20_000_000_000, 21_000_000_000, None, "Apple M2", True)
    shown = text_of(summary(replace(SERVER, machine=apple), LOOK, 140))
    assert "of it up to 21.0 GB for the GPU" in shown and "VRAM" not in shown


def test_a_server_elsewhere_says_that_memory_is_not_known() -> None:
    shown = text_of(summary(replace(SERVER, machine=Machine()), LOOK, 100))
    assert "memory and disk unknown" in shown


def test_fit_says_its_figures_and_a_disk_that_is_too_small() -> None:
    words = " ".join(fit_words(local.fits("m")))
    assert "weights 9.3 GB, context of 16k about 3.1 GB" in words and "download 9.3 GB" in words
    full = replace(local.fits("m"), disk_free_bytes=1_000_000_000)
    assert "NOT ENOUGH DISK SPACE" in " ".join(fit_words(full))
    assert fit_words(Fit("m", FitVerdict.UNKNOWN, "")) == ("not known",)


def test_the_context_that_memory_allows_comes_from_the_fit() -> None:
    fit = Fit("m", FitVerdict.MEMORY, "", 10_000, 4_000_000_000, 1_000_000_000, False, 10_000_000_000)
    assert context_allowed(fit) == 60_000 // 1024 * 1024
    assert context_allowed(replace(fit, memory_available_bytes=4_000_000_000)) is None
    assert context_allowed(replace(fit, memory_available_bytes=None)) is None and context_allowed(None) is None


def test_contexts_are_offered_once_each() -> None:
    model = replace(QWEN, num_ctx=32_768, context_length=32_768, trained_context=32_768)
    offered = [value for value, _ in context_choices(model, None)]
    assert offered == ["auto", "32768", "\0other"]


@pytest.mark.parametrize(
    ("typed", "tokens"),
    [("auto", "auto"), (" AUTO ", "auto"), ("8192", 8192), ("8,192", 8192), ("128k", 131_072), ("511", None),
     ("0", None), ("k", None), ("-5", None), ("8.5k", None), ("", None), ("٣٢٧٦٨", None)],
)  # fmt: skip
def test_a_typed_context_is_read_or_refused(typed: str, tokens: int | str | None) -> None:
    assert parsed_context(typed) == tokens


@given(
    st.integers(min_value=1, max_value=250),
    st.integers(min_value=1, max_value=80),
    st.integers(min_value=0, max_value=2_000),
    st.integers(min_value=0, max_value=80),
    st.integers(min_value=0, max_value=40),
)
def test_the_parts_fit_any_terminal(width: int, height: int, models: int, pulls: int, about: int) -> None:
    parts = arranged(width, height, models, pulls, about)
    room = max(0, height - AROUND - parts.legend)
    assert min(parts.pulls, parts.about, parts.list_rows) >= 0
    if parts.beside:
        assert parts.pulls + parts.about <= room
    else:
        assert parts.pulls + parts.about + parts.list_rows <= room
        assert parts.list_rows >= min(models + 1, 3) or not (parts.pulls or parts.about)
