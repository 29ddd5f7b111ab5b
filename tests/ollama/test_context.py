"""Contexts are as large as the prompt needs and memory allows, and change as seldom as can be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import JsonObject
from gateway_core.ollama.context import Need, Shape, bytes_a_token, context_for, largest_context, need_of
from gateway_core.ollama.machine.memory import available_bytes
from tests.fakes.ollama import recording

GIB = 1024**3
LLAMA_8B = Shape(int(4.9 * GIB), 131_072, 131_072)


def info(**more: object) -> JsonObject:
    return {"general.architecture": "a", **{f"a.{name.replace('__', '.')}": value for name, value in more.items()}}


def test_the_recorded_model_takes_what_its_layers_and_heads_say() -> None:
    """30 layers, 3 shared heads of 64, keys and values, 2 bytes each. Recorded: 209,505,483 bytes with 4,096 tokens."""
    each = bytes_a_token(json.loads(recording("show")["body"])["model_info"])
    assert each == 30 * 3 * (64 + 64) * 2 == 23_040
    assert 98_362_985 + 4096 * each < 209_505_483 < 98_362_985 + 4096 * each * 1.25


def test_lengths_of_key_and_value_win_over_the_width() -> None:
    told = info(block_count=2, attention__head_count=4, embedding_length=64, attention__key_length=256)
    assert bytes_a_token(told) == 2 * 4 * (256 + 16) * 2


@pytest.mark.parametrize("missing", ["block_count", "attention__head_count", "embedding_length"])
@pytest.mark.parametrize("value", [None, 0, [8, 0, 8], "8", True])
def test_a_model_that_tells_too_little_is_not_guessed(missing: str, value: object) -> None:
    told = {"block_count": 2, "attention__head_count": 4, "embedding_length": 64, missing: value}
    assert bytes_a_token(info(**told)) is None
    assert bytes_a_token({}) is None


def test_heads_that_differ_by_layer_count_as_all_heads() -> None:
    told = info(block_count=2, attention__head_count=4, embedding_length=64, attention__head_count_kv=[1, 4])
    assert bytes_a_token(told) == 2 * 4 * 32 * 2


@pytest.mark.parametrize(
    ("memory_gib", "tokens"),
    [(64, 131_072), (16, 51_200), (8, 9_216), (6.5, 4096), (1, 4096), (None, 13_107)],
)
def test_memory_bounds_the_context(memory_gib: float | None, tokens: int) -> None:
    memory = None if memory_gib is None else int(memory_gib * GIB)
    assert largest_context(LLAMA_8B, memory_bytes=memory, limit=None, loaded=None) == tokens


def test_the_operators_word_stands_above_memory_and_below_the_training() -> None:
    assert largest_context(LLAMA_8B, memory_bytes=GIB, limit=65_536, loaded=None) == 65_536
    assert largest_context(LLAMA_8B, memory_bytes=64 * GIB, limit=2048, loaded=None) == 2048
    assert largest_context(LLAMA_8B, memory_bytes=None, limit=1 << 20, loaded=None) == 131_072


def test_a_model_that_runs_in_the_cloud_takes_no_memory_here() -> None:
    assert largest_context(Shape(384, None, 131_072), memory_bytes=GIB, limit=None, loaded=None) == 131_072


def test_what_is_loaded_is_there() -> None:
    assert largest_context(LLAMA_8B, memory_bytes=GIB, limit=None, loaded=40_000) == 40_000


def test_a_model_that_tells_nothing_gets_little() -> None:
    untold = Shape(GIB, None, None)
    assert largest_context(untold, memory_bytes=None, limit=None, loaded=None) == 4096
    assert largest_context(untold, memory_bytes=64 * GIB, limit=None, loaded=None) == 8192


@pytest.mark.parametrize(
    ("prompt", "in_force", "asked_for"),
    [
        (10, None, 4096),
        (14_000, None, 32_768),
        (14_000, 24_576, 24_576),
        (10, 32_768, 32_768),
        (5_000, 4096, 8192),
        (60_000, None, 100_000),
        (99_000, None, 100_000),
        (99_800, None, None),
    ],
)
def test_contexts_double_and_one_that_is_large_enough_stays(
    prompt: int, in_force: int | None, asked_for: int | None
) -> None:
    assert context_for(need_of(prompt, None), in_force=in_force, usual=4096, largest=100_000) == asked_for


def test_a_model_made_with_a_context_gets_it_unless_another_is_in_force() -> None:
    need = need_of(10, None)
    assert context_for(need, in_force=None, usual=16_384, largest=32_768) == 16_384
    assert context_for(need, in_force=4096, usual=16_384, largest=32_768) == 4096


def test_the_answer_has_room_within_reason() -> None:
    assert need_of(1000, 100) == Need(1350, 1100)
    assert need_of(1000, 100_000) == Need(5346, 1512)
    assert need_of(1000, None, exact=True) == Need(2024, 1512)


@given(st.lists(st.integers(1, 120_000), min_size=1, max_size=30))
def test_a_session_never_shrinks_and_loads_seldom(prompts: list[int]) -> None:
    in_force: int | None = None
    contexts = []
    for prompt in prompts:
        in_force = context_for(need_of(prompt, None), in_force=in_force, usual=4096, largest=131_072)
        assert in_force is not None and in_force >= prompt + 512
        contexts.append(in_force)
    assert contexts == sorted(contexts)
    assert len(set(contexts)) <= 6


def test_memory_is_read_where_the_system_tells_it(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16 kB\nMemAvailable:   12 kB\n")
    assert available_bytes(meminfo) == 12 * 1024


@pytest.mark.parametrize("text", ["", "MemAvailable:\n", "MemAvailable: many kB\n"])
def test_memory_elsewhere_is_half_of_what_is_built_in(tmp_path: Path, text: str) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(text)
    guessed = available_bytes(meminfo)
    assert guessed is not None and guessed > 0
    assert guessed == available_bytes(tmp_path / "missing")
