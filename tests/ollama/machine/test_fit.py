"""Does it fit: the verdict on every kind of machine, and what the machine is read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.local_values import FitVerdict, Machine
from gateway_core.ollama.machine.fit import Weight, context_bytes, judge
from gateway_core.ollama.machine.hardware import read_machine

GB = 1_000_000_000
LAPTOP = Machine(memory_bytes=16 * GB, available_bytes=10 * GB)
GAMER = Machine(
    memory_bytes=32 * GB, available_bytes=20 * GB, vram_bytes=12 * GB, vram_available_bytes=11 * GB, gpu="x"
)
APPLE = Machine(memory_bytes=32 * GB, available_bytes=16 * GB, vram_bytes=21 * GB, unified=True)
ELSEWHERE = Machine()


@pytest.mark.parametrize(
    ("machine", "weights_gb", "verdict"),
    [
        (LAPTOP, 5, FitVerdict.MEMORY),
        (LAPTOP, 11, FitVerdict.TIGHT),
        (LAPTOP, 40, FitVerdict.NO),
        (GAMER, 5, FitVerdict.VRAM),
        (GAMER, 14, FitVerdict.PARTLY),
        (GAMER, 33, FitVerdict.TIGHT),
        (GAMER, 60, FitVerdict.NO),
        (APPLE, 8, FitVerdict.VRAM),
        (APPLE, 18, FitVerdict.TIGHT),
        (ELSEWHERE, 5, FitVerdict.UNKNOWN),
    ],
)
def test_the_verdict_follows_from_what_is_free(machine: Machine, weights_gb: int, verdict: FitVerdict) -> None:
    judged = judge(Weight("m", weights_gb * GB, 16_384, 128 * 1024), machine)
    assert judged.verdict is verdict
    assert f"{(judged.need_bytes or 0) / 1e9:.1f} GB" in judged.why


def test_what_loaded_models_give_back_counts_as_free() -> None:
    weight = Weight("m", 11 * GB, 16_384, 128 * 1024)
    assert judge(weight, LAPTOP).verdict is FitVerdict.TIGHT
    assert judge(weight, LAPTOP, freed_bytes=6 * GB).verdict is FitVerdict.MEMORY


def test_a_longer_context_needs_more_and_an_unknown_shape_is_marked_as_a_guess() -> None:
    short, long = (Weight("m", 5 * GB, tokens, 128 * 1024) for tokens in (4096, 32_768))
    assert context_bytes(long) == 8 * context_bytes(short)
    guessed = judge(Weight("m", 5 * GB, 16_384), LAPTOP)
    known = judge(Weight("m", 5 * GB, 16_384, 128 * 1024), LAPTOP)
    assert guessed.context_estimated and not known.context_estimated
    assert "about" in guessed.why and guessed.context_bytes == pytest.approx(known.context_bytes, rel=0.3)


def test_the_machine_tells_memory_and_the_disk_of_the_models(tmp_path: Path) -> None:
    machine = read_machine(tmp_path, None)
    assert machine.memory_bytes and machine.available_bytes and machine.disk_free_bytes
    assert (machine.models_folder, machine.vram_bytes) == (str(tmp_path), None)
    assert read_machine(None, None).disk_free_bytes is None
