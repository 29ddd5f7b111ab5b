"""Whether models can be loaded beside those that are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.clock import SystemClock
from gateway_core.local_values import LocalModel, Machine
from gateway_core.ollama.context import Shape
from gateway_core.ollama.contexts import Contexts
from gateway_core.ollama.discovery import Found
from gateway_core.ollama.machine.fitting import Fitting
from gateway_core.ollama.machine.surroundings import Surroundings
from gateway_core.ollama.registry import Registry

GB = 1_000_000_000
EIGHT, FOURTEEN = LocalModel("qwen3:8b", 5 * GB), LocalModel("qwen3:14b", 9 * GB)
IDLE = LocalModel("idle", 6 * GB, loaded=True, size_vram_bytes=6 * GB, expires_at=5.0)
FOUND = Found(
    "ollama",
    models=(EIGHT, FOURTEEN, IDLE),
    shapes={model.name: Shape(model.size_bytes, 100_000, 40_960) for model in (EIGHT, FOURTEEN)},
    running={"idle": IDLE},
)
CPU = Machine(memory_bytes=32 * GB, available_bytes=16 * GB)
GPU = replace(CPU, vram_bytes=24 * GB, vram_available_bytes=10 * GB)


def beside(*models: LocalModel, machine: Machine = CPU, leaving: tuple[str, ...] = (), **more: Any) -> bool:
    found, clock = replace(FOUND, **more), SystemClock()
    contexts = Contexts(lambda: found, lambda: None, clock, limit=None, keep_alive=None, same_machine=True)
    fitting = Fitting(Registry(clock, enabled=False), Surroundings(clock), contexts)
    return fitting.beside(models, found, machine, frozenset(leaving))


def test_weights_and_contexts_of_all_of_them_must_fit() -> None:
    assert beside(EIGHT) and beside(FOURTEEN)
    assert not beside(EIGHT, FOURTEEN)


def test_where_there_is_a_gpu_they_must_fit_on_it() -> None:
    assert beside(EIGHT, machine=GPU)
    assert not beside(FOURTEEN, machine=GPU)
    assert beside(FOURTEEN, machine=GPU, leaving=("idle",))


@pytest.mark.parametrize(("machine", "kind"), [(Machine(), "ollama"), (CPU, "openai")])
def test_what_nobody_can_see_does_not_fit(machine: Machine, kind: str) -> None:
    assert not beside(EIGHT, machine=machine, kind=kind)
